"""A cohort on grids of another spacing, its intensities scaled to [0, 1] image by image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from wbir.cases import Case
from wbir.cohorts._derived import one_per_axis, opened, regridded
from wbir.errors import InputError, require_known
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Another cohort on grids of another spacing",
    "reference": "Paper 24, Sect. 3: images of 1.5 and 2.0 mm, intensities from the least to the greatest as in DeepReg's loader;"
    " paper 26, Sect. 3: images downsampled to 144 x 112 x 144",
    "describes": "The cases of another cohort on a grid of another spacing about the same middle, along the same axes. Images are"
    " smoothed to the new voxel before they are read linearly, labels are the majority of the new voxel (or the"
    " nearest old one), points and the true map are those of the new voxels.",
    "sources": ["derived"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 8000,
    "runtime": 240,
    "parameters": {
        "spacing": None,  # mm, one number or one for each axis; None: what `shape` needs for the whole field of view
        "shape": None,  # voxels, cut or added (as 0) at both ends alike; None: the field of view, rounded
        "labels": "majority",  # majority | nearest
        "normalise": True,  # each image from its least to its greatest value
    },
    "tiny": {"spacing": 3.0},
    "dims": None,
    "cases": "of its base",
}
LABELS = ("majority", "nearest")


def build(
    folder: Path, *, source: str, data: Path, seed: int, spacing: float | Sequence[float] | None,
    shape: Sequence[int] | None, labels: str, normalise: bool,
) -> None:  # fmt: skip
    """Write the cases of the cohort in `data`, with an attribute `spacing`. Raises InputError for unfit parameters."""
    require_known({"labels": (labels, LABELS)}, "for a resampling")
    parameters = {"spacing": spacing, "shape": shape, "labels": labels, "normalise": normalise}
    base, writer = opened(folder, COHORT, data, source=source, seed=seed, parameters=parameters)
    for case in base:
        found = resampled(case, coarser(case.frame, spacing, shape), majority=labels == "majority")
        if normalise:
            found = replace(found, fixed=unit_range(found.fixed), moving=unit_range(found.moving))
        sizes = found.frame.spacing if spacing is None or np.ndim(spacing) else [spacing]
        writer.add(replace(found, attributes={**case.attributes, "spacing": " x ".join(f"{size:g}" for size in sizes)}))
    writer.close()


def coarser(frame: Frame, spacing: float | Sequence[float] | None, shape: Sequence[int] | None = None) -> Frame:
    """A grid of `spacing` mm (one number, or one for each axis) along the axes of `frame`, about its middle.

    Without `shape` it covers the field of view of `frame`; without `spacing` its `shape` does. Raises InputError for unfit
    numbers, and for neither of the two.
    """
    old, dim = np.array(frame.spacing), frame.dim
    if shape is not None and (len(shape) != dim or min(shape) < 2):
        raise InputError(f"{dim} sizes of 2 or more", f"{shape}", "correct the cohort's parameters")
    field = np.array(frame.shape) * old
    if spacing is None and shape is None:
        raise InputError("a spacing or a shape to resample to", "neither", "give one of them")
    new = field / np.array(shape) if spacing is None else one_per_axis(spacing, dim, "spacings in mm")
    sizes = tuple(shape) if shape else tuple(np.maximum(np.rint(field / new), 2).astype(int))
    affine = np.eye(dim + 1)
    affine[:dim, :dim] = frame.affine[:dim, :dim] / old * new
    middle = frame.to_world((np.array(frame.shape) - 1)[None] / 2)[0]
    affine[:dim, dim] = middle - affine[:dim, :dim] @ ((np.array(sizes) - 1) / 2)
    return Frame(sizes, affine)


def resampled(case: Case, target: Frame, *, majority: bool) -> Case:
    """The case on the grid `target` of the same world. A true displacement is read linearly, beyond its grid from the border."""
    matrix = np.linalg.inv(case.frame.affine) @ target.affine
    return regridded(case, target, matrix, matrix, majority=majority)


def unit_range(image: np.ndarray) -> np.ndarray:
    """From the least to the greatest value as 0 to 1. Raises InputError for an image of one value."""
    low, high = float(image.min()), float(image.max())
    if not high > low:
        raise InputError("an image with contrast", f"{low:g} everywhere", "check the cohort that it is made from")
    return ((image - low) / (high - low)).astype(np.float32)
