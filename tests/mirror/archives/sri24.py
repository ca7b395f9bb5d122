"""SRI24 for SPM8: plain NIfTI files whose headers have their origin in the brain, unlike those of BraTS."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.archives.brats2021 import COHORT, OF_TEMPLATE, PARAMETERS, brain, check
from mirror.writing import write_nifti, zip_up

__all__ = ["COHORT", "PARAMETERS", "check", "make"]


def make(folder: Path) -> None:
    root = folder / "sri24_spm8"
    affine = np.eye(4)
    affine[:3, 3] = (-24, -30, -14)
    image = brain(5)
    image[OF_TEMPLATE] = 700
    for name in ("T1", "T1_brain", "T2_brain", "PD_brain", "EPI_brain"):
        write_nifti(root / "templates" / f"{name}.nii", image if name == "T1_brain" else image // 3, affine)
    write_nifti(root / "tpm" / "csf.nii", (image > 0).astype(np.float32), affine)
    zip_up(root, folder / "sri24_spm8.zip")
