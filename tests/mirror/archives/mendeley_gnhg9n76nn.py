"""Three scans and no word on them, the names made up: nobody told us the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import write_nifti
from wbir.cases import Cohort

COHORT = "mendeley_brains"
PLACES = {"a": (3, 4, 5), "b/c": (9, 2, 6), "b/d": (5, 8, 1)}


def make(folder: Path) -> None:
    for name, place in PLACES.items():
        image = np.zeros((12, 13, 10), np.int16)
        image[place] = 100
        write_nifti(folder / "scans" / f"{name}.nii", image, np.diag([-1.0, 1.0, 1.0, 1.0]))


def check(cohort: Cohort) -> None:
    assert len(cohort) == 6 and {row["split"] for row in cohort.rows} == {"test"}
    case = cohort.case("scans_a-scans_b_d")
    for image, name in ((case.fixed, "a"), (case.moving, "b/d")):
        x, y, z = PLACES[name]
        assert np.argwhere(image == 100).tolist() == [[11 - x, y, z]]
