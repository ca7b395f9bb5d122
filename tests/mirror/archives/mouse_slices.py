"""The repository of paper 18 as GitHub packs it: plates, sections in four folders, two sections of one plate, one without plate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import zip_up
from wbir.cases import Cohort

COHORT = "mouse_slices"
PARAMETERS = {"size": 20}
COMMIT = "519ac5693bff4a38f80a8255b48f9cfe6cb4fe5a"
PLATES = (2, 10, 100)
SECTIONS = ("train/10", "train/10_2", "train/77", "val_1/2", "val_2/100", "test/100")


def make(folder: Path) -> None:
    import tifffile
    from PIL import Image

    root = folder / f"2d-mouse-brain-identification-{COMMIT}"
    for name in ("atlas", "train", "val_1", "val_2", "test"):
        (root / "data" / name).mkdir(parents=True)
    (root / "README.md").write_text("code and data\n")
    for plate in PLATES:  # wide, dark to the right
        picture = np.full((20, 40), 240, dtype=np.uint8)
        picture[6:14, 22:36] = plate
        Image.fromarray(picture).save(root / "data" / "atlas" / f"{plate}.jpg", quality=100)
    for name in SECTIONS:  # high, bright at the top
        picture = np.zeros((40, 20), dtype=np.uint8)
        picture[4:12, 6:14] = 255
        tifffile.imwrite(root / "data" / f"{name}.tif", picture, photometric="minisblack")
    zip_up(root, folder / f"{root.name}.zip")


def check(cohort: Cohort) -> None:
    found = {row["case"]: (row["split"], row["set"], row["plate"]) for row in cohort.rows}
    assert found == {
        "train-10": ("train", "train", "10"),
        "train-10_2": ("train", "train", "10"),
        "val_1-2": ("validation", "val_1", "2"),
        "val_2-100": ("validation", "val_2", "100"),
        "test-100": ("test", "test", "100"),
        "atlas-002": ("atlas", "atlas", "2"),
        "atlas-010": ("atlas", "atlas", "10"),
        "atlas-100": ("atlas", "atlas", "100"),
    }
    for case in cohort:
        plate = int(case.attributes["plate"])
        assert case.frame.shape == (20, 20) and abs(case.moving[14, 9] * 255 - plate) < 3, "dark to the right"
        assert case.moving[5, 9] > 0.9 and case.moving[0, 0] > 0.9, "the rest is light, and so is the padding"
        if case.attributes["set"] != "atlas":
            assert case.fixed[9, 16] > 0.9 and case.fixed[9, 3] < 0.1 and case.fixed[0, 0] < 0.1, "bright at the top"
