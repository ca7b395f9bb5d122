"""The skin of a face: its relief and its albedo, as functions of material coordinates and of what the expression does to them.

Heights are in half sides of the image, towards the camera. The relief is a sum of smooth bumps and of creases along lines;
wrinkles belong to action units and deepen with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from wbir.anatomy.face import Outline, Person, anchors
from wbir.anatomy.face_actions import Expression
from wbir.anatomy.seeds import named_generator

DEPTH = 0.40  # from the outline of the head to its front
SQUARENESS, ROUNDING = 2.6, 0.65  # of the head's section: 2 and 0.5 are an ellipse
# place, offset, reach, height of the neutral relief; a name stands for a trait
RELIEF: Sequence[tuple[str, tuple[float, float], tuple[float, float], float | str]] = (
    ("eye", (-0.01, 0.01), (0.12, 0.075), -0.055),
    ("eye", (-0.10, 0.0), (0.045, 0.06), -0.014),
    ("brow_mid", (-0.04, -0.01), (0.15, 0.05), "brow_ridge"),
    ("cheek", (0.0, 0.0), (0.13, 0.11), "cheek"),
    ("lip_corner", (0.13, -0.06), (0.10, 0.14), -0.020),
    ("upper_lip", (0.0, 0.0), (0.20, 0.11), 0.045),
    ("chin", (0.0, 0.0), (0.11, 0.07), "chin_height"),
    ("lower_lip", (0.0, -0.055), (0.10, 0.028), -0.026),
    ("nose_base", (0.0, -0.045), (0.014, 0.045), -0.010),
    ("nose_wing", (-0.016, 0.0), (0.032, 0.034), 0.050),
    ("eye", (0.0, -0.085), (0.10, 0.03), 0.010),
)
# unit: place, offset, reach, height of flesh that the unit gathers
BULGES: Mapping[str, tuple[tuple[str, tuple[float, float], tuple[float, float], float], ...]] = {
    "4": (("glabella", (0.0, -0.02), (0.06, 0.05), 0.018), ("brow_inner", (0.02, -0.03), (0.07, 0.03), 0.016)),
    "6": (("cheek", (-0.02, 0.03), (0.11, 0.07), 0.036), ("eye", (0.0, -0.075), (0.10, 0.022), 0.016)),
    "7": (("eye", (0.0, -0.07), (0.10, 0.022), 0.014),),
    "9": (("nose_wing", (0.0, 0.03), (0.04, 0.05), 0.022), ("nose_root", (0.0, -0.05), (0.05, 0.04), 0.012)),
    "10": (("nose_wing", (0.07, -0.03), (0.07, 0.06), 0.026),),
    "12": (("cheek", (0.0, -0.03), (0.11, 0.09), 0.044), ("lip_corner", (0.04, 0.0), (0.05, 0.08), 0.012)),
    "14R": (("lip_corner", (0.045, 0.0), (0.045, 0.06), 0.018),),
    "15": (("lip_corner", (0.02, -0.06), (0.06, 0.04), 0.016),),
    "17": (("chin", (0.0, 0.0), (0.09, 0.05), 0.022), ("lower_lip", (0.0, -0.01), (0.10, 0.03), 0.014)),
    "20": (("lip_corner", (0.06, -0.04), (0.05, 0.09), 0.012),),
    "23": (("upper_lip", (0.0, 0.05), (0.12, 0.04), 0.012),),
    "24": (("upper_lip", (0.0, 0.05), (0.12, 0.04), 0.014),),
}
Line = tuple[tuple[str, float, float], ...]  # places with offsets
# unit, line, half width, depth; unit "" is the neutral face
FOLD: Line = (
    ("nose_wing", 0.02, 0.03),
    ("nose_wing", 0.055, -0.05),
    ("lip_corner", 0.065, 0.05),
    ("lip_corner", 0.06, -0.05),
)
LOW_BROW: Line = (("forehead", -0.20, -0.02), ("forehead", 0.0, 0.0), ("forehead", 0.20, -0.02))
HIGH_BROW: Line = (("forehead", 0.10, 0.0), ("forehead", 0.24, 0.012), ("forehead", 0.36, -0.01))
BAG: Line = (("eye_inner", 0.0, -0.055), ("eye", 0.0, -0.085), ("eye_outer", 0.0, -0.05))
POUCH: Line = (("eye_inner", 0.01, -0.045), ("eye", 0.0, -0.068), ("eye_outer", -0.01, -0.04))
DIMPLE: Line = (("lip_corner", 0.045, 0.05), ("lip_corner", 0.058, 0.0), ("lip_corner", 0.045, -0.055))


def _raised(line: Line, by: float) -> Line:
    return tuple((place, x, y + by) for place, x, y in line)


CREASES: Sequence[tuple[str, Line, float, float]] = (
    *((unit, FOLD, 0.016, depth) for unit, depth in (("12", 0.020), ("9", 0.014), ("10", 0.014), ("20", 0.006))),
    *(("1", _raised(LOW_BROW, h), 0.011, 0.0045) for h in (-0.06, 0.0, 0.06)),
    *(("2", _raised(HIGH_BROW, h), 0.011, 0.0045) for h in (-0.06, 0.0, 0.06)),
    ("4", (("glabella", 0.032, 0.06), ("glabella", 0.026, -0.04)), 0.011, 0.012),
    *(
        ("6", (("eye_outer", 0.025, h), ("eye_outer", 0.085, 2.2 * h - 0.01)), 0.009, 0.0055)
        for h in (-0.03, 0.0, 0.02)
    ),
    ("6", BAG, 0.012, 0.008),
    ("7", POUCH, 0.010, 0.006),
    *(("9", (("nose_root", 0.0, h), ("nose_root", 0.06, h - 0.035)), 0.010, 0.007) for h in (0.015, -0.02, -0.055)),
    ("14R", DIMPLE, 0.012, 0.014),
    ("15", (("lip_corner", 0.015, -0.01), ("lip_corner", 0.045, -0.085)), 0.012, 0.009),
    ("17", (("lower_lip", 0.0, -0.045), ("lower_lip", 0.09, -0.065)), 0.014, 0.012),
)


class Skin:
    """Relief and albedo of one person's skin in one expression."""

    def __init__(self, person: Person, expression: Expression) -> None:
        self.person, self.expression = person, expression
        self.places, self.outline = anchors(person), Outline(person)
        self.texture = _texture(person.seed)

    def height(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Relief at material points, without the lips."""
        gauge, _ = self.outline.gauge(x, y)
        dome = 1 - gauge**SQUARENESS  # below zero behind the outline
        height = DEPTH * np.sign(dome) * np.abs(dome) ** ROUNDING
        for place, offset, reach, size in RELIEF:
            height += (self.person[size] if isinstance(size, str) else size) * self._bump(place, offset, reach, x, y)
        units = self.expression.units
        for unit, bulges in BULGES.items():
            for place, offset, reach, size in bulges if unit in units else ():
                only = -1.0 if unit == "14R" else 0.0
                height += units[unit] * size * self._bump(place, offset, reach, x, y, only)
        return height + self._nose(x, y) - self._creases(x, y) + self._grain(x, y)

    def lips(self, x: np.ndarray, inside: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
        """How red a point is (0 to 1) and how far the lip stands out; inside: its distance from the slit."""
        mouth = self.expression.mouth
        along = (x - mouth.x) / mouth.half
        full = np.clip(1 - along**2, 0, 1)
        if side > 0:  # the upper lip dips in the middle
            thick = self.person["lip_up"] * (full**1.05 - 0.22 * np.exp(-((along / 0.14) ** 2))) * 1.1
        else:
            thick = self.person["lip_low"] * full**0.9
        thick = np.maximum(thick, 1e-3)
        red = np.clip((thick - inside) / 0.012 + 0.5, 0, 1) * (full > 0)
        part = np.clip(inside / thick, 0, 1.6)
        return red, (0.022 if side > 0 else 0.034) * np.sqrt(full) * np.exp(-(((part - 0.5) / 0.42) ** 2))

    def albedo(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The skin's, with stubble, freckles, brows and nostrils, without the lips."""
        p, coarse, fine, spots = self.person, *(self._look(k, x, y) for k in range(3))
        albedo = p["skin"] * (1 + 0.035 * coarse + 0.022 * fine)
        albedo = albedo * (1 - 0.28 * p.freckles * np.clip(spots - 1.6, 0, 1) * np.exp(-(((y + 0.02) / 0.22) ** 2)))
        albedo = albedo * (1 - 0.06 * self._bump("cheek", (0.0, 0.0), (0.14, 0.12), x, y))
        if p.stubble:
            beard = _ramp((-0.22 - y + 0.55 * np.maximum(np.abs(x) - 0.24, 0)) / 0.10)
            albedo = albedo * (1 - p.stubble * beard * (0.20 + 0.10 * np.clip(fine, -1.5, 1.5)))
        albedo = self._brows(x, y, albedo)
        hole = sum(self._bump("nose_base", (at, 0.02), (0.020, 0.0095), x, y) for at in (-0.047, 0.047))
        return albedo * (1 - 0.8 * np.clip(hole, 0, 1))

    def _nose(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        p, (_, root), (_, tip) = self.person, self.places["nose_root"], self.places["nose_tip"]
        down = np.clip((root - y) / (root - tip), 0, 1.5)
        rise = np.where(y > tip, down**1.25, 1.0) * np.exp(-0.5 * (np.maximum(tip - 0.012 - y, 0) / 0.030) ** 2)
        width = p["bridge"] + (0.62 * p["nose_half"] - p["bridge"]) * np.clip(down, 0, 1)
        ball = 0.030 * np.exp(-0.5 * ((x / (0.42 * p["nose_half"])) ** 2 + ((y - tip) / 0.038) ** 2))
        bridge = 0.030 * np.exp(-0.5 * ((x / 0.035) ** 2 + ((y - root) / 0.06) ** 2))
        return p["nose_height"] * 0.66 * rise * np.exp(-0.5 * (x / width) ** 2) + ball + bridge

    def _creases(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        found = self.person["fold"] * self._line(FOLD, 0.018, x, y)
        for unit, line, width, depth in CREASES:
            if unit in self.expression.units:
                strength = self.expression.units[unit] * self.person["wrinkles"] * depth
                found = found + strength * self._line(line, width, x, y, -1.0 if unit == "14R" else 0.0)
        return found

    def _brows(self, x: np.ndarray, y: np.ndarray, albedo: np.ndarray) -> np.ndarray:
        p = self.person
        (x0, y0), (x1, y1), (x2, y2) = (self.places[n] for n in ("brow_inner", "brow_mid", "brow_outer"))
        t = (np.abs(x) - x0) / (x2 - x0)
        peak = (x1 - x0) / (x2 - x0) + 0.12
        arch = np.where(t < peak, 1 - ((t - peak) / peak) ** 2, 1 - ((t - peak) / (1 - peak)) ** 2)
        middle = y0 + (y2 - y0) * t + (y1 - y0) * arch + np.sign(x) * p["brow_lean"]
        thick = p["brow_thick"] * np.clip(np.minimum(1.0, 1.25 - 0.95 * t), 0.15, 1)
        hairs = self._look(3, x + 0.9 * (y - middle), 0.35 * y)
        inside = _ramp((thick - np.abs(y - middle)) / 0.016 + 0.45 + 0.25 * hairs)
        inside = inside * _ramp((t + 0.02) / 0.07 + 0.3 * hairs) * _ramp((1.03 - t) / 0.10)
        dark = min(p["hair"] + 0.03, p["skin"] - 0.15)
        return albedo + (dark - albedo) * np.clip(0.85 * inside, 0, 1)

    def _bump(
        self, place: str, offset: tuple[float, float], reach: tuple[float, float], x: np.ndarray, y: np.ndarray,
        only: float = 0.0,
    ) -> np.ndarray:  # fmt: skip
        """A Gaussian at a place and at its mirror image, or on one side of the picture."""
        cx, cy = self.places[place][0] + offset[0], self.places[place][1] + offset[1]
        upright = np.exp(-0.5 * ((y - cy) / reach[1]) ** 2)
        if self.places[place][0] == 0:
            return upright * np.exp(-0.5 * ((x - cx) / reach[0]) ** 2)
        return upright * sum(np.exp(-0.5 * ((s * x - cx) / reach[0]) ** 2) for s in ((only,) if only else (-1.0, 1.0)))

    def _line(self, line: Line, width: float, x: np.ndarray, y: np.ndarray, only: float = 0.0) -> np.ndarray:
        """One along a line that fades at its ends, and along its mirror image or on one side alone."""
        knots = _rounded([(self.places[place][0] + ox, self.places[place][1] + oy) for place, ox, oy in line])
        total = sum(np.hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(knots))
        across = np.abs(x) if not only else only * x
        nearest, before = np.zeros_like(x), 0.0
        for (ax, ay), (bx, by) in pairwise(knots):
            length = float(np.hypot(bx - ax, by - ay))
            along = np.clip(((across - ax) * (bx - ax) + (y - ay) * (by - ay)) / length**2, 0, 1)
            far = (across - ax - along * (bx - ax)) ** 2 + (y - ay - along * (by - ay)) ** 2
            fade = np.sin(np.pi * np.clip((before + along * length) / total, 0.02, 0.98)) ** 0.5
            nearest = np.maximum(nearest, np.exp(-far / width**2) * fade)
            before += length
        return nearest

    def _grain(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 0.022 * self.person["roughness"] * self._look(1, x, y) + 0.0016 * self._look(0, x, y)

    def _look(self, layer: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """A layer of the texture at material points; it repeats beyond the face."""
        from scipy.ndimage import map_coordinates

        size = self.texture.shape[1]
        points = np.stack([(x + 1.2) * size / 2.4, (y + 1.2) * size / 2.4])
        return map_coordinates(self.texture[layer], points, order=1, mode="grid-wrap", output=np.float32)


def _texture(seed: int) -> np.ndarray:
    """Smooth noise of variance 1 that wraps around: patches, grain, spots and hairs, `(4, 512, 512)` over a square of 2.4."""
    from scipy.ndimage import gaussian_filter

    generator = named_generator(seed, "skin")
    layers = [gaussian_filter(generator.standard_normal((512, 512)), s, mode="wrap") for s in (9.0, 1.3, 2.2, 1.1)]
    return np.stack([layer / layer.std() for layer in layers]).astype(np.float32)


def _rounded(knots: Sequence[tuple[float, float]]) -> np.ndarray:
    """More points along a smooth curve through three knots or more."""
    from scipy.interpolate import CubicSpline

    if len(knots) < 3:
        return np.array(knots)
    at = np.arange(len(knots))
    return CubicSpline(at, np.array(knots))(np.linspace(0, at[-1], 2 * at[-1] + 1))


def _ramp(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)
