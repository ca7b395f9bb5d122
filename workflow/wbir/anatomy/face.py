"""A face as numbers: what makes a person, the places on its skin, its outline.

Coordinates are those of a frontal photograph: x to the right of the picture, y upwards, both from -1 to 1 over the side of the
image. A point of the skin is named by where it lies in the person's neutral face with eyes and mouth shut (its material
coordinates); an expression moves it (anatomy/face_actions.py). Proportions are general knowledge of adult faces (thirds and
fifths), their spreads some 5 to 15 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

STYLES = ("cropped", "short", "tied", "long", "fringe")
# name: mean, standard deviation; lengths in half sides of the image, albedos from 0 (black) to 1 (white)
TRAITS: Mapping[str, tuple[float, float]] = {
    "width": (0.56, 0.022),  # half the face at the cheekbones
    "jaw": (0.450, 0.018),  # half the face at the mouth
    "chin_half": (0.20, 0.025),
    "chin_y": (-0.73, 0.018),
    "temple": (0.52, 0.018),
    "top": (0.84, 0.02),
    "hairline": (0.60, 0.03),
    "eye_x": (0.222, 0.010),
    "eye_y": (0.07, 0.010),
    "eye_half": (0.104, 0.006),
    "eye_tilt": (0.05, 0.05),  # slope of the eye, outer corner up
    "lid_up": (0.056, 0.008),  # how far the lids stand open above and below the line where they meet
    "lid_low": (0.022, 0.004),
    "iris": (0.046, 0.0015),
    "brow_gap": (0.135, 0.012),  # brow above the eye
    "brow_thick": (0.024, 0.005),
    "brow_arch": (0.030, 0.012),
    "nose_y": (-0.215, 0.016),
    "nose_half": (0.098, 0.009),
    "bridge": (0.048, 0.006),
    "nose_height": (0.20, 0.025),
    "mouth_y": (-0.400, 0.012),
    "mouth_half": (0.180, 0.014),
    "mouth_curve": (0.000, 0.006),  # corners above the middle
    "lip_up": (0.034, 0.008),
    "lip_low": (0.048, 0.009),
    "cheek": (0.050, 0.018),  # heights of what stands out
    "chin_height": (0.055, 0.015),
    "brow_ridge": (0.030, 0.012),
    "fold": (0.006, 0.004),  # depth of the fold from nose to mouth
    "mouth_lean": (0.0, 0.010),  # slope of the mouth and the brows: no face is symmetric
    "brow_lean": (0.0, 0.005),
    "light_x": (0.0, 0.10),  # direction of the main light
    "light_y": (0.38, 0.05),
}
RANGES: Mapping[str, tuple[float, float]] = {
    "skin": (0.50, 0.80),
    "hair": (0.04, 0.50),
    "eyes": (0.12, 0.50),
    "wrinkles": (0.5, 1.3),
    "roughness": (0.010, 0.028),
}
STUBBLE = 0.35  # part of the people with a beard's shadow
FRECKLES = 0.3


@dataclass(frozen=True)
class Person:
    """traits: of TRAITS and RANGES. style: of STYLES. stubble, freckles: from 0 to 1. seed: of the skin's texture."""

    traits: Mapping[str, float]
    style: str
    stubble: float
    freckles: float
    seed: int

    def __getitem__(self, name: str) -> float:
        return self.traits[name]


def draw_person(generator: np.random.Generator) -> Person:
    """A person at random; a trait stays within two standard deviations."""
    traits = {
        n: mean + spread * float(np.clip(generator.standard_normal(), -2, 2)) for n, (mean, spread) in TRAITS.items()
    }
    traits |= {name: float(generator.uniform(*ends)) for name, ends in RANGES.items()}
    traits["hair"] = min(traits["hair"], traits["skin"] - 0.12)
    traits["fold"], traits["cheek"] = max(traits["fold"], 0.0), max(traits["cheek"], 0.02)
    style = STYLES[int(generator.integers(len(STYLES)))]
    bearded, spotted = generator.random(2)
    stubble = float(generator.uniform(0.3, 1.0)) if bearded < STUBBLE and style in ("cropped", "short") else 0.0
    freckles = float(generator.uniform(0.3, 1.0)) if spotted < FRECKLES else 0.0
    return Person(traits, style, stubble, freckles, int(generator.integers(2**31)))


def anchors(person: Person) -> dict[str, tuple[float, float]]:
    """Places of the right half of the picture by name, material coordinates; those with x = 0 lie in the middle."""
    p = person
    brow = p["eye_y"] + p["brow_gap"]
    return {
        "brow_inner": (p["eye_x"] - 0.125, brow - 0.012),
        "brow_mid": (p["eye_x"] + 0.01, brow + p["brow_arch"]),
        "brow_outer": (p["eye_x"] + 0.135, brow - 0.012),
        "glabella": (0.0, brow),
        "forehead": (0.0, 0.5 * (brow + p["hairline"])),
        "eye": (p["eye_x"], p["eye_y"]),
        "eye_inner": (p["eye_x"] - p["eye_half"], p["eye_y"] - p["eye_tilt"] * p["eye_half"]),
        "eye_outer": (p["eye_x"] + p["eye_half"], p["eye_y"] + p["eye_tilt"] * p["eye_half"]),
        "cheek": (0.30, p["eye_y"] - 0.19),
        "nose_root": (0.0, p["eye_y"] + 0.02),
        "nose_tip": (0.0, p["nose_y"] + 0.05),
        "nose_wing": (p["nose_half"], p["nose_y"] + 0.012),
        "nose_base": (0.0, p["nose_y"] - 0.025),
        "lip_corner": (p["mouth_half"], p["mouth_y"] + p["mouth_curve"]),
        "upper_lip": (0.0, p["mouth_y"] + p["lip_up"]),
        "lower_lip": (0.0, p["mouth_y"] - p["lip_low"]),
        "chin": (0.0, p["chin_y"] + 0.11),
        "chin_end": (0.0, p["chin_y"] + 0.01),
        "jaw": (p["jaw"] - 0.08, p["mouth_y"] - 0.05),
    }


class Outline:
    """The outline of the head: radii about a centre, by angle."""

    centre = (0.0, 0.05)

    def __init__(self, person: Person) -> None:
        from scipy.interpolate import Akima1DInterpolator

        p, (_, cy) = person, self.centre
        half = [
            (0.0, p["chin_y"]), (p["chin_half"], p["chin_y"] + 0.045), (p["jaw"], p["mouth_y"]),
            (0.5 * (p["jaw"] + p["width"]) + 0.015, -0.2), (p["width"], 0.05), (p["temple"], 0.42),
            (0.68 * p["temple"], 0.86 * p["top"]), (0.0, p["top"]),
        ]  # fmt: skip
        angles = np.array([np.arctan2(y - cy, x) for x, y in half])
        radii = np.array([np.hypot(x, y - cy) for x, y in half])
        # the other half mirrored, so that the curve is smooth at chin and crown
        before, after = -np.pi - angles[3:0:-1], np.pi - angles[-2:-5:-1]
        self._radius = Akima1DInterpolator(
            np.concatenate([before, angles, after]), np.concatenate([radii[3:0:-1], radii, radii[-2:-5:-1]])
        )

    def gauge(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far out a point lies, 1 on the outline; and its angle."""
        dx, dy = x - self.centre[0], y - self.centre[1]
        angle = np.arctan2(dy, np.abs(dx))
        return np.hypot(dx, dy) / self._radius(angle), np.arctan2(dy, dx)
