"""The trunk about the organs: skin, fat, muscle, the abdominal cavity under the diaphragm, the lungs' bases, bones.

World millimetres, RAS+: x to the person's right, y forwards, z up. The midline lies at x = 0, vertebral body L2 at z = 22; the upper
end of the diaphragm's right dome at z = 172 (mean breath). Vertebral levels and sizes are textbook figures (general knowledge).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wbir.anatomy.abdomen_person import Person
from wbir.anatomy.abdomen_solids import Solid, smooth_maximum, smooth_minimum

# height z, half width and half depth of the trunk's muscles and bones, without the fat under the skin (mm)
OUTLINE = (
    (-400, 140, 80), (-256, 152, 86), (-190, 160, 96), (-110, 148, 98), (-30, 134, 97), (40, 139, 101), (110, 145, 105),
    (170, 147, 107), (256, 144, 108), (400, 130, 98),
)  # fmt: skip
BACK = -97.0  # y of the trunk's back
TABLE = 0.25  # mm between the entries of the outline's table
DOME_TOP, DOME_BASE = 172.0, 70.0  # z of the right dome and of its widest plane, at mean breath
WALL = 15.0  # mm of muscle and ribs about the cavity
SKIN, DIAPHRAGM = 2.0, 4.0  # mm


@dataclass(frozen=True)
class Paint:
    """One thing to draw: a solid of one value, or of a value by place.

    value: HU, or a function of points `(3, ...)` mm; label: 0 for what is no organ of the 13; halo: mm of fat about it; inside: keep it
    so many mm inside the abdominal cavity (None: do not); over: draw it on this label only (None: on anything).
    """

    solid: Solid
    value: float | Callable[[np.ndarray], np.ndarray]
    label: int = 0
    halo: float = 0.0
    inside: float | None = None
    over: int | None = None


class Body:
    """The trunk of one person, as depths (mm, positive inside) at points `(3, ...)` mm."""

    def __init__(self, person: Person) -> None:
        from scipy.interpolate import PchipInterpolator

        self.person = person
        knots = np.array(OUTLINE, float)
        heights = np.arange(knots[0, 0], knots[-1, 0], TABLE)
        self._outline = PchipInterpolator(knots[:, 0], knots[:, 1:])(heights).T.astype(np.float32)
        self._outline[1] *= person.girth
        self._foot = knots[0, 0]
        self.dome_base = DOME_BASE - person.breath
        self.dome_top = DOME_TOP - person.breath

    def half_axes(self, z: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Half width and half depth of the muscular trunk at heights z (mm)."""
        index = np.clip((np.asarray(z) - self._foot) / TABLE, 0, self._outline.shape[1] - 1).astype(np.int32)
        return self._outline[0][index], self._outline[1][index]

    def outline(self, points: np.ndarray, inset: float = 0.0, forward: float = 0.0) -> np.ndarray:
        """Depth in the trunk's outline moved inwards by `inset` mm, its middle moved by `forward` mm."""
        half_width, half_depth = self.half_axes(points[2])
        x, y = points[0], points[1] - (half_depth + np.float32(BACK + forward))
        x, y = x / (half_width - np.float32(inset)), y / (half_depth - np.float32(inset))
        f = np.sqrt(x * x + y * y) + np.float32(1e-6)
        x /= half_width - np.float32(inset)
        y /= half_depth - np.float32(inset)
        return (1 - f) * f / (np.sqrt(x * x + y * y) + np.float32(1e-8))

    def under_skin(self, points: np.ndarray) -> np.ndarray:
        """mm of skin and fat outside the outline: more in front and below than at the back and at the chest."""
        below = 1.0 - np.float32(0.4) * np.clip(points[2] / 200.0, -0.5, 1.0)
        return np.float32(self.person.fat) * below * (0.85 + np.float32(0.25) * np.clip(points[1] / 90.0, -1.0, 1.0))

    def cavity(self, points: np.ndarray) -> np.ndarray:
        """Depth in the abdominal and pelvic cavity: the trunk inside its wall, with two domes on top and the pelvis below."""
        x, y, z = points
        base = self.dome_base
        middle = np.float32(BACK) + self._outline[1][int((base - self._foot) / TABLE)]
        trunk = self.outline(points, WALL, 2.0)
        trunk = smooth_minimum(trunk, np.minimum(base + 6 - z, z + 85.0), 20.0)
        depth = trunk
        deep = self._outline[1][int((base - self._foot) / TABLE)] - WALL
        for centre, radii in (
            ((58.0, middle + 2, base), (69.0, deep, self.dome_top - base)),
            ((-57.0, middle + 2, base), (69.0, deep, 0.89 * (self.dome_top - base))),
            ((0.0, middle + 8, base), (62.0, 0.85 * deep, 0.82 * (self.dome_top - base))),
            ((0.0, 0.0, -95.0), (72.0, 70.0, 115.0)),
        ):
            depth = smooth_maximum(depth, _ellipsoid_depth(x, y, z, centre, radii), 8.0)
        return depth

    def chest(self, points: np.ndarray, outline: np.ndarray, cavity: np.ndarray) -> np.ndarray:
        """Depth in what the ribs hold above the diaphragm; outline, cavity: the depths there."""
        return np.minimum(np.minimum(outline - 13.0, -cavity - DIAPHRAGM), points[2] - np.float32(self.dome_base + 12))

    def beside_mediastinum(self, points: np.ndarray) -> np.ndarray:
        """mm outside the column of gullet, great vessels and heart's back: below zero in it."""
        return np.sqrt(((points[0] + 4) / 30) ** 2 + ((points[1] + 22) / 52) ** 2) * 35 - 35

    def spine(self, z: np.ndarray | float) -> np.ndarray:
        """y of the middle of the vertebral bodies at height z: lordosis below, kyphosis above."""
        return np.asarray(np.interp(z, [-256, -190, -110, -40, 60, 160, 256], [-76, -78, -38, -24, -30, -42, -50]))


def _ellipsoid_depth(
    x: np.ndarray, y: np.ndarray, z: np.ndarray, centre: tuple[float, ...], radii: tuple[float, ...]
) -> np.ndarray:
    offsets = [(q - np.float32(c)) / np.float32(r) for q, c, r in zip((x, y, z), centre, radii, strict=True)]
    f = np.sqrt(sum(q**2 for q in offsets)) + np.float32(1e-6)
    slope = np.sqrt(sum((q / np.float32(r)) ** 2 for q, r in zip(offsets, radii, strict=True))) + np.float32(1e-8)
    return (1 - f) * f / slope
