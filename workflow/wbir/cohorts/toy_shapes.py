"""A triangle that grows and pushes four ovals away: the toy example of paper 02."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wbir.cases import Case, CohortWriter
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Growing triangle and four ovals",
    "reference": "Paper 02, Sect. 3, Fig. 1 (300 x 300); its own images are in the authors' repository, not used here",
    "describes": (
        "Two grey images: a white triangle in the middle and four grey ovals around it (label 1 bottom, 2 left, 3 "
        "right, 4 top). In the fixed image the triangle has grown, and each oval has moved outwards as an "
        "incompressible plane moves when that area grows at its centre, r -> sqrt(r^2 + a^2); it keeps its shape. As the "
        "paper says, the bottom and left ovals of the moving image overlap the fixed triangle, and no oval overlaps "
        "itself in the other image. The fixed mask is the fixed triangle. The geometry is ours. No true "
        "displacement: what lies inside the grown triangle is new."
    ),
    "sources": ["simulated"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 500,
    "runtime": 5,
    "parameters": {
        "size": 300,  # pixels along each side
        "supersampling": 4,  # points along each side of a pixel
    },
    "tiny": {"size": 32},
    "dims": 2,
    "cases": {"test": "1"},
}
LABELS = {1: "bottom oval", 2: "left oval", 3: "right oval", 4: "top oval"}
SIDE = 300.0  # mm, say: at 300 pixels one each, as in the paper
CENTRE = np.array([0.5, 0.5])  # of the unit square, x to the right, y upwards
SMALL, LARGE = 0.07, 0.32  # circumradius of the triangle before and after
TRIANGLE, OVAL = 1.0, 0.5  # grey values on a background of 0
ALONG, ACROSS = 0.06, 0.025  # half axes of an oval, along the circle about the centre and towards it
OVALS = {1: (-90.0, 0.14), 2: (180.0, 0.16), 3: (0.0, 0.26), 4: (90.0, 0.38)}  # degrees, distance from the centre


@dataclass(frozen=True)
class Drawing:
    """image: float32 in [0, 1]; triangle: the part of each pixel that it covers; labels: int16 of the ovals."""

    image: np.ndarray
    triangle: np.ndarray
    labels: np.ndarray


def build(folder: Path, *, source: str, data: Path | None, seed: int, size: int, supersampling: int) -> None:
    """Write the one case `growing-triangle`. Nothing is random: the seed has no part in it.

    Array axis 0 is x to the right, axis 1 is y upwards. Raises InputError for a size below 16.
    """
    if size < 16 or supersampling < 1:
        raise InputError(
            "a size of at least 16 and a supersampling of at least 1", f"{size}, {supersampling}", "correct"
        )
    moving, fixed = draw(size, supersampling, grown=False), draw(size, supersampling, grown=True)
    card = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["parameters"] = {"size": size, "supersampling": supersampling}
    writer = CohortWriter(folder, card, LABELS)
    writer.add(
        Case(
            "growing-triangle", Frame.of((size, size), SIDE / size), fixed.image, moving.image,
            fixed_labels=fixed.labels, moving_labels=moving.labels, fixed_mask=fixed.triangle > 0.5,
        )
    )  # fmt: skip
    writer.close()


def push(distance: float) -> float:
    """How far from the centre an incompressible plane takes a point when the triangle has grown (parts of the side)."""
    growth = 0.75 * np.sqrt(3) * (LARGE**2 - SMALL**2) / np.pi
    return float(np.sqrt(distance**2 + growth))


def draw(size: int, supersampling: int, *, grown: bool) -> Drawing:
    """The moving (small triangle) or the fixed image (grown), averaged over each pixel."""
    line = (np.arange(size * supersampling) + 0.5) / (size * supersampling)
    points = np.stack(np.meshgrid(line, line, indexing="ij")) - CENTRE[:, None, None]

    def coverage(inside: np.ndarray) -> np.ndarray:
        return inside.reshape(size, supersampling, size, supersampling).mean(axis=(1, 3), dtype=np.float64)

    triangle = coverage(_triangle(points, LARGE if grown else SMALL))
    image, labels = TRIANGLE * triangle, np.zeros((size, size), np.int16)
    for label, (angle, distance) in OVALS.items():
        oval = coverage(_oval(points, np.deg2rad(angle), push(distance) if grown else distance))
        image += OVAL * oval
        labels[oval > 0.5] = label
    return Drawing(image.astype(np.float32), triangle, labels)


def _triangle(points: np.ndarray, radius: float) -> np.ndarray:
    """Equilateral, a vertex upwards: within half the circumradius of the centre towards each side."""
    angles = np.deg2rad([-90.0, 30.0, 150.0])
    sides = [np.cos(a) * points[0] + np.sin(a) * points[1] for a in angles]
    return np.max(sides, axis=0) <= radius / 2


def _oval(points: np.ndarray, angle: float, distance: float) -> np.ndarray:
    towards = np.cos(angle) * points[0] + np.sin(angle) * points[1] - distance
    along = -np.sin(angle) * points[0] + np.cos(angle) * points[1]
    return (towards / ACROSS) ** 2 + (along / ALONG) ** 2 <= 1.0
