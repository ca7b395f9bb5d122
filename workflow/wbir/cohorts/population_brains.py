"""Pairs of different people out of a population: brains for training, for validation and for test, with regional labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case, CohortWriter
from wbir.cohorts.inter_subject_brains import Subject, SubjectMaker, template_maps
from wbir.errors import InputError

if TYPE_CHECKING:
    from wbir.geometry.frames import Frame

COHORT = {
    "title": "Brains of a population",
    "reference": "Paper 11, Sect. 4: OASIS as of Learn2Reg 2021; 394 images to train with, 19 and 38 pairs to validate and test",
    "describes": (
        "The subjects of inter_subject_brains (MNI152 aged by an atrophy flow, seen in a diffeomorphism of its own), each "
        "of another age. Labels: left and right white matter, cortex and other grey matter, hippocampi (tubes along their "
        "MNI course cut to grey matter), and the ventricles (fluid deep in the brain); the largest fraction names a voxel. "
        "A population is split by persons; validation and test pairs are neighbours in a list, as in Learn2Reg. Both are "
        "of split test, told apart by `part`: no method learns from either. Not modelled: what inter_subject_brains "
        "leaves out; the 35 labels of the challenge."
    ),
    "sources": ["simulated"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 600,
    "parameters": {
        "spacing": 1.0,  # mm; the box is 176 x 208 x 176 mm
        "subjects": {"train": 394, "validation": 20, "test": 39},  # persons; pairs: half as many, one less, one less
        "ages": [18.0, 90.0],  # uniform
        "regions": [
            "left white matter",
            "right white matter",
            "left grey matter",
            "right grey matter",
            "ventricles",
            "left hippocampus",
            "right hippocampus",
        ],
        "components": [[30.0, 2.5], [8.0, 1.2]],  # as of inter_subject_brains
        "bias": 0.03,
        "noise": 0.02,
    },
    "tiny": {"spacing": 12.0, "subjects": {"train": 2, "validation": 2, "test": 2}, "regions": ["left white matter"]},
    "box_mm": [176.0, 208.0, 176.0],  # that the images show
    "dims": 3,
    "cases": {
        "train": "subjects['train'] // 2",
        "test": "max(0, subjects['validation'] - 1) + max(0, subjects['test'] - 1)",
    },
}
REGIONS = tuple(COHORT["parameters"]["regions"])  # type: ignore[index]
MAPPING_SPACING = 2.0  # mm, of the grid on which ventricles are told from other fluid
PARTS = ("train", "validation", "test")


class PopulationMaker(SubjectMaker):
    """As SubjectMaker, with the labels of REGIONS."""

    LABEL_MAPS = REGIONS

    def _fractions(self, seen: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        regions = [seen[name] for name in REGIONS]
        return [1.0 - np.sum(regions, axis=0), *regions]


def build(
    folder: Path, *, source: str, data: Path | None, seed: int, spacing: float, subjects: Mapping[str, int],
    ages: Sequence[float], regions: Sequence[str], components: Sequence[Sequence[float]], bias: float, noise: float,
) -> None:  # fmt: skip
    """Write the cases `<part>-001` and so on. Raises InputError for unfit ages, regions or numbers of subjects."""
    from wbir.anatomy.ageing import AgeingPath
    from wbir.anatomy.template import brain_frame

    _check(subjects, ages, regions)
    frame = brain_frame(spacing)
    maker = PopulationMaker(frame, AgeingPath(frame), region_maps(frame), components, bias, noise, seed)
    card: dict = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["parameters"] = {
        "spacing": spacing, "subjects": dict(subjects), "ages": list(ages), "regions": list(regions),
        "components": [list(c) for c in components], "bias": bias, "noise": noise,
    }  # fmt: skip
    kept = np.zeros(len(REGIONS) + 1, np.int16)
    kept[[REGIONS.index(name) + 1 for name in regions]] = np.arange(1, len(regions) + 1)
    writer = CohortWriter(folder, card, dict(enumerate(regions, start=1)))
    residuals: dict[str, float] = {}
    for part in PARTS:
        _write_part(writer, maker, part, subjects[part], ages, kept, residuals)
    writer.card["truth_residual_voxels"] = residuals
    writer.close()


def _write_part(
    writer: CohortWriter, maker: SubjectMaker, part: str, count: int, ages: Sequence[float], kept: np.ndarray,
    residuals: dict[str, float],
) -> None:  # fmt: skip
    """The pairs of one part; subjects are made one after the other, so that two are in memory."""
    from wbir.anatomy.deformation import correspondence

    before: tuple[Subject, float] | None = None
    first = len(writer.rows)
    for number in range(count):
        name = f"{part} {number + 1}"
        age = float(np.round(named_generator(maker.seed, "age", name).uniform(ages[0], ages[1]), 1))
        subject = maker.make(name, age)
        if before is not None and (part != "train" or number % 2):
            (fixed, fixed_age), case_id = before, f"{part}-{len(writer.rows) - first + 1:03d}"
            truth = None
            if part != "train":
                truth, residuals[case_id] = correspondence(subject.forth, fixed.forth, subject.back)
            attributes = {"split": "train" if part == "train" else "test", "part": part}
            attributes |= {"fixed_age": f"{fixed_age:g}", "moving_age": f"{age:g}"}
            images = {"fixed": fixed.image, "moving": subject.image}
            images |= {"fixed_labels": kept[fixed.labels], "moving_labels": kept[subject.labels]}
            writer.add(Case(case_id, maker.frame, **images, truth=truth, attributes=attributes))
        before = subject, age


def region_maps(frame: Frame) -> dict[str, np.ndarray]:
    """The maps of inter_subject_brains and, by the names of REGIONS, the fractions of the regions on `frame`."""
    from wbir.anatomy.ageing import ventricles
    from wbir.anatomy.hippocampus import hippocampi
    from wbir.anatomy.template import brain_frame, brain_maps, coordinates, resample

    fine = brain_frame(MAPPING_SPACING)
    maps = brain_maps(fine)
    left = coordinates(fine)[0] < 0
    sides = {"left": left, "right": ~left}
    hippocampus = dict(zip(sides, hippocampi(fine), strict=True))
    grey = maps["grey"] - hippocampus["left"] - hippocampus["right"]
    found = {f"{side} white matter": maps["white"] * there for side, there in sides.items()}
    found |= {f"{side} grey matter": grey * there for side, there in sides.items()}
    found |= {f"{side} hippocampus": fraction for side, fraction in hippocampus.items()}
    found["ventricles"] = ventricles(maps, fine)
    return template_maps(frame) | {name: resample(found[name], fine, frame) for name in REGIONS}


def _check(subjects: Mapping[str, int], ages: Sequence[float], regions: Sequence[str]) -> None:
    if set(subjects) != set(PARTS) or min(subjects.values()) < 2 or subjects["train"] % 2:
        got = f"{dict(subjects)}"
        raise InputError(f"2 or more subjects for each of {PARTS}, an even number to train", got, "correct `subjects`")
    if len(ages) != 2 or not 18 <= ages[0] <= ages[1] <= 100:
        raise InputError("ages [from, to] within 18 to 100 years", f"{list(ages)}", "correct `ages`")
    unknown = [name for name in regions if name not in REGIONS]
    if unknown or not regions or len(set(regions)) < len(regions):
        raise InputError(f"regions among {list(REGIONS)}, each once", f"{list(regions)}", "correct `regions`")
