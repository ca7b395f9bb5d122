"""Agreement of the fixed image with the warped moving image."""

from __future__ import annotations

import math

import numpy as np

from wbir.measures.base import Evaluation, metric
from wbir.measures.histograms import entropy, joint_counts, quantised

BINS = 64
POSITIVE = (0, math.inf)


@metric(unit="intensity^2", direction="lower", range=POSITIVE, reference="sum of squared differences over all voxels")
def ssd(evaluation: Evaluation) -> float:
    """The sum over voxels of the squared difference."""
    return float(np.sum(_squared(evaluation)))


@metric(unit="intensity^2", direction="lower", range=POSITIVE, reference="mean squared difference over all voxels")
def mse(evaluation: Evaluation) -> float:
    """The mean over voxels of the squared difference."""
    return float(np.mean(_squared(evaluation)))


@metric(
    unit="intensity^2",
    direction="lower",
    range=POSITIVE,
    needs=("fixed_mask",),
    reference="mean squared difference over the voxels of the fixed mask",
)
def mse_inside_mask(evaluation: Evaluation) -> float:
    """The mean over the fixed mask of the squared difference. NaN for an empty mask."""
    inside = _squared(evaluation)[evaluation.case.fixed_mask]
    return float(inside.mean()) if inside.size else math.nan


@metric(
    unit="1",
    direction="higher",
    range=(1, 2),
    reference="Studholme et al. 1999: (H(F) + H(W)) / H(F, W), 64 equal bins between each image's extremes",
)
def nmi(evaluation: Evaluation) -> float:
    """Normalised mutual information of fixed and warped. NaN where both are flat."""
    fixed, warped = (quantised(image, BINS) for image in (evaluation.case.fixed, evaluation.warped))
    counts = joint_counts(fixed, warped, (BINS, BINS))
    joint = entropy(counts)
    return (entropy(counts.sum(axis=1)) + entropy(counts.sum(axis=0))) / joint if joint > 0 else math.nan


@metric(unit="1", direction="higher", range=(-1, 1), reference="Pearson's correlation over all voxels")
def ncc(evaluation: Evaluation) -> float:
    """Normalised cross-correlation of fixed and warped. NaN where one of them is flat."""
    fixed, warped = (_centred(image) for image in (evaluation.case.fixed, evaluation.warped))
    scale = float(np.linalg.norm(fixed) * np.linalg.norm(warped))
    return float(np.clip(fixed @ warped / scale, -1, 1)) if scale > 0 else math.nan


@metric(
    unit="1",
    direction="lower",
    range=POSITIVE,
    reference="WBIR 2022 paper 22, Table 1: Loss(phi) / Loss(id), Loss = 1/2 the sum of squared differences",
)
def loss_ratio(evaluation: Evaluation) -> float:
    """The squared difference left by the registration as a part of the one before it. NaN where there was none."""
    case = evaluation.case
    before = 0.5 * float(np.sum((case.moving.astype(np.float64) - case.fixed) ** 2))
    return 0.5 * float(np.sum(_squared(evaluation))) / before if before > 0 else math.nan


def _squared(evaluation: Evaluation) -> np.ndarray:
    return (evaluation.warped.astype(np.float64) - evaluation.case.fixed) ** 2


def _centred(image: np.ndarray) -> np.ndarray:
    flat = image.ravel().astype(np.float64)
    if flat.min() == flat.max():
        return np.zeros_like(flat)
    return flat - flat.mean()
