"""HCP's folders: both contrasts of a person in T1w/, the same names for other spaces elsewhere; one person without a T2."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import write_nifti
from wbir.cases import Cohort

COHORT = "hcp"
SHAPE = (13, 16, 13)
AFFINE = np.array([[-0.7, 0, 0, 4.2], [0, 0.7, 0, -6.0], [0, 0, 0.7, -3.0], [0, 0, 0, 1.0]])  # the first axis runs left
PEOPLE = ("900001", "900002", "900003")  # numbers of the owner's kind, of nobody
BLOB = (10, 12, 9)  # left, front, top


def make(folder: Path) -> None:
    for n, person in enumerate(PEOPLE):
        home = folder / "HCP_1200" / person
        for modality, low, high in (("T1w", 100, 500), ("T2w", 300, 50)):
            image = np.full(SHAPE, low + n, dtype=np.float32)
            image[BLOB] = high + n
            if (person, modality) != ("900003", "T2w"):
                write_nifti(home / "T1w" / f"{modality}_acpc_dc_restore_brain.nii.gz", image, AFFINE)
            write_nifti(home / "T1w" / f"{modality}_acpc_dc_restore.nii.gz", image * 0, AFFINE)
            write_nifti(home / "MNINonLinear" / f"{modality}_restore_brain.nii.gz", image * 0, AFFINE)


def check(cohort: Cohort) -> None:
    assert [case.id for case in cohort] == ["900001", "900002"]
    for n, case in enumerate(cohort):
        assert case.attributes["modalities"] == "T1w/T2w" and case.attributes["split"] == "test"
        np.testing.assert_allclose(case.frame.affine[:3, :3], np.diag([0.7] * 3), atol=1e-6)
        place = (12 - BLOB[0], BLOB[1], BLOB[2])
        assert case.fixed[place] == 500 + n and case.moving[place] == 50 + n
        assert case.fixed[0, 0, 0] == 100 + n and case.moving[0, 0, 0] == 300 + n
