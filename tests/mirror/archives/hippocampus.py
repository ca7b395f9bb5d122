"""The Medical Segmentation Decathlon's tar: images and labels of crops of several sizes, `._` files of an archiver among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import tar, write_nifti
from wbir.cases import Cohort

COHORT = "hippocampus"
SIZES = {1: (30, 34, 29), 3: (32, 36, 31), 4: (33, 30, 32)}


def make(folder: Path) -> None:
    root = folder / "Task04_Hippocampus"
    for number, size in SIZES.items():
        grid = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij")).astype(float)
        middle = (np.array(size) - 1).reshape(3, 1, 1, 1) / 2
        far = np.sqrt(((grid - middle) ** 2).sum(0))
        labels = np.where(far < 6, np.where(grid[1] > middle[1], 1, 2), 0)
        name = f"hippocampus_{number:03d}.nii.gz"
        write_nifti(root / "imagesTr" / name, (1000 - 20 * far).clip(0).astype(np.float32))
        write_nifti(root / "labelsTr" / name, labels.astype(np.uint8))
        (root / "imagesTr" / f"._{name}").write_bytes(b"not an image")
    tar(root, folder / "Task04_Hippocampus.tar")


def check(cohort: Cohort) -> None:
    assert cohort.label_names() == {1: "anterior", 2: "posterior"}
    for case in cohort:
        assert case.frame.shape == (32, 32, 32) and case.frame.spacing == (1.0, 1.0, 1.0)
        assert case.fixed_labels is not None
        front = np.argwhere(case.fixed_labels == 1)[:, 1].mean()
        assert front > np.argwhere(case.fixed_labels == 2)[:, 1].mean(), "anterior lies further along the second axis"
