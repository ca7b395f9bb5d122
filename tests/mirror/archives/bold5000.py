"""The wheel of img2fmri: T1 scans of three subjects below `derivatives/`, heads on necks, among files of the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import write_nifti, zip_up
from wbir.cases import Cohort

COHORT = "bold5000"
SHAPE, SPACING = (44, 64, 64), 4.0
CENTRES = {1: (4.0, 0.0, 0.0), 2: (0.0, 4.0, -4.0), 3: (-4.0, 0.0, 4.0)}  # of the heads, RAS mm
SPOTS = {1: (30.0, 25.0, 25.0), 2: (-30.0, 25.0, 25.0), 3: (-30.0, -25.0, 25.0)}  # bright, seen from there
AFFINE = np.array([[-SPACING, 0, 0, 86], [0, SPACING, 0, -126], [0, 0, SPACING, -170], [0, 0, 0, 1.0]])


def make(folder: Path) -> None:
    root = folder / "wheel"
    index = np.moveaxis(np.indices(SHAPE), 0, -1)
    place = index @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    for number, centre in CENTRES.items():
        seen = place - np.array(centre)
        far = np.linalg.norm(seen, axis=-1)
        neck = (np.hypot(seen[..., 0], seen[..., 1]) < 40) & (seen[..., 2] < 0)
        spot = np.linalg.norm(seen - np.array(SPOTS[number]), axis=-1) < 18
        name = f"sub-CSI{number}_ses-16_anat_sub-CSI{number}_ses-16_T1w.nii.gz"
        image = np.select([spot, neck | (far < 54), far < 60], [1000, 650, 300], 0).astype(np.int16)
        write_nifti(root / "img2fmri" / "derivatives" / "T1" / name, image, AFFINE)
    (root / "img2fmri" / "__init__.py").write_text("raise ImportError('nothing of the package is run')\n")
    (root / "img2fmri-1.0.dist-info").mkdir()
    (root / "img2fmri-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: img2fmri\nVersion: 1.0\n")
    zip_up(root, folder / "img2fmri-1.0-py3-none-any.whl", inside="")


def check(cohort: Cohort) -> None:
    (case,) = cohort
    assert case.id == "CSI2-CSI1" and case.frame.spacing == (8.0, 8.0, 8.0)
    for image, number in ((case.fixed, 2), (case.moving, 1)):
        found = case.frame.to_world(np.argwhere(image > 0.75).mean(axis=0)[None])[0]
        assert np.abs(found - np.add(CENTRES[number], SPOTS[number])).max() < 4, "half a voxel"
    top = case.frame.to_world(np.argwhere(case.fixed > 0.25).max(axis=0)[None].astype(float))[0, 2]
    bottom = case.frame.to_world(np.zeros((1, 3)))[0, 2]
    assert 150 < top - bottom < 180, "170 mm of head and neck are kept, of 226"
