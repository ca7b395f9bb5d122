"""What cohorts that are made from another one share: opening it, and a case on another grid."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, Cohort, CohortWriter
from wbir.errors import InputError
from wbir.geometry.frames import Frame


def opened(
    folder: Path, spec: Mapping[str, Any], data: Path, *, source: str, seed: int, parameters: Mapping[str, Any]
) -> tuple[Cohort, CohortWriter]:
    """The cohort in `data`, and a writer into `folder` with its label names; the new card holds the old one (`of`)."""
    base = Cohort.open(data)
    card = {"title": spec["title"], "reference": spec["reference"], "source": source, "seed": seed}
    card |= {"parameters": dict(parameters), "of": read_card(data)}
    return base, CohortWriter(folder, card, base.label_names())


def read_card(folder: Path) -> dict[str, Any]:
    """The card of the cohort in `folder`."""
    return json.loads((Path(folder) / "card.json").read_text(encoding="utf-8"))


def one_per_axis(value: float | Sequence[float], dim: int, what: str) -> np.ndarray:
    """One number, or one for each axis, as `dim` numbers. Raises InputError where they are not so many, or not above 0."""
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.ndim > 1 or numbers.size not in (1, dim) or numbers.min() <= 0:
        raise InputError(f"{what} above 0, one or {dim}", f"{value}", "correct the cohort's parameters")
    return np.broadcast_to(numbers, (dim,))


def regridded(case: Case, frame: Frame, fixed: np.ndarray, moving: np.ndarray, *, majority: bool = False) -> Case:
    """The case on the grid `frame`, each side read once through a matrix of its own, homogeneous: new voxel to old voxel.

    Images are smoothed to coarser voxels and read linearly; beyond their grid they have their least value. Labels and masks
    are the nearest old voxel's or, for `majority`, what has the greatest share of the new voxel; 0 beyond. Points are carried
    exactly. Where T is the true map of old voxels, the new one is `moving^-1 o T o fixed`: a matrix exactly so, a displacement
    read linearly between its voxels (exactly at them), with the border's beyond its grid.
    """
    from wbir.anatomy.prepare import read_through

    arrays: dict[str, Any] = {}
    for side, matrix in (("fixed", fixed), ("moving", moving)):
        image, labels, mask, points = (getattr(case, f"{side}{what}") for what in ("", "_labels", "_mask", "_points"))
        arrays[side] = read_through(image, matrix, frame.shape, outside=float(image.min()))
        if labels is not None:
            arrays[f"{side}_labels"] = _labels(labels, matrix, frame.shape, majority)
        if mask is not None:
            arrays[f"{side}_mask"] = _labels(mask.astype(np.int16), matrix, frame.shape, majority) > 0
        if points is not None:
            back = np.linalg.inv(matrix)
            arrays[f"{side}_points"] = points @ back[:-1, :-1].T + back[:-1, -1]
    if case.truth is not None:
        arrays["truth"] = carried_truth(case.truth, frame.shape, fixed, moving)
    if case.truth_matrix is not None:
        arrays["truth_matrix"] = np.linalg.inv(moving) @ case.truth_matrix @ fixed
    return replace(case, frame=frame, **arrays)


def _labels(labels: np.ndarray, matrix: np.ndarray, shape: Sequence[int], majority: bool) -> np.ndarray:
    from wbir.anatomy.prepare import read_through

    if not majority:
        return read_through(labels, matrix, shape, order=0).astype(np.int16)
    known = np.unique(labels)
    shares = [
        read_through((labels == label).astype(np.float32), matrix, shape, outside=float(label == 0)) for label in known
    ]
    return known[np.argmax(shares, axis=0)].astype(np.int16)


def carried_truth(truth: np.ndarray, shape: Sequence[int], fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """The displacement of `moving^-1 o (id + truth) o fixed` (see `regridded`), float32 `(dim, *shape)` new voxels."""
    from scipy import ndimage

    dim, back = truth.shape[0], np.linalg.inv(moving)
    read = np.stack(
        [
            ndimage.affine_transform(
                component.astype(np.float64), fixed[:dim, :dim], fixed[:dim, dim],
                output_shape=tuple(shape), order=1, mode="nearest",
            )
            for component in truth
        ]
    )  # fmt: skip
    found = np.tensordot(back[:dim, :dim], read, 1)
    rest = back @ fixed - np.eye(dim + 1)
    for axis, index in enumerate(np.indices(tuple(shape), sparse=True)):
        for component in range(dim):
            found[component] += rest[component, axis] * index
    return (found + rest[:dim, dim].reshape(-1, *[1] * dim)).astype(np.float32)
