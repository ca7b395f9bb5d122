"""Distances to known correspondence: landmarks, a true displacement, a true matrix."""

from __future__ import annotations

import itertools
import math

import numpy as np

from wbir.measures.base import Evaluation, map_by, metric
from wbir.measures.overlap import with_mean

LIMITS = (0, math.inf)
POINTS = ("fixed_points", "moving_points")


@metric(
    unit="mm",
    direction="lower",
    range=LIMITS,
    needs=POINTS,
    reference="target registration error, Fitzpatrick and West 2001",
)
def tre(evaluation: Evaluation) -> float:
    """Mean distance of the mapped fixed points to the moving points. NaN where there is no point."""
    return _mean_length(evaluation, _point_errors(evaluation))


@metric(unit="voxel", direction="lower", range=LIMITS, needs=POINTS, reference="as tre, WBIR 2022 paper 10, Table 1")
def keypoint_error(evaluation: Evaluation) -> float:
    """Mean distance of the mapped fixed points to the moving points in voxels of the case. NaN where there is no point."""
    lengths = np.linalg.norm(_point_errors(evaluation), axis=0)
    return float(lengths.mean()) if lengths.size else math.nan


@metric(
    unit="%",
    direction="higher",
    range=(0, 100),
    needs=POINTS,
    reference="WBIR 2022 paper 10, Fig. 2: cumulative keypoint error",
)
def points_within(evaluation: Evaluation) -> dict[str, float]:
    """Percent of the points whose error is at most t voxels, for each label t: 0 to 10 by quarters; "" is their mean."""
    lengths = np.linalg.norm(_point_errors(evaluation), axis=0)
    limits = np.arange(0, 10.25, 0.25)
    return with_mean({f"{t:g}": 100.0 * float(np.mean(lengths <= t)) if lengths.size else math.nan for t in limits})


@metric(
    unit="mm",
    direction="lower",
    range=LIMITS,
    needs=("truth|truth_matrix",),
    reference="mean end-point error, Baker et al. 2011",
)
def end_point_error(evaluation: Evaluation) -> float:
    """Mean distance of the displacement to the true one, in the fixed mask if there is one. NaN for an empty mask."""
    case = evaluation.case
    difference = evaluation.displacement - evaluation.truth
    inside = np.ones(case.frame.shape, dtype=bool) if case.fixed_mask is None else case.fixed_mask
    return _mean_length(evaluation, difference[:, inside])


@metric(
    unit="voxel",
    direction="lower",
    range=LIMITS,
    needs=("truth_matrix",),
    reference="WBIR 2022 paper 17, Sect. 4.2: mean distance of the corners of the volume to their true places",
)
def corner_displacement(evaluation: Evaluation) -> float:
    """Mean distance of the grid's corner voxels (8 in 3D, 4 in 2D), mapped by the prediction and by the true matrix."""
    return float(np.linalg.norm(_corner_errors(evaluation), axis=0).mean())


@metric(
    unit="mm",
    direction="lower",
    range=LIMITS,
    needs=("truth_matrix",),
    reference="as corner_displacement, through the spacing",
)
def corner_displacement_mm(evaluation: Evaluation) -> float:
    """As `corner_displacement`, in millimetres."""
    return _mean_length(evaluation, _corner_errors(evaluation))


def _point_errors(evaluation: Evaluation) -> np.ndarray:
    """Where the fixed points go, less the moving points: `(dim, N)` voxels."""
    fixed, moving = (evaluation.given(name) for name in POINTS)
    return (evaluation.map_points(fixed) - moving).T


def _corner_errors(evaluation: Evaluation) -> np.ndarray:
    """Where the corners go, less where they should: `(dim, 2^dim)` voxels."""
    corners = np.array(list(itertools.product(*((0.0, n - 1.0) for n in evaluation.case.frame.shape))))
    return (evaluation.map_points(corners) - map_by(evaluation.given("truth_matrix"), corners)).T


def _mean_length(evaluation: Evaluation, vectors: np.ndarray) -> float:
    """Mean length in mm of voxel vectors `(dim, N)`; NaN for none."""
    lengths = np.linalg.norm(evaluation.to_millimetres(vectors), axis=0)
    return float(lengths.mean()) if lengths.size else math.nan
