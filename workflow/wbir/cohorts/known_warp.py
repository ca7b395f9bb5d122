"""The MNI152 template and copies of it under known smooth diffeomorphisms: what registration should find is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case, CohortWriter
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Known warps of the MNI152 template",
    "reference": "ICBM 2009a nonlinear symmetric template, Fonov et al., NeuroImage 54, 2011; no paper uses this cohort",
    "describes": "Moving is the template's skull-stripped T1, fixed is the template seen through a random diffeomorphism, the"
    " exponential of one smooth Gaussian velocity field, scaled so that the longest displacement over the template's"
    " brain is `longest` mm; so moving(x + truth(x)) is the fixed anatomy exactly. The warp is applied on a grid finer by"
    " `oversampling` and then averaged down, so that the fixed image is no blurred one. The fixed image has a bias"
    " field, a gamma of its contrast and Rician noise; brain only. Labels: the likeliest tissue of grey matter,"
    " white matter and fluid. Not modelled: different folds, lesions, field of view, errors of skull-stripping.",
    "sources": ["simulated"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 3000,
    "runtime": 10,
    "parameters": {
        "pairs": 1,  # cases, each under a warp of its own
        "spacing": 2.0,  # mm; the box is 176 x 208 x 176 mm
        "oversampling": 2,  # the warp is applied at spacing / oversampling
        "smoothness": 14.0,  # mm, sigma of the Gaussian that makes the velocity field from white noise
        "longest": 12.0,  # mm, the longest displacement over the template's brain
        "bias": 0.1,  # standard deviation of the log bias field
        "gamma": 1.2,  # exponent on the intensities in [0, 1]
        "noise": 0.02,  # Rician, of the brightest voxel
    },
    "tiny": {"spacing": 8.0, "oversampling": 1},
    "dims": 3,
    "cases": {"test": "pairs"},
}
LABELS = {1: "grey matter", 2: "white matter", 3: "fluid"}
TOLERANCE, SEARCH_STEPS = 1e-3, 8  # of the scale that makes the longest displacement right, relative


def build(
    folder: Path, *, source: str, data: Path | None, seed: int, pairs: int, spacing: float, oversampling: int,
    smoothness: float, longest: float, bias: float, gamma: float, noise: float,
) -> None:  # fmt: skip
    """Write `pairs` cases `warp-01` and so on; case n is the same whatever `pairs` is. Raises InputError for unfit parameters."""
    from wbir.anatomy.template import brain_frame, brain_maps

    if pairs < 1 or oversampling < 1 or min(smoothness, longest, gamma) <= 0 or min(bias, noise) < 0:
        found = f"{pairs}, {oversampling}, {smoothness}, {longest}, {gamma}, {bias}, {noise}"
        expected = (
            "pairs and oversampling of 1 or more, positive smoothness, longest and gamma, bias and noise not below 0"
        )
        raise InputError(expected, found, "correct the cohort's parameters")
    frame, fine = brain_frame(spacing), brain_frame(spacing / oversampling)
    maps = {"coarse": brain_maps(frame), "fine": brain_maps(fine)}
    card: dict = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["parameters"] = {
        "pairs": pairs, "spacing": spacing, "oversampling": oversampling, "smoothness": smoothness,
        "longest": longest, "bias": bias, "gamma": gamma, "noise": noise,
    }  # fmt: skip
    writer = CohortWriter(folder, card, LABELS)
    for number in range(1, pairs + 1):
        name = f"warp-{number:02d}"
        velocity = _velocity(fine, smoothness, longest, maps["fine"]["brain"], named_generator(seed, "velocity", name))
        scan = named_generator(seed, "scan", name)
        writer.add(_case(name, frame, fine, maps, velocity, scan, {"bias": bias, "gamma": gamma, "noise": noise}))
    writer.close()


def _velocity(
    frame: Frame, smoothness: float, longest: float, brain: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """A random velocity in voxels whose exponential's longest displacement in `brain` is `longest` mm."""
    from wbir.anatomy.deformation import exponential, random_velocity

    velocity = random_velocity(frame, [[smoothness, 1.0]], generator)
    spacing = np.reshape(frame.spacing, (-1, 1))
    inside, scale = brain > 0.5, 1.0
    found = float(np.linalg.norm(velocity[:, inside] * spacing, axis=0).max())  # a first guess: exp(v) is nearly v
    for _ in range(SEARCH_STEPS):
        scale *= longest / found
        found = float(np.linalg.norm(exponential(scale * velocity)[:, inside] * spacing, axis=0).max())
        if abs(found / longest - 1) < TOLERANCE:
            break
    return scale * velocity


def _case(
    name: str, frame: Frame, fine: Frame, maps: Mapping[str, Mapping[str, np.ndarray]], velocity: np.ndarray,
    generator: np.random.Generator, scanner: Mapping[str, float],
) -> Case:  # fmt: skip
    from wbir.anatomy.deformation import exponential, move_displacement, see_through
    from wbir.anatomy.template import resample

    displacement = exponential(velocity)
    seen = {
        key: resample(see_through(image, displacement, order=3 if key == "t1" else 1), fine, frame)
        for key, image in maps["fine"].items()
    }
    mask = seen["brain"] > 0.5
    return Case(
        name,
        frame,
        _scan(seen["t1"], frame, generator, **scanner) * mask,
        maps["coarse"]["t1"].clip(0.0, 1.0) * (maps["coarse"]["brain"] > 0.5),
        fixed_labels=_labels(seen),
        moving_labels=_labels(maps["coarse"]),
        fixed_mask=mask,
        moving_mask=maps["coarse"]["brain"] > 0.5,
        truth=move_displacement(displacement, fine, frame),
        attributes={"split": "test"},
    )


def _scan(
    image: np.ndarray, frame: Frame, generator: np.random.Generator, *, bias: float, gamma: float, noise: float
) -> np.ndarray:
    """The image through gamma, bias field and Rician noise: float32, clipped to [0, 1.5]."""
    from wbir.anatomy.noise import bias_field, rician

    signal = np.clip(image, 0.0, 1.0) ** gamma * bias_field(frame, bias, generator)
    return np.clip(rician(signal, noise, generator), 0.0, 1.5).astype(np.float32)


def _labels(maps: Mapping[str, np.ndarray]) -> np.ndarray:
    """The likeliest tissue in the brain: int16."""
    likeliest = np.argmax([maps["grey"], maps["white"], maps["fluid"]], axis=0) + 1
    return (likeliest * (maps["brain"] > 0.5)).astype(np.int16)
