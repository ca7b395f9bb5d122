"""Solids that organs are built from: where they end, how deep a point lies in them, how large they are.

Points are `(3, ...)` float32 world millimetres (RAS+), depths are millimetres to the surface, positive inside, true
near the surface only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Depth = Callable[[np.ndarray], np.ndarray]
Box = tuple[np.ndarray, np.ndarray]
Point = Sequence[float] | np.ndarray  # world mm, and perhaps a radius


@dataclass(frozen=True)
class Solid:
    """A union of parts, each with its box (low, high; mm) outside which it has no points."""

    parts: tuple[tuple[Box, Depth], ...]

    @property
    def box(self) -> Box:
        """The box about all parts."""
        return np.min([low for (low, _), _ in self.parts], 0), np.max([high for (_, high), _ in self.parts], 0)

    def depth(self, points: np.ndarray) -> np.ndarray:
        """The depth of the points in the union."""
        deepest = self.parts[0][1](points)
        for _, depth in self.parts[1:]:
            deepest = np.maximum(deepest, depth(points))
        return deepest

    def volume(self, step: float | None = None) -> float:
        """Millilitres, by counting points `step` mm apart; by default a fortieth of the box's mean side."""
        low, high = self.box
        step = step or float(np.mean(high - low)) / 40
        axes = [np.arange(a + step / 2, b, step, dtype=np.float32) for a, b in zip(low, high, strict=True)]
        return float((self.depth(np.stack(np.meshgrid(*axes, indexing="ij"))) > 0).sum()) * step**3 / 1000


def union(*solids: Solid) -> Solid:
    """All solids as one."""
    return Solid(tuple(part for solid in solids for part in solid.parts))


def cut(solid: Solid, *others: Solid) -> Solid:
    """The solid without the others."""

    def depth(points: np.ndarray) -> np.ndarray:
        left = solid.depth(points)
        for other in others:
            left = np.minimum(left, -other.depth(points))
        return left

    return Solid(((solid.box, depth),))


def within(solid: Solid, limit: Depth) -> Solid:
    """The part of the solid where `limit` is above zero."""
    return Solid(((solid.box, lambda points: np.minimum(solid.depth(points), limit(points))),))


def grown(solid: Solid, margin: float) -> Solid:
    """The solid with its surface moved outwards by `margin` mm (inwards below zero)."""
    reach = max(margin, 0.0)
    return Solid(
        tuple(((low - reach, high + reach), lambda p, d=depth: d(p) + margin) for (low, high), depth in solid.parts)  # type: ignore[misc]
    )


def ellipsoid(centre: Point, radii: Point, axes: np.ndarray | None = None) -> Solid:
    """An ellipsoid; row n of `axes` is the direction of radius n (an orthonormal matrix)."""
    turn = np.eye(3) if axes is None else np.asarray(axes, float)
    middle, size = np.asarray(centre, float), np.asarray(radii, float)
    half = np.sqrt(((turn * size[:, None]) ** 2).sum(0))
    matrix = (turn / size[:, None]).astype(np.float32)
    again = (1 / size).astype(np.float32)
    # the first-order distance (1 - f) / |grad f| of f = |matrix (p - centre)|
    tiny = np.float32(1e-6)

    def depth(points: np.ndarray) -> np.ndarray:
        offset = [points[a] - np.float32(middle[a]) for a in range(3)]
        if axes is None:
            local = [matrix[a, a] * offset[a] for a in range(3)]
        else:
            local = [matrix[n, 0] * offset[0] + matrix[n, 1] * offset[1] + matrix[n, 2] * offset[2] for n in range(3)]
        f = np.sqrt(local[0] ** 2 + local[1] ** 2 + local[2] ** 2) + tiny
        slope = np.sqrt(sum((again[n] * local[n]) ** 2 for n in range(3))) + tiny * again.max()
        return (1 - f) * f / slope

    return Solid((((middle - half, middle + half), depth),))


def tube(knots: Sequence[Point] | np.ndarray, step: float = 8.0) -> Solid:
    """A round tube about a smooth line through `knots` (x, y, z, radius; mm), made of pieces about `step` mm long."""
    line = smooth_line(np.asarray(knots, float), step)
    return Solid(tuple(_piece(start, end) for start, end in pairwise(line)))


def smooth_line(knots: np.ndarray, step: float) -> np.ndarray:
    """Rows (x, y, z, ...) along a monotone cubic through the knots, about `step` mm apart."""
    from scipy.interpolate import PchipInterpolator

    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots[:, :3], axis=0), axis=1))])
    count = max(len(knots), int(np.ceil(length[-1] / step)) + 1)
    return PchipInterpolator(length, knots, axis=0)(np.linspace(0, length[-1], count))


def _piece(start: np.ndarray, end: np.ndarray) -> tuple[Box, Depth]:
    """A round piece from start to end (x, y, z, radius), its radius linear between them, with round ends."""
    reach = max(start[3], end[3])
    box = np.minimum(start, end)[:3] - reach, np.maximum(start, end)[:3] + reach
    direction = (end - start)[:3]
    scaled = (direction / max(float(direction @ direction), 1e-9)).astype(np.float32)

    def depth(points: np.ndarray) -> np.ndarray:
        offset = [points[a] - np.float32(start[a]) for a in range(3)]
        along = np.clip(offset[0] * scaled[0] + offset[1] * scaled[1] + offset[2] * scaled[2], 0, 1)
        squares = sum((offset[a] - along * np.float32(direction[a])) ** 2 for a in range(3))
        return np.float32(start[3]) + along * np.float32(end[3] - start[3]) - np.sqrt(squares)

    return box, depth


def smooth_minimum(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """The smaller of two depths with its edge rounded over `width` mm (quadratic where they differ by less)."""
    blend = np.maximum(np.float32(width) - np.abs(a - b), 0)
    return np.minimum(a, b) - blend**2 / np.float32(4 * width)


def smooth_maximum(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """The larger of two depths, rounded likewise."""
    return -smooth_minimum(-a, -b, width)


def axes_of(forward: Point, side: Point) -> np.ndarray:
    """An orthonormal matrix: rows along `forward`, along `side` as far as it is across, and across both."""
    first = np.asarray(forward, float) / np.linalg.norm(forward)
    second = np.asarray(side, float) - first * (first @ np.asarray(side, float))
    second /= np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)])


def size_for(make: Callable[[float], Solid], target: float, power: float, rounds: int = 2) -> float:
    """The s for which `make(s)` has nearly `target` mL, where the volume grows about as s to the `power`."""
    s = 1.0
    for _ in range(rounds):
        s *= (target / make(s).volume()) ** (1 / power)
    return float(s)
