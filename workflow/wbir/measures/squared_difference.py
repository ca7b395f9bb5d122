"""The squared difference of images as an integral over space, so that grids of different spacing may be compared.

At a spacing of 1 mm it is the sum of squared differences over voxels.
"""

from __future__ import annotations

import math

import numpy as np

from wbir.measures.base import Evaluation, metric

UNIT = "intensity^2 mm^d"
POSITIVE = (0, math.inf)


@metric(
    unit=UNIT,
    direction="lower",
    range=POSITIVE,
    reference="WBIR 2022 paper 02, SSD (final): sum of squares times voxel volume",
)
def squared_difference(evaluation: Evaluation) -> float:
    """Between the fixed image and the method's result, with whatever it did to intensities."""
    return _integral(evaluation, evaluation.warped)


@metric(
    unit=UNIT,
    direction="lower",
    range=POSITIVE,
    reference="WBIR 2022 paper 02, SSD (def.): sum of squares times voxel volume",
)
def squared_difference_deformed(evaluation: Evaluation) -> float:
    """Between the fixed image and the moving image pulled back by the displacement alone."""
    moving = evaluation.case.moving
    return _integral(evaluation, moving if evaluation.is_identity else evaluation.warp(moving))


@metric(
    unit=UNIT,
    direction="lower",
    range=POSITIVE,
    needs=("fixed_mask",),
    reference="WBIR 2022 paper 02, Table 1 (*): as squared_difference, over the domain outside the mask",
)
def squared_difference_outside_mask(evaluation: Evaluation) -> float:
    """As `squared_difference`, over the voxels outside the fixed mask."""
    return _integral(evaluation, evaluation.warped, ~evaluation.given("fixed_mask"))


def _integral(evaluation: Evaluation, image: np.ndarray, where: np.ndarray | None = None) -> float:
    squares = (image.astype(np.float64) - evaluation.case.fixed) ** 2
    volume = abs(float(np.linalg.det(evaluation.case.frame.affine[:-1, :-1])))
    return float(np.sum(squares if where is None else squares[where])) * volume
