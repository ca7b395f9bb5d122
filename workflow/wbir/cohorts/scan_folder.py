"""Your own scans: any folder of NIfTI files, with or without a table of pairs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wbir.cohorts._folder_of_scans import folder_cases
from wbir.cohorts._scans import write_cohort
from wbir.data.tree import Tree
from wbir.errors import InputError

COHORT = {
    "title": "A folder of scans",
    "reference": "whoever has the folder",
    "describes": "Whatever 3D scans lie in a folder that you name, on the fixed scan's grid, with the values of the files. A"
    " table `cases.csv` names the pairs (columns fixed, moving; optional: case, fixed_labels, moving_labels, split, and any"
    " further attributes; paths from the table's place). Without it every ordered pair is a case, and labels are those of"
    " `NAME_labels.nii.gz` beside `NAME.nii.gz`. Nothing is known of what the scans show.",
    "sources": ["local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 30,
    "parameters": {
        "pairs": None,  # without a table: so many, drawn by the seed; null: every one
        "place": "headers",  # where the moving scan starts: headers | centres (of the grids meet) | labels (their centroids)
    },
    "tiny": {},
    "dims": 3,
}


def build(
    folder: Path, *, source: str, data: Mapping[str, Path] | None, seed: int, pairs: int | None, place: str
) -> None:
    """Write the cases of the folder `data["scan_folder"]`. Raises InputError as `folder_cases` does."""
    if data is None:
        raise InputError("a folder for scan_folder", "none", "name it: --config 'data={scan_folder: FOLDER}'")
    cases = folder_cases(Tree("scan_folder", Path(data["scan_folder"])), pairs=pairs, place=place, seed=seed)
    write_cohort(folder, COHORT, cases, source=source, seed=seed, parameters={"pairs": pairs, "place": place})
