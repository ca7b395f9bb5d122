"""EPFL's multipage TIFFs: each section has a bright spot at a place of its own, left of the middle and high; truth 0 and 255."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wbir.cases import Cohort

COHORT = "epfl_em"
PARAMETERS = {"sections": 4}
HEIGHT, WIDTH, PAGES = 24, 32, 5


def make(folder: Path) -> None:
    import tifffile

    for n, volume in enumerate(("training", "testing")):
        images = np.full((PAGES, HEIGHT, WIDTH), 51, dtype=np.uint8)
        truth = np.zeros_like(images)
        for page in range(PAGES):
            images[page, 3 + n, 5 + page], truth[page, 3 + n, 5 + page] = 255, 255
        tifffile.imwrite(folder / f"{volume}.tif", images, photometric="minisblack")
        tifffile.imwrite(folder / f"{volume}_groundtruth.tif", truth, photometric="minisblack")


def check(cohort: Cohort) -> None:
    assert cohort.label_names() == {1: "mitochondria"}
    assert [row["case"] for row in cohort.rows[:4]] == [
        "training-000-001", "training-001-002", "training-002-003", "testing-000-001",
    ]  # fmt: skip
    for n, case in enumerate(cohort):
        block, page = divmod(n, 3)
        top = HEIGHT - 1 - 3 - block  # rows count from the top, the second axis upwards
        assert case.frame.shape == (WIDTH, HEIGHT) and case.attributes["split"] == ("train", "test")[block]
        assert (case.fixed.min(), case.fixed[5 + page, top], case.moving[6 + page, top]) == (np.float32(0.2), 1, 1)
        assert np.argwhere(case.fixed_labels == 1).tolist() == [[5 + page, top]]
        assert np.argwhere(case.moving_labels == 1).tolist() == [[6 + page, top]]
