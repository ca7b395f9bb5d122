"""BraTS 2021 as the challenge and as TCIA pack it: LPS arrays with the origin at (0, 239, 0), tumours with labels 1, 2, 4."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import write_nifti
from wbir.cases import Cohort

COHORT = "brats2021"
SHAPE = (48, 48, 31)
PARAMETERS = {
    "patients": {"test": 1, "train": 1, "validation": 0},
    "slice": "16",
    "least_area": 1.0,
    "percentiles": None,
}
# tumours in the file's array, which runs to the left, to the back and upwards: the corner, the sides
TUMOURS = {"00000": ((12, 20, 14), (4, 5, 6)), "00017": ((28, 22, 13), (6, 3, 5)), "00495": ((10, 10, 1), (4, 4, 2))}
BRIGHT, OF_TEMPLATE = (15, 11, 16), (30, 36, 16)


def brain(seed: int) -> np.ndarray:
    """An ellipsoid of 100 to 119 about the middle of the grid, 0 outside."""
    middle = (np.array(SHAPE) - 1) / 2
    grid = np.moveaxis(np.indices(SHAPE), 0, -1)
    inside = (((grid - middle) / (0.42 * np.array(SHAPE))) ** 2).sum(-1) < 1
    return (inside * np.random.default_rng(seed).integers(100, 120, SHAPE)).astype(np.int16)


def make(folder: Path) -> None:
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    affine[1, 3] = SHAPE[1] - 1
    challenge = folder / "RSNA_ASNR_MICCAI_BraTS2021_TrainingData_16July2021"
    tcia = folder / "BraTS2021_TrainingSet" / "UPENN-GBM"
    for place, names in ((challenge, ("00000", "00495")), (tcia, ("00017",))):
        for name in names:
            root = place / f"BraTS2021_{name}" / f"BraTS2021_{name}"
            corner, sides = TUMOURS[name]
            tumour = np.zeros(SHAPE, np.uint8)
            tumour[tuple(slice(c, c + s) for c, s in zip(corner, sides, strict=True))] = 2
            tumour[corner] = 1
            tumour[tuple(np.add(corner, 1))] = 4
            image = brain(int(name))
            image[BRIGHT] = 900
            for modality in ("flair", "t1", "t1ce", "t2"):
                write_nifti(Path(f"{root}_{modality}.nii.gz"), image if modality == "t1" else image // 2, affine)
            write_nifti(Path(f"{root}_seg.nii.gz"), tumour, affine)
    unlabelled = challenge / "BraTS2021_00001" / "BraTS2021_00001"  # as in the validation set
    write_nifti(Path(f"{unlabelled}_t1.nii.gz"), brain(1), affine)


def check(cohort: Cohort) -> None:
    assert cohort.label_names() == {}
    assert sorted(row["split"] for row in cohort.rows) == ["test", "train"], "the third has no tumour in slice 16"
    assert {row["subject"] for row in cohort.rows} == {"00000", "00017"}
    for case in cohort:
        assert case.fixed_mask is not None and case.fixed_labels is None
        assert case.frame.shape == SHAPE[:2] and case.frame.spacing == (1.0, 1.0)
        corner, sides = TUMOURS[case.attributes["subject"]]
        first = [n - 1 - (c + s - 1) for n, c, s in zip(SHAPE[:2], corner, sides[:2], strict=False)]  # turned to RAS
        assert np.argwhere(case.fixed_mask).min(0).tolist() == first
        assert case.fixed_mask.sum() == sides[0] * sides[1] == int(case.attributes["tumour_mm2"])
        bright = np.argwhere(case.fixed == 900)[0]
        assert bright.tolist() == [SHAPE[0] - 1 - BRIGHT[0], SHAPE[1] - 1 - BRIGHT[1]]
        assert case.frame.to_world(bright[None].astype(float))[0].tolist() == [-BRIGHT[0], SHAPE[1] - 1 - BRIGHT[1]]
        assert np.argwhere(case.moving == 700).tolist() == [list(OF_TEMPLATE[:2])], "the template's file is RAS already"
