"""The MICCAI 2012 multi-atlas labelling challenge: T1 heads of 30 adults with 134 regions, paired across subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from wbir.cohorts._brain_labels import NEUROMORPHOMETRICS
from wbir.cohorts._scans import Scan, choose, read_scan, write_cohort
from wbir.cohorts._subjects import choose_pairs, pair_cases
from wbir.cohorts.inter_subject_brains import LABELS as TISSUES
from wbir.data.tree import Tree
from wbir.errors import InputError, require_known

COHORT = {
    "title": "MICCAI 2012 multi-atlas labelling",
    "reference": "Landman and Warfield (eds.), MICCAI 2012 Workshop on Multi-Atlas Labeling; OASIS scans, labels by"
    " Neuromorphometrics, Inc.",
    "describes": "35 defaced T1-weighted heads of 30 adults, 1.5 T, with hand-drawn regions: the 134 that the challenge"
    " scored (others become 0), or the four structures of paper 06: white matter (cerebral and cerebellar), grey"
    " matter (cortex, deep grey nuclei, cerebellum and its vermis, basal forebrain; brain stem and ventral"
    " diencephalon are neither) and the hippocampi. Masks: every labelled voxel. The split is the challenge's: 15"
    " training, 20 testing scans. The five rescans are left out, so that no pair is of one person: which scan of"
    " whom each of them repeats is not known to us. Pairs lie on the fixed grid, by the scanners' coordinates, with"
    " native intensities and the skull; nothing is aligned (paper 06 does not say how its pairs were).",
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 6000,
    "runtime": 60,
    "parameters": {
        "pairs": {"train": 0, "validation": 0, "test": 10},  # drawn by the seed; null: every one
        "fixed": "1000",  # the fixed subject of every pair (paper 06 does not name its own); null: any of a pair's split
        "moving": "all others",  # or a list of subjects
        "labels": "regions",  # regions | tissues, which are numbered as in the cohort inter_subject_brains
    },
    "tiny": {"pairs": {"train": 0, "validation": 0, "test": 2}},
    "dims": 3,
}
TRAINING = ("1000", "1001", "1002", *(str(n) for n in range(1006, 1016)), "1017", "1036")
TESTING = (
    "1003", "1004", "1005", "1018", "1019", "1023", "1024", "1025", "1038", "1039", "1101", "1104", "1107", "1110", "1113",
    "1116", "1119", "1122", "1125", "1128",
)  # fmt: skip
RESCANS = ("1023", "1024", "1025", "1038", "1039")  # second scans, as REPEAT's `oasis.sh` has them
SUBJECTS = tuple(s for s in (*TRAINING, *TESTING) if s not in RESCANS)
CHOICES = ("regions", "tissues")
MEMBERS = {  # of the tissues, by their numbers in TISSUES
    1: (40, 41, 44, 45),
    2: (23, 30, 31, 32, 36, 37, 38, 39, 55, 56, 57, 58, 59, 60, 71, 72, 73, 75, 76, *range(100, 208)),
    3: (48,),
    4: (47,),
}


def build(
    folder: Path, *, source: str, data: Mapping[str, Path] | None, seed: int, pairs: Mapping[str, int | None],
    fixed: str | None, moving: str | Sequence[str], labels: str,
) -> None:  # fmt: skip
    """Write the cohort: cases `1000-1003` (fixed, moving), all of the group `inter-subject`.

    data: the folder of `miccai2012`. Raises InputError for a missing folder or named subject, an unknown choice of
    labels, and files that are not what they should be.
    """
    if data is None:
        raise InputError("a data folder for miccai2012", "none", "name the folder (see docs/data-access.md)")
    require_known({"labels": (labels, CHOICES)}, "of miccai2012")
    tree = Tree("miccai2012", Path(data["miccai2012"]))
    found = {path.name[:4] for path in tree.all("[0-9][0-9][0-9][0-9]_3_glm.nii.gz")}
    _, missing = choose("miccai2012", SUBJECTS, sorted(found), None)
    groups = {
        split: [s for s in ids if s in found and s not in RESCANS]
        for split, ids in (("train", TRAINING), ("test", TESTING))
    }
    chosen = choose_pairs(groups, pairs, seed, fixed=fixed, moving=moving)
    table = numbers(labels)
    cases = pair_cases(chosen, lambda subject: read_subject(tree, subject, table), {"group": "inter-subject"})
    write_cohort(
        folder, COHORT, cases, source=source, seed=seed, labels=NEUROMORPHOMETRICS if labels == "regions" else TISSUES,
        parameters={"pairs": dict(pairs), "fixed": fixed, "moving": moving, "labels": labels}, missing_subjects=missing,
    )  # fmt: skip


def numbers(labels: str) -> np.ndarray:
    """`(256,)` int16: the cohort's label of each of Neuromorphometrics' numbers."""
    table = np.zeros(256, dtype=np.int16)
    if labels == "regions":
        scored = np.array(list(NEUROMORPHOMETRICS))
        table[scored] = scored
    else:
        for tissue, members in MEMBERS.items():
            table[[n for n in members if n in NEUROMORPHOMETRICS]] = tissue
    return table


def read_subject(tree: Tree, subject: str, table: np.ndarray) -> Scan:
    """The head of a subject in canonical axes with labels by `table` and the mask of every labelled voxel."""
    labels = tree.one(f"{subject}_3_glm.nii.gz")
    scan = read_scan(tree.one(f"{subject}_3.nii.gz"), labels=labels)
    assert scan.labels is not None
    if scan.labels.min() < 0 or scan.labels.max() >= len(table):
        got = f"{scan.labels.min()} to {scan.labels.max()}"
        raise InputError(f"Neuromorphometrics' numbers, 0 to 207, in {labels}", got, "fetch it again")
    return replace(scan, labels=table[scan.labels], mask=scan.labels > 0)
