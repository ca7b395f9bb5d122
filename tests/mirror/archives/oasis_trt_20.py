"""Mindboggle's tar.gz: a folder a subject, with further labels and the MNI152 versions beside what is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import tar, write_nifti
from wbir.cases import Cohort

COHORT = "oasis_trt_20"
SHAPE = (20, 18, 22)
AFFINE = np.array([[-1, 0, 0, 9], [0, 0, 1, -11], [0, -1, 0, 8], [0, 0, 0, 1.0]])  # axes: left, down, front
REGIONS = {1024: (14, 4, 12), 2024: (5, 4, 12), 1005: (12, 9, 2)}  # left, right precentral; left cuneus


def make(folder: Path) -> None:
    root = folder / "OASIS-TRT-20_volumes"
    for number in (1, 2, 10):
        subject = root / f"OASIS-TRT-20-{number}"
        image, labels = np.full(SHAPE, 30, dtype=np.float32), np.zeros(SHAPE, dtype=np.int16)
        for region, place in REGIONS.items():
            labels[place], image[place] = region, number * 100 + region / 10
        write_nifti(subject / "t1weighted_brain.nii.gz", image, AFFINE)
        write_nifti(subject / "labels.DKT31.manual.nii.gz", labels, AFFINE)
        write_nifti(subject / "labels.DKT31.manual+aseg.nii.gz", labels * 0 + 3, AFFINE)
        write_nifti(subject / "t1weighted_brain.MNI152.nii.gz", image[:5, :5, :5], AFFINE)
        write_nifti(subject / "labels.DKT31.manual.MNI152.nii.gz", labels[:5, :5, :5], AFFINE)
    tar(root, folder / "OASIS-TRT-20_volumes.tar.gz")


def check(cohort: Cohort) -> None:
    assert len(cohort) == 2 and {row["split"] for row in cohort.rows} == {"test"}
    names = cohort.label_names()
    assert len(names) == 62 and names[1024] == "left precentral" and names[2024] == "right precentral"
    for case in cohort:
        assert case.frame.shape == (20, 22, 18) and case.fixed_labels is not None and case.moving_labels is not None
        for region, (left, down, front) in REGIONS.items():
            index = (19 - left, front, 17 - down)
            assert case.fixed_labels[index] == case.moving_labels[index] == region
            for side, image in (("fixed", case.fixed), ("moving", case.moving)):
                number = int(case.attributes[f"{side}_subject"].rsplit("-", 1)[1])
                assert np.isclose(image[index], number * 100 + region / 10)
