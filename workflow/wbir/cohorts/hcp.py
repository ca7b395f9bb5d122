"""Human Connectome Project, S1200: T1 and T2 brains at 0.7 mm, paired across contrasts or across people."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wbir.cases import Case
from wbir.cohorts._scans import Scan, pair, read_scan, write_cohort
from wbir.cohorts._subjects import KEPT, Chosen, Counts, choose_pairs, deal
from wbir.data.tree import Tree
from wbir.errors import InputError, require_known

COHORT = {
    "title": "HCP S1200",
    "reference": "Van Essen et al., The WU-Minn Human Connectome Project: an overview, NeuroImage 80, 2013",
    "describes": "T1- and T2-weighted MRI of young adults after the project's structural pipeline: turned to the AC-PC line,"
    " distortion and bias field corrected, skull stripped, 0.7 mm, both contrasts of a person on one grid. Pairs are the"
    " two contrasts of one person, which the pipeline has aligned, or of different people, on the fixed grid with native"
    " intensities. There is no official split: people are dealt out by the seed. Labels are not read. Paper 08 makes"
    " surfaces and tracts of these people; they are not here.",
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 6000,
    "runtime": 120,
    "parameters": {
        "subjects": {"train": 0, "validation": 0, "test": 10},  # how many of each split; null: the rest
        "modalities": ["T1w", "T2w"],  # of the fixed and the moving image
        "between_subjects": False,  # else the two images of one person, a pair a person
        "pairs": {"train": None, "validation": None, "test": None},  # between people: ordered; null: every one
    },
    "tiny": {"subjects": {"train": 0, "validation": 0, "test": 2}},
    "dims": 3,
}
MODALITIES = ("T1w", "T2w")


def build(
    folder: Path, *, source: str, data: Mapping[str, Path] | None, seed: int, subjects: Counts,
    modalities: Sequence[str], between_subjects: bool, pairs: Counts,
) -> None:  # fmt: skip
    """Write the cohort: cases `100307` (one person) or `100307-100408` (fixed, moving), attribute `modalities: T1w/T2w`.

    data: the folder of `hcp`. Raises InputError for a missing folder, unknown or like modalities of one person, more
    people or pairs than there are, and files that are not what they should be.
    """
    if data is None:
        raise InputError("a data folder for hcp", "none", "name the folder (see docs/data-access.md)")
    wanted = list(modalities)
    if len(wanted) != 2 or (not between_subjects and wanted[0] == wanted[1]):
        raise InputError("two modalities, unlike ones for pairs of one person", f"{wanted}", "correct the parameter")
    for modality in wanted:
        require_known({"modalities": (modality, MODALITIES)}, "of hcp")
    tree = Tree("hcp", Path(data["hcp"]))
    people, missing = people_with(tree, wanted)
    groups = deal(people, subjects, seed)
    own = [(split, (person, person)) for split, members in groups.items() for person in members]
    cases = _cases(tree, choose_pairs(groups, pairs, seed) if between_subjects else own, wanted)
    parameters = {
        "subjects": dict(subjects), "modalities": wanted, "between_subjects": between_subjects, "pairs": dict(pairs),
    }  # fmt: skip
    write_cohort(folder, COHORT, cases, source=source, seed=seed, parameters=parameters, missing_images=missing)


def file_of(modality: str) -> str:
    return f"T1w/{modality}_acpc_dc_restore_brain.nii.gz"  # both contrasts lie in the folder T1w


def people_with(tree: Tree, modalities: Sequence[str]) -> tuple[list[str], list[str]]:
    """The people who have both modalities, and those who lack one. Raises InputError where nobody has them."""
    first, second = ({path.parent.parent.name for path in tree.all(file_of(modality))} for modality in modalities)
    people, missing = sorted(first & second), sorted(first ^ second)
    if not people:
        raise InputError(
            f"{' and '.join(file_of(m) for m in modalities)} of hcp", "nobody's", "see docs/data-access.md"
        )
    if missing:
        print(f"hcp: without one of {', '.join(modalities)}, left out: {', '.join(missing)}", file=sys.stderr)
    return people, missing


def _cases(tree: Tree, chosen: Chosen, modalities: Sequence[str]) -> Iterator[Case]:
    @functools.lru_cache(maxsize=KEPT)
    def read(person: str, modality: str) -> Scan:
        return read_scan(tree.one(f"{person}/{file_of(modality)}"))

    for split, (fixed, moving) in chosen:
        about = {"split": split, "fixed_subject": fixed, "moving_subject": moving, "modalities": "/".join(modalities)}
        name = fixed if fixed == moving else f"{fixed}-{moving}"
        yield pair(name, read(fixed, modalities[0]), read(moving, modalities[1]), about)
