"""µ-RegPro's folders: MR and ultrasound on grids of their own, labels with six channels last, some of them empty."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import write_nifti
from wbir.cases import Cohort

COHORT = "muregpro"
SPACING = 0.8
SHAPES = {"mr": (30, 32, 32), "us": (20, 28, 22)}
GLAND = {"mr": (12, 13, 14), "us": (6, 10, 8)}  # low corner of 6 x 7 x 8 voxels
# low corners of the landmarks' 2 x 2 x 2 voxels by channel: one is only in the MR
LANDMARKS = {
    1: {"mr": (13, 14, 15), "us": (8, 11, 9)},
    2: {"mr": (16, 18, 20), "us": (9, 15, 13)},
    4: {"mr": (13, 18, 15)},
}
ORIGINS = {"mr": (-20.0, 30.0, 55.0), "us": (4.0, -7.0, 2.0)}


def make(folder: Path) -> None:
    for place, names in (("train", ("case000000", "case000065")), ("val", ("case000066",)), ("test", ("case000080",))):
        for side, name in ((side, name) for side in SHAPES for name in names):
            affine = np.diag([-SPACING, SPACING, SPACING, 1.0])  # the first axis runs to the left
            affine[:3, 3] = ORIGINS[side]
            outlines = np.zeros((*SHAPES[side], 6), np.float32)
            low = GLAND[side]
            outlines[low[0] : low[0] + 6, low[1] : low[1] + 7, low[2] : low[2] + 8, 0] = 1
            for channel, places in LANDMARKS.items():
                if side in places:
                    x, y, z = places[side]
                    outlines[x : x + 2, y : y + 2, z : z + 2, channel] = 1
            image = 20 + 100 * outlines[..., 0] + 50 * outlines[..., 1]
            if not (side == "us" and name == "case000065"):  # one is not complete
                write_nifti(folder / place / f"{side}_images" / f"{name}.nii.gz", image, affine)
            if place != "test":
                write_nifti(folder / place / f"{side}_labels" / f"{name}.nii.gz", outlines, affine)


def check(cohort: Cohort) -> None:
    assert [(row["case"], row["split"]) for row in cohort.rows] == [("case000000", "train"), ("case000066", "test")]
    for case in cohort:
        assert case.frame.shape == SHAPES["mr"] and np.allclose(case.frame.spacing, SPACING)
        assert case.fixed_labels is not None and case.moving_labels is not None
        assert case.fixed_labels.sum() == 6 * 7 * 8 == case.moving_labels.sum()
        assert case.fixed_points is not None and case.moving_points is not None
        assert case.attributes["landmarks"] == "2", "the third is outlined in the MR alone"
        fixed = [(29 - x - 0.5, y + 0.5, z + 0.5) for x, y, z in (LANDMARKS[c]["mr"] for c in (1, 2))]
        assert np.allclose(case.fixed_points, fixed), "the first axis is turned to run to the right"
        shift = (np.array(SHAPES["mr"]) - SHAPES["us"]) / 2  # the middles of the grids meet
        moving = [(19 - x - 0.5, y + 0.5, z + 0.5) for x, y, z in (LANDMARKS[c]["us"] for c in (1, 2))]
        assert np.allclose(case.moving_points, moving + shift)
        for image, points in ((case.fixed, case.fixed_points), (case.moving, case.moving_points)):
            assert np.allclose(np.argwhere(image == 170).mean(0), points[0], atol=1e-4), (
                "points lie where the image shows them"
            )
