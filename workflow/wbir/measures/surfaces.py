"""Distances in mm between the boundaries of the fixed labels and of the warped moving labels.

The boundary of a label is its voxels with a face neighbour outside it (the image's border counts as outside). A voxel
stands for its centre, and centres are taken to the world by the frame, so that any spacing or shear is in the result.
Every metric gives a value per label and under "" the mean over labels; NaN, and left out of the mean, where the label
is missing from the fixed or from the warped labels: there is no distance then, and Dice says 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from wbir.measures.base import Evaluation, metric
from wbir.measures.overlap import LABELS, present_labels, with_mean

Distances = tuple[np.ndarray, np.ndarray]  # of the fixed boundary to the warped one, and back
LIMITS = (0, math.inf)


@metric(
    unit="mm",
    direction="lower",
    range=LIMITS,
    needs=LABELS,
    reference="Huttenlocher et al. 1993: the larger of the two directed Hausdorff distances",
)
def hausdorff(evaluation: Evaluation) -> dict[str, float]:
    """The largest distance of a boundary voxel of one to the boundary of the other. NaN: see the module."""
    return _per_label(evaluation, lambda a, b: max(a.max(), b.max()))


@metric(
    unit="mm",
    direction="lower",
    range=LIMITS,
    needs=LABELS,
    reference="Taha and Hanbury 2015: the larger of the two directed 95th percentiles",
)
def hd95(evaluation: Evaluation) -> dict[str, float]:
    """As `hausdorff`, with the 95th percentile (linear interpolation) for the maximum. NaN: see the module."""
    return _per_label(evaluation, lambda a, b: max(np.percentile(a, 95), np.percentile(b, 95)))


@metric(
    unit="mm",
    direction="lower",
    range=LIMITS,
    needs=LABELS,
    reference="Heimann et al. 2009: average symmetric surface distance, over the voxels of both boundaries",
)
def average_surface_distance(evaluation: Evaluation) -> dict[str, float]:
    """The mean distance of the boundary voxels of both to the other's boundary. NaN: see the module."""
    return _per_label(evaluation, lambda a, b: (a.sum() + b.sum()) / (len(a) + len(b)))


def _per_label(evaluation: Evaluation, score: Callable[[np.ndarray, np.ndarray], float]) -> dict[str, float]:
    distances: dict[int, Distances | None] = evaluation.once("surface distances", _distances)
    return with_mean({str(k): math.nan if d is None else float(score(*d)) for k, d in distances.items()})


def _distances(evaluation: Evaluation) -> dict[int, Distances | None]:
    found = [boundaries(labels) for labels in (evaluation.given("fixed_labels"), evaluation.warped_labels)]
    to_world = evaluation.case.frame.to_world
    result: dict[int, Distances | None] = {}
    for label in present_labels(evaluation).tolist():
        known = all(label in boundary for boundary in found)
        result[label] = _between(*(to_world(boundary[label]) for boundary in found)) if known else None
    return result


def _between(first: np.ndarray, second: np.ndarray) -> Distances:
    from scipy.spatial import cKDTree

    return cKDTree(second).query(first)[0], cKDTree(first).query(second)[0]


def boundaries(labels: np.ndarray) -> dict[int, np.ndarray]:
    """Label -> voxel indices `(N, dim)` of its boundary, for every label above 0 of an integer array."""
    from scipy.ndimage import find_objects

    result = {}
    for index, box in enumerate(find_objects(labels)):
        if box is not None:
            inside = labels[box] == index + 1
            corner = [part.start for part in box]
            result[index + 1] = np.argwhere(inside & ~_eroded(inside)) + corner
    return result


def _eroded(inside: np.ndarray) -> np.ndarray:
    """The voxels whose face neighbours are all inside; beyond the array is outside."""
    padded = np.pad(inside, 1)
    eroded = inside.copy()
    for axis in range(inside.ndim):
        for start in (0, 2):
            window = [slice(1, -1)] * inside.ndim
            window[axis] = slice(start, start + inside.shape[axis])
            eroded &= padded[tuple(window)]
    return eroded
