"""A cohort on grids of another spacing, its intensities scaled to [0, 1] image by image."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, Cohort, CohortWriter
from wbir.errors import InputError, require_known
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Another cohort on isotropic grids",
    "reference": "Paper 24, Sect. 3: images of 1.5 and 2.0 mm; intensities from the least to the greatest as in DeepReg's loader",
    "describes": "The cases of another cohort on an isotropic grid about the same middle, along the same axes. Images are"
    " smoothed to the new voxel before they are read linearly, labels are the majority of the new voxel (or the"
    " nearest old one), points and the true map are those of the new voxels.",
    "sources": ["derived"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 8000,
    "runtime": 240,
    "parameters": {
        "spacing": 1.5,  # mm
        "shape": None,  # voxels, cut or added (as 0) at both ends alike; None: the field of view, rounded
        "labels": "majority",  # majority | nearest
        "normalise": True,  # each image from its least to its greatest value
    },
    "tiny": {"spacing": 3.0},
    "dims": 3,
}
LABELS = ("majority", "nearest")


def build(
    folder: Path, *, source: str, data: Path, seed: int, spacing: float, shape: Sequence[int] | None, labels: str, normalise: bool
) -> None:  # fmt: skip
    """Write the cases of the cohort in `data`, with an attribute `spacing`. Raises InputError for unfit parameters."""
    require_known({"labels": (labels, LABELS)}, "for a resampling")
    if spacing <= 0 or (shape is not None and (len(shape) != 3 or min(shape) < 2)):
        raise InputError("a spacing above 0 mm and three sizes of 2 or more", f"{spacing}, {shape}", "correct them")
    base = Cohort.open(data)
    parameters = {"spacing": spacing, "shape": shape, "labels": labels, "normalise": normalise}
    card = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card |= {"parameters": parameters, "of": json.loads((Path(data) / "card.json").read_text(encoding="utf-8"))}
    writer = CohortWriter(folder, card, base.label_names())
    for case in base:
        found = resampled(case, coarser(case.frame, spacing, shape), majority=labels == "majority")
        if normalise:
            found = replace(found, fixed=unit_range(found.fixed), moving=unit_range(found.moving))
        writer.add(replace(found, attributes={**case.attributes, "spacing": f"{spacing:g}"}))
    writer.close()


def coarser(frame: Frame, spacing: float, shape: Sequence[int] | None = None) -> Frame:
    """A grid of `spacing` mm along the axes of `frame`, about its middle; without `shape` over its field of view."""
    old, dim = np.array(frame.spacing), frame.dim
    sizes = tuple(shape) if shape else tuple(np.maximum(np.rint(np.array(frame.shape) * old / spacing), 2).astype(int))
    affine = np.eye(dim + 1)
    affine[:dim, :dim] = frame.affine[:dim, :dim] / old * spacing
    middle = frame.to_world((np.array(frame.shape) - 1)[None] / 2)[0]
    affine[:dim, dim] = middle - affine[:dim, :dim] @ ((np.array(sizes) - 1) / 2)
    return Frame(sizes, affine)


def resampled(case: Case, target: Frame, *, majority: bool) -> Case:
    """The case on the grid `target`. A true displacement is read linearly, beyond its grid from the border."""
    matrix = np.linalg.inv(case.frame.affine) @ target.affine  # new voxel to old voxel
    arrays: dict[str, Any] = {}
    for side in ("fixed", "moving"):
        arrays[side] = _image(getattr(case, side), case.frame, target)
        labels, mask, points = (getattr(case, f"{side}_{what}") for what in ("labels", "mask", "points"))
        if labels is not None:
            arrays[f"{side}_labels"] = _labels(labels, case.frame, target, majority)
        if mask is not None:
            arrays[f"{side}_mask"] = _labels(mask.astype(np.int16), case.frame, target, majority) > 0
        if points is not None:
            arrays[f"{side}_points"] = target.to_voxel(case.frame.to_world(points))
    if case.truth is not None:
        arrays["truth"] = _truth(case.truth, matrix, target.shape)
    if case.truth_matrix is not None:
        arrays["truth_matrix"] = np.linalg.inv(matrix) @ case.truth_matrix @ matrix
    return replace(case, frame=target, **arrays)


def _image(image: np.ndarray, frame: Frame, target: Frame) -> np.ndarray:
    from wbir.anatomy.prepare import resample

    return resample(image, frame, target, outside=float(image.min()))


def _labels(labels: np.ndarray, frame: Frame, target: Frame, majority: bool) -> np.ndarray:
    """Nearest: the label at the new voxel's centre. Majority: the one with the greatest share of the new voxel."""
    from wbir.anatomy.prepare import resample

    if not majority:
        return resample(labels, frame, target, order=0).astype(np.int16)
    known = np.unique(labels)
    shares = [
        resample((labels == label).astype(np.float32), frame, target, outside=float(label == 0)) for label in known
    ]
    return known[np.argmax(shares, axis=0)].astype(np.int16)


def _truth(truth: np.ndarray, matrix: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """`(dim, *shape)` voxels of the new grid."""
    from scipy import ndimage

    dim = truth.shape[0]
    read = [
        ndimage.affine_transform(
            component, matrix[:dim, :dim], matrix[:dim, dim], output_shape=tuple(shape), order=1, mode="nearest"
        )
        for component in truth
    ]
    return np.tensordot(np.linalg.inv(matrix[:dim, :dim]), np.stack(read), 1).astype(np.float32)


def unit_range(image: np.ndarray) -> np.ndarray:
    """From the least to the greatest value as 0 to 1. Raises InputError for an image of one value."""
    low, high = float(image.min()), float(image.max())
    if not high > low:
        raise InputError("an image with contrast", f"{low:g} everywhere", "check the cohort that it is made from")
    return ((image - low) / (high - low)).astype(np.float32)
