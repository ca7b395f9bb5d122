"""Brains of different people and ages, skull-stripped T1 with tissue labels and the exact correspondence between
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case, CohortWriter
from wbir.errors import InputError
from wbir.geometry.frames import Frame

if TYPE_CHECKING:
    from wbir.anatomy.ageing import AgeingPath

COHORT = {
    "title": "Inter-subject brains",
    "reference": (
        "Paper 06, Sects. 3.2 and 3.3: 10 pairs to one fixed image; three subjects of 20-30 and three of 70-90 "
        "years to one of 20"
    ),
    "describes": (
        "Each subject is the MNI152 template aged by an atrophy flow (cortex and white matter shrink, ventricles "
        "and sulci widen, the intracranial volume stays) and seen in a diffeomorphism of its own (large-scale and "
        "gyral variation); a T1 contrast of its tissue fractions, weak bias field, Rician noise, brain only, "
        "fixed intensity scale. Labels: white and grey matter (likeliest tissue) and the hippocampi, which are "
        "tubes along their MNI course cut to grey matter, not a hand-drawn segmentation. Not modelled: other "
        "folds than the template's (all subjects are diffeomorphic), sex, white-matter lesions, errors of skull- "
        "stripping. The true displacement follows the anatomy exactly."
    ),
    "sources": ["simulated"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 60,
    "parameters": {
        "spacing": 1.0,  # mm; the box is 176 x 208 x 176 mm
        "groups": [  # every moving subject is a person of its own; groups with one fixed_age share the fixed subject
            {"group": "inter-subject", "moving_ages": [20, 22, 24, 26, 28, 32, 34, 36, 38, 40], "fixed_age": 30},
            {"group": "young", "moving_ages": [21, 25, 29], "fixed_age": 20},
            {"group": "old", "moving_ages": [72, 80, 88], "fixed_age": 20},
        ],
        # velocity scales: pairs (sigma mm, root mean square of each vector component mm)
        "components": [[30.0, 2.5], [8.0, 1.2]],
        "bias": 0.03,  # standard deviation of the log bias field that a correction leaves
        "noise": 0.02,  # Rician, of white matter
    },
    "tiny": {"spacing": 12.0, "groups": [{"group": "young", "moving_ages": [25], "fixed_age": 20}]},
    "dims": 3,
    "cases": {"test": "sum(len(group['moving_ages']) for group in groups)"},
}
LABELS = {1: "white matter", 2: "grey matter", 3: "left hippocampus", 4: "right hippocampus"}


@dataclass(frozen=True)
class Subject:
    """image: float32 in [0, 1]; labels: int16; forth: displacement subject to template; back: nearly its inverse."""

    image: np.ndarray
    labels: np.ndarray
    forth: np.ndarray
    back: np.ndarray


def build(
    folder: Path, *, source: str, data: Path | None, seed: int, spacing: float, groups: Sequence[Mapping[str, Any]],
    components: Sequence[Sequence[float]], bias: float, noise: float,
) -> None:  # fmt: skip
    """Write a case `<group>-01` and so on for each moving subject. Raises InputError for unfit groups."""
    from wbir.anatomy.ageing import AgeingPath
    from wbir.anatomy.deformation import correspondence
    from wbir.anatomy.template import brain_frame

    check_groups(groups)
    frame = brain_frame(spacing)
    maker = SubjectMaker(frame, AgeingPath(frame), template_maps(frame), components, bias, noise, seed)
    card: dict = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["parameters"] = {
        "spacing": spacing, "groups": [dict(g) for g in groups], "components": [list(c) for c in components],
        "bias": bias, "noise": noise,
    }  # fmt: skip
    writer = CohortWriter(folder, card, LABELS)
    residuals = writer.card["truth_residual_voxels"] = {}
    fixed_subjects: dict[float, Subject] = {}
    for group in groups:
        age = group["fixed_age"]
        if age not in fixed_subjects:
            fixed_subjects[age] = maker.make(f"fixed {age}", age)
        fixed = fixed_subjects[age]
        for number, moving_age in enumerate(group["moving_ages"], start=1):
            case_id = f"{group['group']}-{number:02d}"
            moving = maker.make(case_id, moving_age)
            truth, residuals[case_id] = correspondence(moving.forth, fixed.forth, moving.back)
            attributes = {"split": "test", "group": group["group"], "age": f"{moving_age:g}", "fixed_age": f"{age:g}"}
            images = {
                "fixed": fixed.image,
                "moving": moving.image,
                "fixed_labels": fixed.labels,
                "moving_labels": moving.labels,
            }
            writer.add(Case(case_id, frame, **images, truth=truth, attributes=attributes))
    writer.close()


def check_groups(groups: Sequence[Mapping[str, Any]]) -> None:
    """Raise InputError where a group is not {group, moving_ages, fixed_age}, ages 18 to 100, each name once."""
    for group in groups:
        if set(group) != {"group", "moving_ages", "fixed_age"} or not group["moving_ages"]:
            raise InputError(
                "groups of {group, moving_ages, fixed_age}", repr(dict(group)), "correct the parameter `groups`"
            )
        ages = [*group["moving_ages"], group["fixed_age"]]
        if not all(18 <= age <= 100 for age in ages):
            raise InputError("ages of 18 to 100 years", f"{ages}", "correct the parameter `groups`")
    names = [group["group"] for group in groups]
    if not names or len(set(names)) < len(names):
        raise InputError("at least one group, each name once", f"{names}", "correct the parameter `groups`")


@dataclass(frozen=True)
class SubjectMaker:
    """Makes the subjects of one cohort on one frame."""

    frame: Frame
    path: AgeingPath
    maps: Mapping[str, np.ndarray]
    components: Sequence[Sequence[float]]
    bias: float
    noise: float
    seed: int
    LABEL_MAPS: ClassVar[Sequence[str]] = ("white", "grey", "left", "right")  # of `maps`: what the labels are made from

    def make(self, name: str, age: float) -> Subject:
        """The subject `name` at `age` (years): the same name and seed give the same person, whatever the age."""
        from wbir.anatomy.deformation import compose, exponential, random_velocity

        velocity = random_velocity(self.frame, self.components, named_generator(self.seed, "brain", name))
        aged, aged_back = self.path.at(age)
        forth, back = compose(aged, exponential(velocity)), compose(exponential(-velocity), aged_back)
        image, labels = self._scan(forth, named_generator(self.seed, "scan", name))
        return Subject(image, labels, forth, back)

    def _scan(self, forth: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        from wbir.anatomy.deformation import see_through
        from wbir.anatomy.modalities import magnetic_resonance

        ideal = see_through(self.maps["ideal"], forth)
        seen = {name: see_through(self.maps[name], forth, order=1) for name in ("brain", *self.LABEL_MAPS)}
        brain = seen["brain"] > 0.5
        image = (
            np.clip(magnetic_resonance(ideal, self.frame, generator, bias=self.bias, noise=self.noise), 0.0, 1.0)
            * brain
        )
        labels = np.argmax(self._fractions(seen), axis=0) * brain
        return image.astype(np.float32), labels.astype(np.int16)

    def _fractions(self, seen: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The fractions of what has no label and of the labels in order: the largest names a voxel."""
        others = [1.0 - seen["white"] - seen["grey"], seen["white"], seen["grey"] - seen["left"] - seen["right"]]
        return [*others, seen["left"], seen["right"]]


def template_maps(frame: Frame) -> dict[str, np.ndarray]:
    """On `frame`: brain, white, grey, the hippocampi (left, right; parts of grey) as fractions, and the noise-free T1
    (ideal).
    """
    from wbir.anatomy.hippocampus import hippocampi
    from wbir.anatomy.modalities import ideal_image
    from wbir.anatomy.template import TISSUES, brain_maps

    maps = brain_maps(frame)
    left, right = hippocampi(frame)
    return {**maps, "left": left, "right": right, "ideal": ideal_image("T1", {name: maps[name] for name in TISSUES})}
