"""Six brains at 3 T of paper 06, on Mendeley Data: nobody told us its files, so any folder of scans will do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wbir.cohorts._folder_of_scans import folder_cases
from wbir.cohorts._scans import write_cohort
from wbir.data.tree import Tree
from wbir.errors import InputError

DATASET = "mendeley-gnhg9n76nn"
COHORT = {
    "title": "Six brains at 3 T",
    "reference": "Paper 06, Sect. 3.1; Mendeley Data, doi:10.17632/gnhg9n76nn.1",
    "describes": "MRI of six people: three men of 20 to 30 years, the moving images of paper 06, and three women of 40 to 50,"
    " its fixed ones, for looking at. Names and format of the files are not known to us, nor who is who: every ordered"
    " pair of the NIfTI scans found is a case, but for a table `cases.csv` of your own (as in scan_folder) that"
    " names the paper's three. No labels.",
    "sources": ["public", "local"],
    "datasets": ["mendeley-gnhg9n76nn"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 30,
    "parameters": {
        "pairs": None,  # without a table: so many, drawn by the seed; null: every one
        "place": "headers",  # where the moving scan starts: headers | centres (of the grids meet)
    },
    "tiny": {},
    "dims": 3,
}


def build(
    folder: Path, *, source: str, data: Mapping[str, Path] | None, seed: int, pairs: int | None, place: str
) -> None:
    """Write the cases of the data set's folder. Raises InputError as `folder_cases` does."""
    if data is None:
        raise InputError(f"a folder of {DATASET}", "none", "name it (see docs/data-access.md)")
    cases = folder_cases(Tree(DATASET, Path(data[DATASET])), pairs=pairs, place=place, seed=seed)
    write_cohort(folder, COHORT, cases, source=source, seed=seed, parameters={"pairs": pairs, "place": place})
