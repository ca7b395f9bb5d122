"""What the chest wall encloses: lungs with lobes and fissures, mediastinum, diaphragm and the organs below it.

Surfaces are signed distances (mm, negative inside, exact near the surface as far as it matters for partial volumes) at points of the
standard chest at rest (see `lung_tube.py`). Sizes and places are rounded textbook anatomy of an adult on the back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wbir.anatomy.lung_tube import Tube

LOBES = {
    1: "left upper lobe",
    2: "left lower lobe",
    3: "right upper lobe",
    4: "right middle lobe",
    5: "right lower lobe",
}
HU = {
    "fat": -95.0,
    "heart": 42.0,
    "blood": 42.0,
    "muscle": 52.0,
    "liver": 58.0,
    "spleen": 48.0,
    "fluid": 10.0,
    "gas": -950.0,
}
PLEURA = 1.0  # mm between the wall and the lung
PERICARDIUM = 3.5  # mm of fat around the heart
DIAPHRAGM = 3.0  # mm
FISSURE = 0.5  # mm: two sheets of pleura
SEPTUM = 2.5  # mm: half the thickness of what parts the lungs before and behind the mediastinum
BLEND = 6.0  # mm over which the parts of the mediastinum melt into one another
# parts of the mediastinum as (centre), (half-axes): vessels and fat above the heart, the same towards the neck, the two hila
MEDIASTINUM = (
    ((-1.0, 6.0, 28.0), (30.0, 34.0, 44.0)),
    ((0.0, -12.0, 82.0), (27.0, 34.0, 58.0)),
    ((34.0, -16.0, 8.0), (17.0, 13.0, 24.0)),
    ((-34.0, -18.0, 13.0), (18.0, 13.0, 23.0)),
    ((2.0, -30.0, -40.0), (17.0, 17.0, 95.0)),
)
AORTA = ((-20.0, -44.0), 15.0)  # (x, y) of the descending aorta and its radius with the fat around
HEART_AXES = (54.0, 41.0, 43.0)
HEART_TURN = 0.6  # radians: the apex points left, forwards and down


Fraction = Callable[[np.ndarray], np.ndarray]  # signed distance (mm) to the part of a voxel inside


@dataclass(frozen=True)
class Organs:
    """One person's organs; all lengths in mm of the standard chest.

    domes: heights of the right and the left dome of the diaphragm. drop: how far it falls towards the wall. heart: relative size.
    oblique_left, oblique_right: (y at height 0, dy/dz) of the oblique fissures; horizontal: height of the horizontal one.
    bend: rows (rate in x, rate in y or z, phase, amplitude mm) that curve the fissures, (n, 4).
    """

    tube: Tube
    domes: tuple[float, float]
    drop: float
    heart: float
    oblique_left: tuple[float, float]
    oblique_right: tuple[float, float]
    horizontal: float
    bend: np.ndarray

    def lungs(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance of both lungs."""
        outer = self.tube.distance(x, y, z) + PLEURA
        outer = np.maximum(outer, self.top(x, y, z))
        outer = np.maximum(outer, self.diaphragm(x, y, z))
        return np.maximum(outer, -self.mediastinum(x, y, z))

    def top(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Above the lungs' tops: two domes behind the first ribs."""
        aside, forth = np.abs(x) - 37.0, y - self.tube.back(z) - 50.0
        square = aside * aside + forth * forth
        return 0.8 * (z - self.tube.apex + square / (90.0 + 1.1 * np.sqrt(square)))

    def diaphragm(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Below the diaphragm (negative above it): two domes that fall to the wall, and the central tendon under the heart."""
        right, left = self.domes
        forth = ((y - 6.0) / 80.0) ** 2
        both = smooth_max(
            right - self.drop * (((x - 56.0) / 66.0) ** 2 + forth),
            left - self.drop * (((x + 56.0) / 66.0) ** 2 + forth),
            8.0,
        )
        tendon = left - 2.0 - self.drop * ((x / 55.0) ** 2 + 1.6 * ((y - 24.0) / 80.0) ** 2)
        return 0.8 * (smooth_max(both, tendon, 8.0) - z)

    def heart_distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance of the heart with its pericardium."""
        x, y, z = x + 14.0, y - 22.0, z + 44.0
        turned, deep = np.cos(HEART_TURN) * x - np.sin(HEART_TURN) * y, np.sin(HEART_TURN) * x + np.cos(HEART_TURN) * y
        along, steep = np.cos(0.4) * turned + np.sin(0.4) * z, np.cos(0.4) * z - np.sin(0.4) * turned
        return ellipsoid(along, deep, steep, tuple(self.heart * a for a in HEART_AXES))

    def mediastinum(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Signed distance of all that lies between the lungs."""
        parts = [self.heart_distance(x, y, z)]
        parts += [ellipsoid(x - c[0], y - c[1], z - c[2], axes) for c, axes in MEDIASTINUM]
        (at_x, at_y), radius = AORTA
        descending = np.hypot(x - at_x, y - at_y) - radius
        parts.append(np.maximum(descending, z - 44.0))
        union = smooth_union(parts, BLEND)
        return np.minimum(union, np.abs(x + 4.0) - SEPTUM)

    def oblique(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Distance (mm) before the oblique fissure of the point's side: positive in the upper (and middle) lobe."""
        start, slope = (
            np.where(x < 0, left, right).astype(x.dtype)
            for left, right in zip(self.oblique_left, self.oblique_right, strict=True)
        )
        return (y - start - slope * z - self._curve(x, z) + 0.0012 * z * z) / np.sqrt(1 + slope * slope)

    def minor(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Distance (mm) above the horizontal fissure."""
        return z - self.horizontal - self._curve(x + 40.0, y) + 0.0015 * (x - 60.0) ** 2

    def _curve(self, x: np.ndarray, other: np.ndarray) -> np.ndarray:
        total = np.zeros_like(x)
        for x_rate, other_rate, phase, amplitude in self.bend.astype(x.dtype):
            total += amplitude * np.sin(x_rate * x + other_rate * other + phase)
        return total

    def lobes(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The lobe (1 to 5, see LOBES) to which a point in a lung belongs: int16."""
        upper = self.oblique(x, y, z) > 0
        right = np.where(upper, np.where(self.minor(x, y, z) > 0, 3, 4), 5)
        return np.where(x < -4.0, np.where(upper, 1, 2), right).astype(np.int16)

    def fissures(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, width: float) -> np.ndarray:
        """The part of a voxel `width` mm wide that the fissures' pleura fills."""
        oblique = self.oblique(x, y, z)
        nearest = np.abs(oblique)
        right = (x > 0) & (oblique > 0)
        nearest[right] = np.minimum(nearest, np.abs(self.minor(x, y, z)))[right]
        return min(FISSURE / width, 1.0) * np.clip(1 - nearest / max(width, FISSURE), 0, 1)

    def soft_tissue(
        self, x: np.ndarray, y: np.ndarray, z: np.ndarray, fraction: Fraction, mottle: np.ndarray
    ) -> np.ndarray:
        """HU outside the lungs. fraction: signed distance to the part of a voxel inside. mottle: a field of variance 1."""
        hu = np.full_like(x, HU["fat"]) + 6 * mottle
        paint(
            hu, HU["muscle"] - 10, fraction(ellipsoid(x, y - 42.0, z - 52.0, (13.0, 9.0, 20.0)))
        )  # what the thymus leaves
        paint(hu, HU["heart"], fraction(self.heart_distance(x, y, z) + PERICARDIUM))
        above = np.clip((z - self.tube.apex - 4) / 12, 0, 1)  # the root of the neck
        hu += above * (HU["muscle"] - 60 * (mottle > 0.6) - hu)
        below = self.diaphragm(x, y, z)
        depth = fraction(-below)
        inner = np.full_like(x, HU["fat"]) + 8 * mottle
        self._abdomen(inner, x, y, z, below, fraction)
        paint(inner, HU["muscle"], fraction(below - DIAPHRAGM))
        return hu + depth * (inner - hu)

    def _abdomen(
        self, hu: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray, below: np.ndarray,
        fraction: Fraction,
    ) -> None:  # fmt: skip
        """Liver under the right dome and across the midline in front, spleen behind the stomach on the left."""
        right, left = self.domes
        aside = 0.7 * (0.7 * (left - 6.0 - z) + 0.5 * (20.0 - y) - 30.0 - x)  # the left lobe ends in front
        cover = np.maximum(DIAPHRAGM + 1.5 - below, self.tube.distance(x, y, z) + 5.0)
        liver = smooth_max(smooth_max(cover, aside, 3.0), right - 150.0 + 0.4 * (y + 60.0) - z, 3.0)
        spleen = ellipsoid(x + 84.0, y + 44.0, z - left + 52.0, (28.0, 34.0, 42.0))
        stomach = ellipsoid(x + 58.0, y - 14.0, z - left + 44.0, (44.0, 44.0, 40.0))
        paint(hu, HU["liver"], fraction(liver))
        spleen, stomach = np.maximum(spleen, cover), np.maximum(stomach, cover)
        paint(hu, HU["spleen"], fraction(np.maximum(spleen, 4.0 - liver)))
        stomach = np.maximum(stomach, 3.0 - np.minimum(liver, spleen))
        paint(hu, HU["muscle"] - 15, fraction(stomach))
        paint(hu, HU["fluid"] + 15, fraction(stomach + 4))
        paint(hu, HU["gas"], fraction(np.maximum(stomach + 4, 16.0 - y)))  # gas rises to the front


def ellipsoid(x: np.ndarray, y: np.ndarray, z: np.ndarray, axes: tuple[float, ...]) -> np.ndarray:
    """Near its surface the signed distance (mm) of an ellipsoid about 0, to first order."""
    a, b, c = x / axes[0], y / axes[1], z / axes[2]
    gauge = np.sqrt(a * a + b * b + c * c)
    slope = np.sqrt((a / axes[0]) ** 2 + (b / axes[1]) ** 2 + (c / axes[2]) ** 2)
    return (gauge - 1) * gauge / np.maximum(slope, 1e-4)


def smooth_max(first: np.ndarray, second: np.ndarray, blend: float) -> np.ndarray:
    """The greater of two, rounded where they differ by less than some `blend`."""
    return blend * np.logaddexp(first / blend, second / blend)


def smooth_union(distances: list[np.ndarray], blend: float) -> np.ndarray:
    """The least of several signed distances, rounded over `blend` mm."""
    total = sum(np.exp(np.clip(-d / blend, -40, 40)) for d in distances)
    return -blend * np.log(total)


def paint(hu: np.ndarray, value: float | np.ndarray, fraction: np.ndarray) -> None:
    """Put a material of `value` HU over what is there."""
    hu += fraction * (value - hu)
