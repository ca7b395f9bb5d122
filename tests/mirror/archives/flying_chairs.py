"""Flying Chairs' zip and list: the second picture is a smooth pattern, the first shows it turned and shifted by the flow."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from mirror.writing import zip_up
from wbir.cases import Cohort

COHORT = "flying_chairs"
PARAMETERS = {"pairs": {"train": 1, "test": None}}
WIDTH, HEIGHT = 48, 36
PARTS = (1, 2, 1)  # of the pairs 1, 2 and 3
TURN, SHIFT = np.deg2rad(6.0), (3.0, -1.5)  # columns to the right, rows downwards


def pattern(columns: np.ndarray, rows: np.ndarray, number: int) -> np.ndarray:
    return 0.5 + 0.25 * np.sin(0.35 * columns + number) + 0.25 * np.cos(0.3 * rows + 0.1 * columns)


def flow() -> np.ndarray:
    """`(2, HEIGHT, WIDTH)`: a turn about the middle and a shift."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    x, y = columns - (WIDTH - 1) / 2, rows - (HEIGHT - 1) / 2
    cosine, sine = np.cos(TURN), np.sin(TURN)
    return np.stack([cosine * x - sine * y - x + SHIFT[0], sine * x + cosine * y - y + SHIFT[1]]).astype(np.float32)


def make(folder: Path) -> None:
    root = folder / "FlyingChairs_release"
    (root / "data").mkdir(parents=True)
    (root / "README.txt").write_text("not data\n")
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    u, v = flow()
    for number in range(1, len(PARTS) + 1):
        stem = root / "data" / f"{number:05d}"
        write_ppm(Path(f"{stem}_img1.ppm"), pattern(columns + u, rows + v, number))
        write_ppm(Path(f"{stem}_img2.ppm"), pattern(columns, rows, number))
        header = struct.pack("<fii", 202021.25, WIDTH, HEIGHT)
        Path(f"{stem}_flow.flo").write_bytes(header + np.stack([u, v], axis=-1).astype("<f4").tobytes())
    zip_up(root, folder / "FlyingChairs.zip")
    (folder / "FlyingChairs_train_val.txt").write_text("".join(f"{part}\n" for part in PARTS))


def write_ppm(path: Path, values: np.ndarray) -> None:
    """A binary PPM with red and blue as far from the value as luminance allows."""
    grey = np.rint(40 + 150 * values)
    colours = np.stack([grey + 0.114 / 0.299 * 40, grey, grey - 40], axis=-1)  # luminance: grey
    path.write_bytes(b"P6\n%d %d\n255\n" % (WIDTH, HEIGHT) + np.rint(colours).astype(np.uint8).tobytes())


def check(cohort: Cohort) -> None:
    """The true displacement takes the second picture onto the first; no other reading of its axes would."""
    import torch

    from wbir.geometry.warping import warp

    assert {row["split"] for row in cohort.rows} == {"train", "test"} and len(cohort) == 2
    assert [row["case"] for row in cohort.rows if row["split"] == "test"] == ["chairs-00002"]
    for case in cohort:
        assert case.fixed.shape == (WIDTH, HEIGHT) and case.truth is not None
        inner = (slice(8, -8), slice(8, -8))
        moving, field = torch.from_numpy(case.moving)[None, None], torch.from_numpy(case.truth)[None]
        error = np.abs(warp(moving, field)[0, 0].numpy() - case.fixed)[inner].max()
        assert error < 0.02 < 0.1 < np.abs(case.moving - case.fixed)[inner].max()
        assert abs(case.fixed[0, HEIGHT - 1] - (40 + 150 * pattern(*flow()[:, 0, 0], int(case.id[-1]))) / 255) < 0.005
