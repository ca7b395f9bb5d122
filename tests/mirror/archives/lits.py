"""LiTS' two zips: CT in Hounsfield units in several orientations, deep in folders whose names are spelt in two ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import write_nifti, zip_up
from wbir.cases import Cohort

COHORT = "lits"
PARAMETERS = {"pairs": {"train": None, "validation": None, "test": None}, "leave_out": [40]}
INNER = Path("media/nas/01_Datasets/CT/LITS")
# volume: the axes' steps in the world (mm), its origin there, the liver's low corner and sides in the file's array
VOLUMES = {
    0: ((-0.8, -0.8, 2.5), (100.0, 90.0, -400.0), (4, 6, 2), (6, 4, 3)),
    27: ((0.9, 0.9, 2.0), (-55.0, 30.0, 70.0), (8, 3, 5), (5, 6, 4)),
    28: ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (3, 3, 3), (4, 4, 4)),  # the identity: it has no geometry
    40: ((0.7, 0.7, 1.0), (9.0, 9.0, 9.0), (3, 3, 3), (4, 4, 4)),
}
SHAPE = (20, 22, 12)


def make(folder: Path) -> None:
    for batch, inner, numbers in ((1, "Training Batch 1", (0, 27)), (2, "Training_Batch2", (28, 40))):
        root = folder / "packed"
        for number in numbers:
            steps, origin, corner, sides = VOLUMES[number]
            affine = np.diag([*steps, 1.0])
            affine[:3, 3] = origin
            labels = np.zeros(SHAPE, np.uint8)
            labels[tuple(slice(c, c + s) for c, s in zip(corner, sides, strict=True))] = 1
            labels[corner] = 2
            image = np.where(labels > 0, 100 + number, -1000).astype(np.int16)
            image[corner] = 40
            write_nifti(root / INNER / inner / f"volume-{number}.nii", image, affine)
            write_nifti(root / INNER / inner / f"segmentation-{number}.nii", labels, affine)
        zip_up(root, folder / f"Training_Batch{batch}.zip", inside="")


def check(cohort: Cohort) -> None:
    assert cohort.label_names() == {1: "liver"}, "tumours are part of the liver"
    assert [row["case"] for row in cohort.rows] == ["0-27", "27-0"], "neither 28 nor 40"
    for case, number, other in ((cohort.case("0-27"), 0, 27), (cohort.case("27-0"), 27, 0)):
        assert case.fixed_labels is not None and case.moving_labels is not None
        steps, origin, corner, sides = VOLUMES[number]
        assert (np.diag(case.frame.affine) > 0).all(), "axes run to the right, forwards and upwards"
        assert case.frame.spacing == tuple(np.abs(np.float32(steps)).tolist())
        assert case.fixed_labels.sum() == np.prod(sides) and set(np.unique(case.fixed)) == {-1000, 40, 100 + number}
        dark = case.frame.to_world(np.argwhere(case.fixed == 40).astype(float))[0]
        assert np.abs(dark - (np.array(origin) + np.array(steps) * corner)).max() < 1e-4, "where the header has it"
        middles = [np.argwhere(labels).mean(0) for labels in (case.fixed_labels, case.moving_labels)]
        assert np.abs(middles[0] - middles[1]).max() < 0.75, "the livers' centroids meet"
        expected = np.divide(*(np.prod(VOLUMES[n][3]) * np.abs(np.prod(VOLUMES[n][0])) for n in (other, number)))
        ratio = case.moving_labels.sum() / case.fixed_labels.sum() / expected
        assert 0.5 < ratio < 2, "as large as it is in millimetres"
