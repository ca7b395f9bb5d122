"""The inner wall of the chest as an upright tube with coordinates of its own; what anatomy and breathing share.

Millimetres of a standard chest: x to the patient's right, y to the front, z up; the lungs' tops at `apex`, near (0, 0, 0) their
middle. A cross-section is the superellipse `|X|^2.5 + |Y|^2.5 = 1`, which the spine dents from behind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SPINE_BREADTH = 30.0  # mm: of the dent
RISE = 0.08  # the smoothness of `ramp`


@dataclass(frozen=True)
class Tube:
    """apex: height of the lungs' tops. width, depth: half-axes low in the chest. dent: how far the spine stands in. All mm."""

    apex: float = 100.0
    width: float = 117.0
    depth: float = 78.0
    dent: float = 46.0

    def half_width(self, z: np.ndarray) -> np.ndarray:
        """Narrow at the top, `width` low in the chest."""
        return self.width * (0.40 + 0.60 * self._opening(z))

    def half_depth(self, z: np.ndarray) -> np.ndarray:
        return self.depth * (0.52 + 0.48 * self._opening(z))

    def back(self, z: np.ndarray) -> np.ndarray:
        """The y of the hindmost points: the curve of the thoracic spine."""
        return -86 + 20 * (1 - np.exp(-(((z + 10) / 130) ** 2)))

    def spine_front(self, z: np.ndarray) -> np.ndarray:
        """The y of the dent's ridge, in the midline."""
        return self.back(z) + self.dent

    def _opening(self, z: np.ndarray) -> np.ndarray:
        return 1 - (1 + np.exp((self.apex + 6 - z) / 8)) ** -0.16  # 1 - exp(-d / 50) at a depth d, from 0 on, smoothly

    def _dent(self, x: np.ndarray) -> np.ndarray:
        return self.dent * np.exp(-((x / SPINE_BREADTH) ** 2))

    def straighten(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Millimetres to `(X, Y)`, which fill the superellipse at every height."""
        dent, depth = self._dent(x) / 2, self.half_depth(z)
        return x / self.half_width(z), (y - self.back(z) - depth - dent) / (depth - dent)

    def bend(self, across: np.ndarray, along: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The inverse of `straighten`: `(x, y)` in mm."""
        x, depth = across * self.half_width(z), self.half_depth(z)
        dent = self._dent(x) / 2
        return x, self.back(z) + depth + dent + (depth - dent) * along

    def stretch(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Square mm for a unit of X and Y."""
        return self.half_width(z) * (self.half_depth(z) - self._dent(x) / 2)

    def gauge(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Below 1 inside, 1 on the wall, above 1 outside; it grows in proportion to the distance from the tube's axis."""
        return superellipse(*self.straighten(x, y, z))

    def distance(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Near the wall the distance to it in mm, negative inside."""
        across, along = self.straighten(x, y, z)
        gauge = superellipse(across, along)
        dent, depth = self._dent(x) / 2, self.half_depth(z)
        along_slope = dent * 2 * x / SPINE_BREADTH**2 * (1 - along) / (depth - dent)
        y_part = (np.abs(along) ** 1.5) * np.sign(along)
        x_part = (np.abs(across) ** 1.5) * np.sign(across) / self.half_width(z) + y_part * along_slope
        steepness = np.hypot(x_part, y_part / (depth - dent)) / np.maximum(gauge, 0.05) ** 1.5
        return (gauge - 1) / np.maximum(steepness, 1e-3)


def superellipse(across: np.ndarray, along: np.ndarray) -> np.ndarray:
    """`(|X|^2.5 + |Y|^2.5)^(1 / 2.5)`."""
    x, y = np.abs(across), np.abs(along)
    return (x * x * np.sqrt(x) + y * y * np.sqrt(y)) ** 0.4


def ramp(u: np.ndarray) -> np.ndarray:
    """0 up to 0, then u, 1 from 1 on; smooth."""
    return RISE * (np.logaddexp(0, u / RISE) - np.logaddexp(0, (u - 1) / RISE))


def ramp_slope(u: np.ndarray) -> np.ndarray:
    """The derivative of `ramp`."""
    return 0.5 * (np.tanh(u / (2 * RISE)) - np.tanh((u - 1) / (2 * RISE)))
