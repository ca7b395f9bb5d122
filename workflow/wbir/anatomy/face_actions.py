"""Expressions: facial action units (Ekman and Friesen's FACS) as smooth movements of the skin, and the slits that open in it.

Which units an expression has is what the makers of the RaFD asked their models for (Langner et al., Cognition and Emotion 24,
2010): anger 4 + 5 + 7 + 17 + 23 or 24, contempt 14 on one side, disgust 9 + 10 + 25, fear 1 + 2 + 4 + 5 + 20 + 25, happiness
6 + 12 + 25, sadness 1 + 4 + 15 + 17, surprise 1 + 2 + 5 + 26. How far a unit moves the skin is rounded general knowledge (a
brow rises some 6 mm, a jaw drops some 15 mm, a face is 140 mm wide).

Skin is torn along three slits, the eyes and the mouth: what lies above one and what lies below have movements of their own,
which agree at its corners and far from it. So each point of the picture shows the skin of a part, or what lies behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wbir.anatomy.face import Person, anchors

EXPRESSIONS: Mapping[str, Mapping[str, float]] = {  # units and their strength from 0 to 1
    "neutral": {},
    "anger": {"4": 0.9, "5": 0.5, "7": 0.8, "17": 0.5, "23": 0.8},
    "contempt": {"14R": 1.0},
    "disgust": {"9": 0.9, "10": 0.8, "25": 0.5},
    "fear": {"1": 0.8, "2": 0.7, "4": 0.5, "5": 0.9, "20": 0.8, "25": 0.8},
    "happiness": {"6": 0.8, "12": 0.9, "25": 0.9},
    "sadness": {"1": 0.9, "4": 0.6, "15": 0.7, "17": 0.5},
    "surprise": {"1": 0.8, "2": 0.9, "5": 0.5, "26": 0.9},
}
STRENGTH = (0.75, 1.15)  # of a unit in one person, uniform
# unit: (place, offset, reach, movement) of a Gaussian bump of movement; mirrored where the place is not in the middle
MOVES: Mapping[str, tuple[tuple[str, tuple[float, float], tuple[float, float], tuple[float, float]], ...]] = {
    "1": (("brow_inner", (0.0, 0.01), (0.085, 0.10), (0.004, 0.058)),),
    "2": (("brow_outer", (-0.03, 0.01), (0.10, 0.10), (0.0, 0.055)),),
    "4": (
        ("brow_inner", (0.0, 0.0), (0.085, 0.075), (-0.026, -0.046)),
        ("brow_mid", (0.02, 0.0), (0.09, 0.07), (-0.008, -0.024)),
    ),
    "6": (
        ("cheek", (0.0, 0.08), (0.13, 0.08), (0.0, 0.034)),
        ("eye_outer", (0.03, -0.02), (0.06, 0.06), (-0.008, 0.0)),
    ),
    "7": (("eye", (0.0, -0.07), (0.11, 0.05), (0.0, 0.012)),),
    "9": (
        ("nose_wing", (-0.02, 0.02), (0.07, 0.08), (0.006, 0.036)),
        ("nose_root", (0.0, -0.06), (0.08, 0.07), (0.0, 0.016)),
        ("brow_inner", (0.0, 0.0), (0.085, 0.075), (-0.014, -0.034)),
        ("upper_lip", (0.0, 0.02), (0.13, 0.06), (0.0, 0.022)),
    ),
    "10": (
        ("upper_lip", (0.0, 0.015), (0.14, 0.065), (0.0, 0.026)),
        ("nose_wing", (0.05, -0.05), (0.08, 0.08), (0.006, 0.022)),
    ),
    "12": (
        ("lip_corner", (0.02, 0.0), (0.10, 0.10), (0.062, 0.058)),
        ("cheek", (0.02, -0.02), (0.12, 0.11), (0.014, 0.032)),
    ),
    "14R": (("lip_corner", (0.01, 0.0), (0.075, 0.075), (0.036, 0.026)),),
    "15": (("lip_corner", (0.005, -0.01), (0.085, 0.085), (0.008, -0.046)),),
    "17": (("chin", (0.0, 0.0), (0.14, 0.10), (0.0, 0.036)), ("lower_lip", (0.0, 0.0), (0.13, 0.06), (0.0, 0.016))),
    "20": (("lip_corner", (0.02, -0.01), (0.10, 0.10), (0.056, -0.014)),),
    "23": (
        ("lip_corner", (0.0, 0.0), (0.08, 0.07), (-0.020, 0.0)),
        ("upper_lip", (0.0, 0.01), (0.12, 0.04), (0.0, -0.014)),
        ("lower_lip", (0.0, -0.01), (0.12, 0.045), (0.0, 0.017)),
    ),
    "24": (
        ("upper_lip", (0.0, 0.01), (0.15, 0.04), (0.0, -0.019)),
        ("lower_lip", (0.0, -0.01), (0.15, 0.045), (0.0, 0.022)),
    ),
}
ONE_SIDED = {"14R": -1.0}  # the side of the picture that the person's right is on
# unit: how far it opens a slit upwards and downwards
LIDS: Mapping[str, tuple[float, float]] = {
    "5": (0.024, 0.003), "6": (-0.008, -0.012), "7": (-0.014, -0.013), "9": (-0.010, -0.006), "4": (-0.006, 0.0),
    "12": (-0.006, -0.004),
}  # fmt: skip
LIPS: Mapping[str, tuple[float, float]] = {  # where the lips part at all, which is unit 25
    "25": (0.016, 0.030), "10": (0.012, 0.0), "20": (0.0, 0.016), "12": (0.008, 0.0),
}  # fmt: skip
JAW = 0.14  # how far the chin drops with a full unit 26
JAW_TOP, JAW_LENGTH = -0.12, 0.45  # the cheeks stretch between these heights below the joint
LEAST_OPEN = 0.015  # an eye does not shut
REACH = {"eye": (0.085, 0.08), "mouth": (0.11, 0.13)}  # how far above and below a slit the skin gives way
ROUNDNESS = {"eye": 0.75, "mouth": 0.8}


Points = tuple[np.ndarray, np.ndarray]  # x and y
PARTS = ("above", "between", "below")  # the eyes, eyes and mouth, the mouth


@dataclass(frozen=True)
class Slit:
    """A slit of the skin about `(x, y)`; `up` and `down`: how far its lips have parted in the middle."""

    kind: str
    x: float
    y: float
    half: float
    slope: float
    curve: float
    up: float
    down: float

    def line(self, x: np.ndarray) -> np.ndarray:
        """Height of the shut slit at `x`."""
        along = (x - self.x) / self.half
        return self.y + self.slope * (x - self.x) + self.curve * np.clip(along**2, 0, 4)

    def shape(self, x: np.ndarray) -> np.ndarray:
        """How far the slit opens at `x`, 1 in the middle, 0 outside."""
        return np.clip(1 - ((x - self.x) / self.half) ** 2, 0, 1) ** ROUNDNESS[self.kind]

    def lift(self, x: np.ndarray, y: np.ndarray, side: int) -> np.ndarray:
        """Vertical movement of the skin above (side 1) or below (side -1); it goes on beyond the slit."""
        far = np.maximum(side * (y - self.line(x)), 0.0) / REACH[self.kind][0 if side > 0 else 1]
        return side * (self.up if side > 0 else self.down) * self.shape(x) * np.exp(-0.5 * far * far)


class Expression:
    """The movement of one person's skin in one expression. Points are arrays x, y of material coordinates."""

    def __init__(self, person: Person, units: Mapping[str, float]) -> None:
        self.person, self.units = person, dict(units)
        self.bumps = _bumps(person, units)
        self.drop = JAW * units.get("26", 0.0)
        self.eyes, self.mouth = _slits(person, units, self.drop)

    @property
    def slits(self) -> tuple[Slit, ...]:
        return (*self.eyes, self.mouth)

    def move(self, x: np.ndarray, y: np.ndarray, part: str) -> tuple[np.ndarray, np.ndarray]:
        """Where the skin of one of PARTS goes; each goes on beyond the slits that bound it."""
        dx, dy = np.zeros_like(x), np.zeros_like(y)
        for cx, cy, sx, sy, mx, my in self.bumps:
            weight = np.exp(-0.5 * (((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2))
            dx, dy = dx + mx * weight, dy + my * weight
        for eye in self.eyes:
            dy = dy + eye.lift(x, y, 1 if part == "above" else -1)
        dy = dy + self.mouth.lift(x, y, -1 if part == "below" else 1)
        if self.drop:
            dy = dy - self.drop * jaw_part(y)
        return x + dx, y + dy

    def find(self, x: np.ndarray, y: np.ndarray, part: str, start: Points, steps: int) -> Points:
        """The material points that `move` takes to x, y, by `steps` of a fixed point from `start`."""
        a, b = start
        for _ in range(steps):
            there_x, there_y = self.move(a, b, part)
            a, b = a + (x - there_x), b + (y - there_y)
        return a, b

    def eye_line(self, x: np.ndarray) -> np.ndarray:
        """Height of the slit of the eye on the side of `x`."""
        return np.where(x > 0, self.eyes[1].line(x), self.eyes[0].line(x))

    @property
    def divide(self) -> float:
        """A height between eyes and mouth."""
        return 0.5 * (self.mouth.y + self.eyes[0].y)


def jaw_part(y: np.ndarray) -> np.ndarray:
    """The part of the jaw's way that skin at height `y` goes along."""
    t = np.clip((JAW_TOP - y) / JAW_LENGTH, 0, 1)
    return t * t * (3 - 2 * t)


def draw_units(expression: str, generator: np.random.Generator) -> dict[str, float]:
    """The units of an expression as one person shows it; of 23 and 24 (tightened or pressed lips) one by chance."""
    units = {unit: strength * float(generator.uniform(*STRENGTH)) for unit, strength in EXPRESSIONS[expression].items()}
    if "23" in units and generator.random() < 0.5:
        units["24"] = units.pop("23")
    return units


def _bumps(person: Person, units: Mapping[str, float]) -> list[tuple[float, float, float, float, float, float]]:
    places = anchors(person)
    found = []
    for unit, strength in units.items():
        for place, (ox, oy), (sx, sy), (mx, my) in MOVES.get(unit, ()):
            x, y = places[place]
            sides = (0.0,) if x == 0 else (ONE_SIDED[unit],) if unit in ONE_SIDED else (-1.0, 1.0)
            for side in sides:
                way = side or 1.0
                found.append((side * (x + ox), y + oy, sx, sy, way * strength * mx, strength * my))
    return found


def _slits(person: Person, units: Mapping[str, float], drop: float) -> tuple[tuple[Slit, Slit], Slit]:
    p = person
    up = p["lid_up"] + sum(units.get(unit, 0.0) * more for unit, (more, _) in LIDS.items())
    down = p["lid_low"] + sum(units.get(unit, 0.0) * more for unit, (_, more) in LIDS.items())
    up, down = max(up, LEAST_OPEN), max(down, 0.004)
    eyes = tuple(
        Slit("eye", s * p["eye_x"], p["eye_y"], p["eye_half"], s * p["eye_tilt"], 0.0, up, down) for s in (-1, 1)
    )
    part = float(jaw_part(np.array(p["mouth_y"])))
    opened = [drop * part, drop * (1 - part)]  # the upper lip stays with the skull, the lower one goes with the jaw
    for unit, ways in LIPS.items() if "25" in units else ():
        opened = [o + units.get(unit, 0.0) * way for o, way in zip(opened, ways, strict=True)]
    mouth = Slit("mouth", 0.0, p["mouth_y"], p["mouth_half"], p["mouth_lean"], p["mouth_curve"], *opened)
    return (eyes[0], eyes[1]), mouth
