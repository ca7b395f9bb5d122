"""The challenge's folder: heads of unlike sizes in scanner coordinates, labels with numbers that it did not score, a rescan."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import write_nifti
from wbir.cases import Cohort
from wbir.cohorts.inter_subject_brains import LABELS

COHORT = "miccai2012"
PARAMETERS = {
    "pairs": {"train": 0, "validation": 0, "test": None},
    "fixed": "1000",
    "moving": "all others",
    "labels": "tissues",
}
SIZES = {"1000": (20, 24, 18), "1003": (20, 24, 18), "1101": (22, 25, 19), "1023": (20, 24, 18)}  # 1023 is a rescan
# world places in mm by Neuromorphometrics' number, and the tissue that each is
WORLD = {45: (-5, 4, 6), 44: (5, 4, 6), 100: (6, 8, 2), 48: (-4, -2, -1), 47: (4, -2, -1), 51: (2, 1, 3), 63: (7, 0, 0)}
TISSUE = {45: 1, 44: 1, 100: 2, 48: 3, 47: 4, 51: 0, 63: 0}


def make(folder: Path) -> None:
    root = folder / "MICCAI-2012-Multi-Atlas-Challenge-Data"
    for subject, size in SIZES.items():
        part = "training" if subject == "1000" else "testing"
        affine = np.array([[0, 0, 1, -9], [-1, 0, 0, 12], [0, 1, 0, -10], [0, 0, 0, 1.0]])  # axes: back, up, right
        shape = (size[1], size[2], size[0])
        image, labels = np.full(shape, 40, dtype=np.int16), np.zeros(shape, dtype=np.uint8)
        for number, place in WORLD.items():
            index = index_of(affine, place)
            labels[index], image[index] = number, 100 + number
        write_nifti(root / f"{part}-images" / f"{subject}_3.nii.gz", image, affine)
        write_nifti(root / f"{part}-labels" / f"{subject}_3_glm.nii.gz", labels, affine)


def index_of(affine: np.ndarray, place: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(np.rint(np.linalg.inv(affine) @ (*place, 1))[:3].astype(int).tolist())


def check(cohort: Cohort) -> None:
    assert [case.id for case in cohort] == ["1000-1003", "1000-1101"], "no rescan; one fixed subject"
    assert cohort.label_names() == LABELS
    for case in cohort:
        assert case.attributes["split"] == "test" and case.attributes["group"] == "inter-subject"
        assert case.frame.shape == SIZES["1000"] and case.frame.spacing == (1.0, 1.0, 1.0)
        assert case.fixed_labels is not None and case.moving_labels is not None and case.moving_mask is not None
        for number, place in WORLD.items():
            index = index_of(case.frame.affine, place)
            assert case.fixed[index] == case.moving[index] == 100 + number, "by world coordinates"
            assert case.fixed_labels[index] == case.moving_labels[index] == TISSUE[number]
        assert case.moving_mask.sum() == len(WORLD)
