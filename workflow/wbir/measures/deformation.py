"""How the map bends, folds and inverts: of the map id + u on the whole fixed grid."""

from __future__ import annotations

import math

import numpy as np

from wbir.measures.base import Evaluation, metric, sample_field


@metric(
    unit="1",
    direction="none",
    range=(-math.inf, math.inf),
    reference="least determinant of the Jacobian of id + u, central differences inside, one-sided at the borders",
)
def min_jacobian(evaluation: Evaluation) -> float:
    """1 for a map that moves nothing; at or below 0 the map folds."""
    return float(evaluation.jacobian_determinant.min())


@metric(
    unit="%", direction="lower", range=(0, 100), reference="voxels with det J <= 0, counted before any shift or clip"
)
def folding(evaluation: Evaluation) -> float:
    """Percent of the voxels of the fixed grid where the map folds."""
    return 100.0 * float(np.mean(evaluation.jacobian_determinant <= 0))


@metric(
    unit="1",
    direction="lower",
    range=(0, math.inf),
    reference="standard deviation of log det J (Leow et al. 2007); det J raised to 1e-6 before the logarithm",
)
def sdlogj(evaluation: Evaluation) -> float:
    """Spread of the local change of volume, as a natural logarithm; population form. `folding` counts what folds."""
    if evaluation.is_identity:
        return 0.0
    from wbir.geometry.jacobians import DETERMINANT_FLOOR

    determinant = evaluation.jacobian_determinant.astype(np.float64)
    return float(np.log(np.maximum(determinant, DETERMINANT_FLOOR)).std())


@metric(
    unit="1",
    direction="lower",
    range=(0, math.inf),
    reference="standard deviation of det J over the voxels (WBIR 2022 paper 26, Sect. 4; no form is stated there)",
)
def sd_jacobian(evaluation: Evaluation) -> float:
    """Spread of the local change of volume, folds included; population form."""
    return float(evaluation.jacobian_determinant.astype(np.float64).std())


@metric(
    unit="mm",
    direction="lower",
    range=(0, math.inf),
    reference="Christensen and Johnson 2001: mean |u(x) + w(x + u(x))|, w the inverse displacement",
)
def inverse_consistency(evaluation: Evaluation) -> float:
    """Mean distance by which forward and inverse miss the identity, over the voxels that stay inside the grid.

    With no inverse of the method's own, w is the numerical inverse of u: then it tells how invertible u is, no more.
    NaN where every voxel leaves the grid.
    """
    residual = evaluation.once("inverse residual", _own_residual)
    return float(residual.mean()) if residual.size else math.nan


@metric(
    unit="mm",
    direction="lower",
    range=(0, math.inf),
    reference="as inverse_consistency, the largest distance",
)
def max_inverse_consistency(evaluation: Evaluation) -> float:
    """As `inverse_consistency`, the largest distance. NaN where every voxel leaves the grid."""
    residual = evaluation.once("inverse residual", _own_residual)
    return float(residual.max()) if residual.size else math.nan


@metric(
    unit="mm",
    direction="lower",
    range=(0, math.inf),
    reference="as inverse_consistency with id - u in place of the inverse (WBIR 2022, paper 11, Fig. 4)",
)
def negated_inverse_consistency(evaluation: Evaluation) -> float:
    """Mean |u(x) - u(x + u(x))|: how far id - u is from inverting id + u. NaN where every voxel leaves the grid."""
    residual = _residual(evaluation, -evaluation.displacement)
    return float(residual.mean()) if residual.size else math.nan


@metric(unit="mm", direction="none", range=(0, math.inf), reference="mean length of the displacement over all voxels")
def mean_displacement(evaluation: Evaluation) -> float:
    """How far the prediction moves a voxel on average."""
    return float(np.linalg.norm(evaluation.to_millimetres(evaluation.displacement), axis=0).mean())


def _own_residual(evaluation: Evaluation) -> np.ndarray:
    return _residual(evaluation, evaluation.inverse_displacement)


def _residual(evaluation: Evaluation, inverse: np.ndarray) -> np.ndarray:
    """`|u(x) + w(x + u(x))|` in mm, w the inverse, of the voxels whose place `x + u(x)` lies inside the grid: `(N,)`."""
    forward = evaluation.displacement.reshape(evaluation.case.frame.dim, -1).astype(np.float64)
    shape = evaluation.case.frame.shape
    places = np.indices(shape).reshape(len(shape), -1) + forward
    limits = np.array(shape)[:, None] - 1
    inside = np.all((places >= 0) & (places <= limits), axis=0)
    back = sample_field(inverse, places[:, inside].T).T
    return np.linalg.norm(evaluation.to_millimetres(forward[:, inside] + back), axis=0)
