"""Binary shapes of an own geometry: letters and plain figures, drawn as strokes and discs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from wbir.cases import Case, CohortWriter
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Letters and shapes",
    "reference": "Paper 22, Sect. 2.1 (the letter J to the letter V, 128 x 128); its own bitmaps are not published",
    "describes": (
        "Pairs of binary shapes in [0, 1], drawn with thick strokes on a unit square and averaged over each pixel "
        "(only pixels on the outline lie between 0 and 1). The shapes are drawn anew, so their size and stroke "
        "differ from the paper's. Label 1 is the shape (above one half). There is no true displacement: a shape "
        "has no inner points to follow."
    ),
    "sources": ["simulated"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 500,
    "runtime": 5,
    "parameters": {
        "size": 128,  # pixels along each side
        "shapes": [["J", "V"]],  # pairs [moving, fixed] of J, V, C, disc, oval, triangle
        "supersampling": 4,  # points along each side of a pixel; 1 draws hard edges
    },
    "tiny": {"size": 32},
    "dims": 2,
    "cases": {"test": "len(shapes)"},
}

Shape = Callable[[np.ndarray, np.ndarray], np.ndarray]  # points x, y of the unit square -> inside
HALF_STROKE = 0.085


def build(
    folder: Path,
    *,
    source: str,
    data: Path | None,
    seed: int,
    size: int,
    shapes: Sequence[Sequence[str]],
    supersampling: int,
) -> None:
    """Write one case `A-to-B` for each pair. Nothing is random: the seed has no part in it.

    Array axis 0 is x to the right, axis 1 is y upwards. Raises InputError for an unknown shape or a repeated pair.
    """
    pairs = [tuple(pair) for pair in shapes]
    if len(set(pairs)) < len(pairs) or any(len(pair) != 2 for pair in pairs):
        raise InputError("different pairs [moving, fixed] of shapes", repr(shapes), "correct the parameter `shapes`")
    card = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["parameters"] = {"size": size, "shapes": [list(pair) for pair in pairs], "supersampling": supersampling}
    writer = CohortWriter(folder, card, {1: "shape"})
    for pair in pairs:
        moving, fixed = (draw(name, size, supersampling) for name in pair)
        labels = {"moving_labels": (moving > 0.5).astype(np.int16), "fixed_labels": (fixed > 0.5).astype(np.int16)}
        attributes = {"split": "test", "moving_shape": pair[0], "fixed_shape": pair[1]}
        writer.add(Case("-to-".join(pair), Frame.of(fixed.shape), fixed, moving, **labels, attributes=attributes))
    writer.close()


def draw(name: str, size: int, supersampling: int = 4) -> np.ndarray:
    """The part of each pixel that a shape covers: float32 `(size, size)`. Raises InputError for an unknown shape."""
    if name not in SHAPES:
        raise InputError(f"a shape of {sorted(SHAPES)}", repr(name), "correct the parameter `shapes`")
    if size < 8 or supersampling < 1:
        raise InputError(
            "a size of at least 8 and a supersampling of at least 1", f"{size} and {supersampling}", "correct them"
        )
    line = (np.arange(size * supersampling) + 0.5) / (size * supersampling)
    inside = SHAPES[name](*np.meshgrid(line, line, indexing="ij"))
    blocks = inside.reshape(size, supersampling, size, supersampling)
    return blocks.mean(axis=(1, 3), dtype=np.float64).astype(np.float32)


def _stroke(*knots: tuple[float, float]) -> Shape:
    """A line through `knots`, HALF_STROKE wide on either side, with round ends and joints."""

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        least = np.full(x.shape, np.inf)
        for (x0, y0), (x1, y1) in pairwise(knots):
            length = (x1 - x0) ** 2 + (y1 - y0) ** 2
            along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length, 0.0, 1.0)
            least = np.minimum(least, (x - x0 - along * (x1 - x0)) ** 2 + (y - y0 - along * (y1 - y0)) ** 2)
        return least <= HALF_STROKE**2

    return inside


def _arc(centre: tuple[float, float], radius: float, start: float, end: float) -> list[tuple[float, float]]:
    """Knots on a circle from `start` to `end` degrees, anticlockwise from the x axis."""
    angles = np.deg2rad(np.linspace(start, end, 49))
    return [(centre[0] + radius * float(np.cos(a)), centre[1] + radius * float(np.sin(a))) for a in angles]


def _ellipse(x_radius: float, y_radius: float) -> Shape:
    return lambda x, y: ((x - 0.5) / x_radius) ** 2 + ((y - 0.5) / y_radius) ** 2 <= 1.0


def _triangle(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (y >= 0.24) & (y <= 0.80 - 1.6 * np.abs(x - 0.5))


SHAPES: dict[str, Shape] = {
    "J": _stroke((0.64, 0.79), *_arc((0.46, 0.38), 0.18, 0.0, -180.0)),
    "V": _stroke((0.27, 0.79), (0.50, 0.22), (0.73, 0.79)),
    "C": _stroke(*_arc((0.52, 0.50), 0.26, 45.0, 315.0)),
    "disc": _ellipse(0.28, 0.28),
    "oval": _ellipse(0.20, 0.34),
    "triangle": _triangle,
}
