"""CERMEP's two deliveries: T1 and CT about the PET in a tar of deep folders, all modalities in MNI space in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import tar, write_nifti
from wbir.cases import Cohort

COHORT = "cermep"
PARAMETERS = {
    "subjects": 2, "block_mm": 24.0, "max_shift_mm": 2.0, "ordered_pairs": ["T to F", "C to T", "P to C"],
    "percentiles": [0.0, 100.0],
}  # fmt: skip
SENT = Path("home/pool/DM/TEP/CERMEP_MXFDG/BASE/DATABASE_SENT")
SHAPE = (34, 38, 36)
BLOBS = {"T1w": (14, 24, 20), "FLAIR": (20, 15, 17), "ct": (17, 19, 24), "pet": (22, 22, 14)}  # RAS voxels


def blob(suffix: str, low: float, high: float) -> np.ndarray:
    """A smooth spot at a place of the modality's own, so that one cannot be taken for another."""
    squares = sum((g - c) ** 2 for g, c in zip(np.indices(SHAPE), BLOBS[suffix], strict=True))
    return (low + (high - low) * np.exp(-squares / 18.0)).astype(np.float32)


def make(folder: Path) -> None:
    ranges = {"T1w": (0, 900), "FLAIR": (0, 400), "ct": (-1000, 1500), "pet": (0, 30000)}
    root = folder / "iDB-CERMEP-MRXFDG_PET_CT_MRI" / SENT / "ALL" / "derivatives" / "MNI"
    affine = np.diag([-1.0, 1.0, 1.0, 1.0])
    affine[0, 3] = SHAPE[0] - 1
    for number in (1, 2, 4):
        for suffix, limits in ranges.items():
            if (number, suffix) != (2, "pet"):  # one subject is not complete
                name = f"sub-{number:04d}_space-MNI_{suffix}.nii.gz"
                write_nifti(root / f"sub-{number:04d}" / name, blob(suffix, *limits)[::-1], affine)
    packed = folder / "packed"
    for suffix, limits in {"T1w": (0, 900), "ct": (-1000, 1500)}.items():
        name = f"sub-0001_space-pet_{suffix}.nii.gz"
        place = packed / "home" / SENT.relative_to("home") / "MRI_CT" / "derivatives" / "coregistration" / "sub-0001"
        write_nifti(place / name, blob(suffix, *limits)[::-1], affine)
    tar(packed, folder / "iDB-CERMEP-MRXFDG_MRI_ct.tar.gz", inside="")


def check(cohort: Cohort) -> None:
    assert [row["case"] for row in cohort.rows] == [
        f"s{number:02d}-{pair}" for number in (1, 4) for pair in ("T-F", "C-T", "P-C")
    ]
    names = {"T": "T1w", "F": "FLAIR", "C": "ct", "P": "pet"}
    start = (np.array(SHAPE) - 24) // 2
    for case in cohort:
        first, _, second = case.attributes["order"].split(" ")
        assert case.frame.shape == (24, 24, 24) and case.truth_matrix is not None
        assert case.moving.min() >= 0 and case.moving.max() <= 1
        here = np.array(np.unravel_index(case.moving.argmax(), case.moving.shape))
        assert here.tolist() == (np.array(BLOBS[names[second]]) - start).tolist(), "the floating image stays"
        # the reference shows its spot where the true map takes that place to the spot of the unmoved scan
        place = np.array(np.unravel_index(case.fixed.argmax(), case.fixed.shape))
        there = case.truth_matrix[:3, :3] @ place + case.truth_matrix[:3, 3]
        assert np.abs(there - (np.array(BLOBS[names[first]]) - start)).max() < 1.0
    assert {row["modalities"] for row in cohort.rows} == {"T/F", "T/C", "C/P"}
