"""NIREP as its mirror has it: uint8, the first axis from right to left, no origin, regions in pairs, 33 unassigned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mirror.writing import write_nifti
from wbir.cases import Cohort

COHORT = "nirep"
PARAMETERS: dict[str, Any] = {
    "spacing": 1.0, "fixed": "na02", "moving": "all others", "pairs": None, "affine": False, "margin_mm": 0.0,
    "multiple": 1, "percentiles": [0.0, 100.0],
}  # fmt: skip
SPOTS = {"na01": (6, 23, 18), "na02": (18, 22, 17), "na16": (17, 5, 6)}  # voxels of the files


def make(folder: Path) -> None:
    for name, spot in SPOTS.items():
        image, labels = np.zeros((26, 30, 26), np.uint8), np.zeros((26, 30, 26), np.uint8)
        image[2:24, 2:28, 2:24] = 100
        image[tuple(slice(n - 1, n + 2) for n in spot)] = 250
        labels[17:22, 3:6, 10:13], labels[4:9, 3:6, 10:13] = 1, 2  # occipital lobes: left has the larger first index
        labels[17:22, 23:27, 10:13], labels[12, 12, 12] = 15, 33
        affine = np.diag([-1.0, 1.0, 1.0, 1.0])
        write_nifti(folder / f"{name}.nii.gz", image, affine)
        write_nifti(folder / f"{name}_seg.nii.gz", labels, affine)


def check(cohort: Cohort) -> None:
    assert [case.id for case in cohort] == ["na02-na01", "na02-na16"]
    names = cohort.label_names()
    assert len(names) == 32
    for case in cohort:
        assert case.fixed_labels is not None and case.fixed_mask is not None
        for image, subject in ((case.fixed, "na02"), (case.moving, case.id[-4:])):
            i, j, k = SPOTS[subject]
            found = case.frame.to_world(np.argwhere(image > 0.75).mean(axis=0)[None])[0]
            assert np.abs(found - [-i, j, k]).max() < 0.75, "in RAS: the first axis is turned"
        places = {
            names[n]: case.frame.to_world(np.argwhere(case.fixed_labels == n))[:, :2].mean(axis=0) for n in (1, 2, 15)
        }
        assert set(np.unique(case.fixed_labels)) == {0, 1, 2, 15}, "33 is dropped"
        assert places["occipital lobe left"][0] < places["occipital lobe right"][0]
        assert places["occipital lobe left"][1] < places["frontal pole left"][1]
