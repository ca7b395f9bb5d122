"""OASIS-TRT-20 of Mindboggle-101: 20 brains with hand-edited cortical regions, paired across subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from wbir.cohorts._brain_labels import DKT31
from wbir.cohorts._scans import Scan, choose, read_scan, write_cohort
from wbir.cohorts._subjects import choose_pairs, deal, pair_cases
from wbir.data.tree import Tree
from wbir.errors import InputError, require_known

COHORT = {
    "title": "OASIS-TRT-20",
    "reference": "Klein and Tourville, 101 labeled brain images and a consistent human cortical labeling protocol, Frontiers in"
    " Neuroscience 6, 2012",
    "describes": "T1-weighted MRI of 20 young adults, 1 mm, skull stripped, with the 62 cortical regions of the DKT31"
    " protocol (left 1002 to 1035, right 2002 to 2035). Pairs of different subjects on the fixed grid, native"
    " intensities; nothing is aligned but for the space MNI152, to which the owner brought brains and labels by affine"
    " maps. There is no official split: subjects are dealt out by the seed. No paper uses this set; trials do.",
    "sources": ["public", "local"],
    "datasets": ["oasis-trt-20"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 60,
    "parameters": {
        "subjects": {"train": 0, "validation": 0, "test": None},  # how many of each split; null: the rest
        "pairs": {"train": 0, "validation": 0, "test": 40},  # ordered, drawn by the seed; null: every one
        "fixed": None,  # one subject (OASIS-TRT-20-1) as the fixed one of every pair
        "moving": "all others",  # or a list of subjects
        "space": "native",  # native | MNI152
    },
    "tiny": {"pairs": {"train": 0, "validation": 0, "test": 2}},
    "dims": 3,
}
DATASET = "oasis-trt-20"
SUBJECTS = tuple(f"OASIS-TRT-20-{n}" for n in range(1, 21))
SPACES = ("native", "MNI152")


def build(
    folder: Path, *, source: str, data: Mapping[str, Path] | None, seed: int, subjects: Mapping[str, int | None],
    pairs: Mapping[str, int | None], fixed: str | None, moving: str | Sequence[str], space: str,
) -> None:  # fmt: skip
    """Write the cohort: cases `OASIS-TRT-20-1-OASIS-TRT-20-2` (fixed, moving).

    data: the folder of `oasis-trt-20`, a folder a subject at some depth. Raises InputError for a missing folder or named
    subject, an unknown space, and files that are not what they should be.
    """
    if data is None:
        raise InputError(f"a data folder for {DATASET}", "none", "name the folder (see docs/data-access.md)")
    require_known({"space": (space, SPACES)}, f"of {DATASET}")
    tree, ending = Tree(DATASET, Path(data[DATASET])), ".nii.gz" if space == "native" else f".{space}.nii.gz"
    found = {path.parent.name.upper() for path in tree.all(f"OASIS-TRT-20-*/labels.DKT31.manual{ending}")}
    _, missing = choose(DATASET, SUBJECTS, sorted(found), None)
    groups = deal([s for s in SUBJECTS if s in found], subjects, seed)
    chosen = choose_pairs(groups, pairs, seed, fixed=fixed, moving=moving)

    def read(subject: str) -> Scan:
        labels = tree.one(f"{subject}/labels.DKT31.manual{ending}")
        return read_scan(tree.one(f"{subject}/t1weighted_brain{ending}"), labels=labels)

    parameters = {
        "subjects": dict(subjects), "pairs": dict(pairs), "fixed": fixed, "moving": moving, "space": space,
    }  # fmt: skip
    write_cohort(
        folder, COHORT, pair_cases(chosen, read), source=source, seed=seed, labels=DKT31, parameters=parameters,
        missing_subjects=missing,
    )  # fmt: skip
