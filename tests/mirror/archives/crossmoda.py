"""CrossMoDA's two zips: LPS scans of one slab of the head, T1 ones labelled, T2 ones of other people not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import write_nifti, zip_up
from wbir.cases import Cohort

COHORT = "crossmoda"
PARAMETERS = {"targets": {"test": 1, "train": 0, "validation": 1}, "pool": 2, "atlases": 2}
T1, T2 = (0.41015625, 0.41015625, 1.5), (0.5, 0.5, 1.0)
TUMOUR = (4, 9, 6)  # voxels of the T1 file, which runs to the left, to the back and upwards


def lps(spacing: tuple[float, float, float], centre: tuple[int, int, int]) -> np.ndarray:
    """An LPS affine with the world's origin at a voxel."""
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = -affine[:3, :3] @ np.array(centre)
    return affine


def make(folder: Path) -> None:
    root = folder / "packed"
    for number in (1, 2, 3):
        image, labels = np.full((24, 24, 12), 50, np.uint16), np.zeros((24, 24, 12), np.uint8)
        labels[TUMOUR] = 1
        labels[4, 12, 6], labels[19, 12, 6] = 2, 2
        image[labels > 0] = 100 * number + 300
        for kind, array in (("ceT1", image), ("Label", labels)):
            name = f"crossmoda2021_ldn_{number}_{kind}.nii.gz"
            write_nifti(root / "source_training" / name, array, lps(T1, (11, 11, 6)))
    for number, place in ((106, "target_training"), (211, "target_validation")):
        image = np.full((22, 20, 14), 40, np.uint16)
        image[2, 3, 4] = number
        name = f"crossmoda2021_ldn_{number}_hrT2.nii.gz"
        write_nifti(root / place / name, image, lps(T2, (11, 10, 7)))
    (root / "target_validation").rename(folder / "target_validation")
    zip_up(root, folder / "crossmoda_training.zip", inside="")
    zip_up(folder / "target_validation", folder / "crossmoda_validation.zip")


def check(cohort: Cohort) -> None:
    assert cohort.label_names() == {1: "vestibular schwannoma", 2: "cochlea"}
    assert [(row["fixed_subject"], row["split"], row["target_set"]) for row in cohort.rows] == [
        *[("106", "test", "training")] * 2,
        *[("211", "validation", "validation")] * 2,
    ]
    assert len({row["moving_subject"] for row in cohort.rows}) == 2
    for case in cohort:
        assert case.frame.shape == (22, 20, 14) and case.fixed_labels is None and case.moving_labels is not None
        assert np.argwhere(case.fixed == int(case.attributes["fixed_subject"])).tolist() == [[21 - 2, 19 - 3, 4]]
        # the tumour lies 7 voxels to the right and 2 forwards of the origin, on a coarser grid
        world = case.frame.to_world(np.argwhere(case.moving_labels == 1).astype(float)).mean(0)
        assert np.abs(world - [7 * T1[0], 2 * T1[1], 0]).max() <= max(T2) / 2 + 1e-6
        assert case.attributes["moving_side"] == "right"
        assert case.moving.max() > 60, "its signal came along"
