"""Lucchi++'s zip: images called masks, outlines numbered without zeros (10 follows 9) and one of them in colours with alpha."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.writing import zip_up
from wbir.cases import Cohort

COHORT = "lucchi_pp"
PARAMETERS = {"sections": None}
NUMBERS = (8, 9, 10)
HEIGHT, WIDTH = 20, 28


def make(folder: Path) -> None:
    from skimage.io import imsave

    root = folder / "Lucchi++"
    for block in ("Train", "Test"):
        (root / f"{block}_In").mkdir(parents=True)
        (root / f"{block}_Out").mkdir()
        for n in NUMBERS:
            image, truth = np.full((HEIGHT, WIDTH), n, dtype=np.uint8), np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
            truth[2, n] = 255
            if (block, n) == ("Train", 9):
                truth = np.stack([truth, truth, truth, np.full_like(truth, 255)], axis=-1)
            imsave(root / f"{block}_In" / f"mask{n:04d}.png", image, check_contrast=False)
            imsave(root / f"{block}_Out" / f"{n}.png", truth, check_contrast=False)
    (root / "Train_In" / ".DS_Store").write_bytes(b"junk")
    zip_up(root, folder / "lucchi_pp.zip")


def check(cohort: Cohort) -> None:
    pairs = [(row["volume"], row["fixed_section"], row["moving_section"]) for row in cohort.rows]
    assert pairs == [(block, *near) for block in ("Train", "Test") for near in (("008", "009"), ("009", "010"))]
    for case in cohort:
        for array, labels, section in (
            (case.fixed, case.fixed_labels, "fixed_section"),
            (case.moving, case.moving_labels, "moving_section"),
        ):
            number = int(case.attributes[section])
            assert np.allclose(array, number / 255) and array.shape == (WIDTH, HEIGHT)
            assert np.argwhere(labels == 1).tolist() == [[number, HEIGHT - 1 - 2]]
