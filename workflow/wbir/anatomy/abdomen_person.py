"""What makes one person's abdomen differ from another's: sizes, places, habitus, breath, contrast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wbir.anatomy.seeds import named_generator

ORGANS = {  # Learn2Reg 2020 Task 3; 12 and 13 as they lie in its label maps: 12 on the liver's side
    1: "spleen",
    2: "right kidney",
    3: "left kidney",
    4: "gall bladder",
    5: "oesophagus",
    6: "liver",
    7: "stomach",
    8: "aorta",
    9: "inferior vena cava",
    10: "portal and splenic vein",
    11: "pancreas",
    12: "right adrenal gland",
    13: "left adrenal gland",
}
# Mean volume of women and of men (mL), and standard deviation over mean. Liver, spleen, pancreas, kidneys: means of Geraghty et al.,
# Abdominal Imaging 29, 482-490 (2004); others and all deviations: general knowledge (a fasting gall bladder; a stomach after
# oral contrast).
VOLUMES = {
    1: (179.8, 238.4, 0.35),
    2: (156.5, 193.1, 0.18),
    3: (156.5, 193.1, 0.18),
    4: (25.0, 28.0, 0.40),
    6: (1411.0, 1710.0, 0.16),
    7: (360.0, 410.0, 0.45),
    11: (64.4, 87.4, 0.22),
    12: (4.4, 5.4, 0.22),
    13: (4.4, 5.4, 0.22),
}
# Diameter in mm and standard deviation. Portal vein: Stamm et al., Abdominal Radiology 41 (2016); others general knowledge.
DIAMETERS = {
    "aorta": (22.0, 2.0),
    "cava": (20.0, 2.5),  # of a circle of its area: it is flat
    "portal": (15.5, 1.9),
    "splenic": (9.0, 1.2),
    "oesophagus": (17.0, 2.0),
}
# Standard deviation of the place in mm (right, anterior, superior), beyond breath and warp: general knowledge (a kidney may
# lie a vertebra higher or lower, the pancreas half of one; bowel and stomach by their filling).
SPREADS = {
    "right kidney": (4.0, 4.0, 18.0),
    "left kidney": (4.0, 4.0, 18.0),
    "spleen": (5.0, 11.0, 11.0),
    "stomach": (8.0, 6.0, 8.0),
    "antrum": (12.0, 5.0, 14.0),
    "pancreas": (6.0, 5.0, 9.0),
    "tail": (6.0, 6.0, 12.0),
    "gall bladder": (9.0, 12.0, 5.0),
    "vessels": (4.0, 3.0, 8.0),
    "colon": (8.0, 6.0, 14.0),
    "right adrenal gland": (2.0, 3.0, 4.0),
    "left adrenal gland": (3.0, 3.0, 5.0),
}
# HU without contrast, and what the portal venous phase adds: general knowledge.
ATTENUATIONS = {
    "liver": (55.0, 55.0),
    "spleen": (46.0, 74.0),
    "kidney": (32.0, 155.0),
    "pancreas": (42.0, 54.0),
    "adrenal": (22.0, 52.0),
    "bile": (8.0, 0.0),
    "wall": (40.0, 50.0),
    "oesophagus": (38.0, 30.0),
    "aorta": (42.0, 112.0),
    "cava": (42.0, 96.0),
    "portal": (42.0, 128.0),
    "heart": (42.0, 100.0),
    "muscle": (54.0, 8.0),
    "fat": (-106.0, 0.0),
    "skin": (10.0, 0.0),
    "fluid": (12.0, 0.0),
    "marrow": (170.0, 20.0),
    "cortex": (520.0, 0.0),
    "disc": (85.0, 5.0),
    "cartilage": (110.0, 0.0),
    "canal": (28.0, 0.0),
    "lung": (-840.0, 10.0),
    "faeces": (30.0, 0.0),
    "gas": (-960.0, 0.0),
}
CLIP = 2.0  # standard deviations: nobody here is ill


@dataclass(frozen=True)
class Person:
    """One person.

    volumes: mL by label; radii: mm by vessel; shifts: mm by organ, `(3,)`; hu: by tissue. fat: mm under the skin; visceral: mm of fat
    about the kidneys; girth: scale of the trunk's depth; breath: mm that the diaphragm stands below its mean; tilt: change of the
    liver's lower face, `(2,)`; gas: part of the stomach's depth that is gas; meal: HU of its content; scanned: mm from the top of the
    right dome to the scan's upper end, and from there to its lower end.
    """

    male: bool
    volumes: Mapping[int, float]
    radii: Mapping[str, float]
    shifts: Mapping[str, np.ndarray]
    hu: Mapping[str, float]
    fat: float
    visceral: float
    girth: float
    breath: float
    tilt: np.ndarray
    gas: float
    meal: float
    scanned: tuple[float, float]


def draw_person(seed: int, name: str) -> Person:
    """The person `name` under `seed`; a value added here later leaves those before it as they are."""
    generator = named_generator(seed, name, "person")

    def normal(*shape: int) -> np.ndarray:
        return np.clip(generator.standard_normal(shape), -CLIP, CLIP)

    male = bool(generator.random() < 0.5)
    kidneys = 0.8 * float(normal())  # most of a kidney's size is its owner's
    volumes = {}
    for label, (woman, man, spread) in VOLUMES.items():
        z = float(normal())
        z = kidneys + 0.6 * z if label in (2, 3) else z
        volumes[label] = (man if male else woman) * float(np.exp(spread * z - spread**2 / 2))
    radii = {vessel: (mean + sd * float(normal())) / 2 for vessel, (mean, sd) in DIAMETERS.items()}
    shifts = {organ: np.array(sd) * normal(3) for organ, sd in SPREADS.items()}
    enhancement = 1 + 0.1 * float(normal())
    hu = {tissue: plain + added * enhancement for tissue, (plain, added) in ATTENUATIONS.items()}
    hu = {tissue: value + 4.0 * float(normal()) for tissue, value in hu.items()}
    stoutness = normal(3)
    return Person(
        male=male, volumes=volumes, radii=radii, shifts=shifts, hu=hu,
        fat=float(18.0 * np.exp(0.4 * stoutness[0])),
        visceral=float(5.0 * np.exp(0.4 * (0.6 * stoutness[0] + 0.8 * stoutness[1]))),
        girth=float(1 + 0.08 * (0.6 * stoutness[0] + 0.8 * stoutness[2])),
        breath=float(9.0 * normal()),
        tilt=np.array([0.05, 0.05]) * normal(2),
        gas=float(generator.uniform(0.05, 0.45)),
        meal=float(generator.choice([12.0, 35.0, 160.0])),
        scanned=(float(generator.uniform(15, 45)), float(generator.uniform(320, 470))),
    )  # fmt: skip
