"""Abdominal CT of patients with liver tumours, LiTS: the liver from one patient to another."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from wbir.cases import Case
from wbir.cohorts._placing import placed
from wbir.cohorts._scans import Scan, pair, read_scan, write_cohort
from wbir.cohorts._subjects import choose_pairs, deal
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.images import load_nifti

COHORT = {
    "title": "LiTS",
    "reference": "Paper 09, Sect. 3; Bilic et al., The liver tumor segmentation benchmark, Medical Image Analysis 84, 2023",
    "describes": "Pairs of patients of the training set, CT in Hounsfield units on the native grid of the fixed one, with the"
    " liver and its tumours. Paper 09 registers surfaces of liver, spleen, kidneys and bladder, and measures eleven"
    " landmarks: both came from a tool that is not published, and of the five organs only the liver is outlined here. It"
    " leaves out 27 of the 131 patients without naming them. Scanners' coordinates of two patients mean nothing to each"
    " other: the moving scan is shifted so that the livers' centroids meet. Volumes whose header is the identity (28 to 47, as"
    " a user of the challenge reported) say nothing of their voxels' size and are left out. The test set has no labels.",
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 12000,
    "runtime": 60,
    "parameters": {
        "subjects": {"train": 0, "validation": 0, "test": None},  # drawn by the seed; null takes those that are left
        "pairs": {"train": None, "validation": None, "test": 20},  # of each split's subjects; null: every ordered pair
        "leave_out": [],  # numbers of volumes
        "whole_liver": True,  # tumours count as liver, label 1
        "place": "labels",  # where the moving scan starts: labels (the livers' centroids meet) | centres | headers
    },
    "tiny": {"pairs": {"train": None, "validation": None, "test": 1}},
    "dims": 3,
}
LABELS = {1: "liver", 2: "liver tumour"}
KEPT = 3  # scans held: a CT has up to a thousand slices


def build(
    folder: Path, *, source: str, data: Mapping[str, Path] | None, seed: int, subjects: Mapping[str, int | None],
    pairs: Mapping[str, int | None], leave_out: Sequence[int], whole_liver: bool, place: str,
) -> None:  # fmt: skip
    """Write a case `<fixed>-<moving>` (numbers of the volumes) for each pair drawn.

    Raises InputError for a missing folder, more subjects or pairs than there are, or a volume without its segmentation's
    grid.
    """
    if data is None:
        raise InputError("a folder of lits", "none", "name it (see docs/data-access.md)")
    tree = Tree("lits", Path(data["lits"]))
    present, without = usable(tree, leave_out)
    groups = deal(present, subjects, seed)
    chosen = choose_pairs(groups, pairs, seed)
    parameters = {
        "subjects": dict(subjects), "pairs": dict(pairs), "leave_out": list(leave_out), "whole_liver": whole_liver,
        "place": place,
    }  # fmt: skip

    @functools.lru_cache(maxsize=KEPT)
    def read(number: str) -> Scan:
        scan = read_scan(tree.one(f"volume-{number}.nii"), labels=tree.one(f"segmentation-{number}.nii"))
        assert scan.labels is not None
        return replace(scan, labels=np.minimum(scan.labels, 1)) if whole_liver else scan

    def cases() -> Iterator[Case]:
        for split, (fixed, moving) in chosen:
            here = read(fixed)
            attributes = {"split": split, "fixed_subject": fixed, "moving_subject": moving}
            yield pair(f"{fixed}-{moving}", here, placed(read(moving), here, place), attributes)

    labels = {1: LABELS[1]} if whole_liver else LABELS
    left_out = {"left_out_without_geometry": without}
    write_cohort(folder, COHORT, cases(), source=source, seed=seed, labels=labels, parameters=parameters, **left_out)


def usable(tree: Tree, leave_out: Sequence[int]) -> tuple[list[str], list[str]]:
    """Numbers of the volumes that have a segmentation and a geometry, and of those without the latter, in order.

    Raises InputError where none is left.
    """
    paths = tree.all("volume-*.nii") or [tree.one("volume-*.nii")]
    found = {int(match[1]): path for path in paths if (match := re.fullmatch(r"volume-(\d+)\.nii", path.name.lower()))}
    labelled = [n for n in sorted(found) if n not in leave_out and tree.find(f"segmentation-{n}.nii")]
    without = [n for n in labelled if np.allclose(np.abs(load_nifti(found[n]).affine[:3, :3]), np.eye(3))]
    if without:
        print(f"lits: the header has no geometry, left out: {', '.join(map(str, without))}", file=sys.stderr)
    present = [str(n) for n in labelled if n not in without]
    if not present:
        raise InputError(
            "volumes of lits with segmentations and a geometry", f"none in {tree.root}", "complete the set"
        )
    return present, [str(n) for n in without]
