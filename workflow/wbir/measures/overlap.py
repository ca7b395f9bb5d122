"""Overlap of the fixed labels with the warped moving labels."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from wbir.measures.base import Evaluation, metric
from wbir.measures.histograms import joint_counts

LABELS = ("fixed_labels", "moving_labels")
DENSE = 256  # labels below this are counted without a renumbering
Sizes = tuple[float, float, float]  # voxels of the label in both, in the fixed and in the warped labels


@metric(unit="1", direction="higher", range=(0, 1), reference="Dice 1945: 2 |A and B| / (|A| + |B|)", needs=LABELS)
def dice(evaluation: Evaluation) -> dict[str, float]:
    """Per label of the fixed or moving labels (0 is background), and under "" the mean over them.

    A label that only one of the two has counts 0. NaN, and left out of the mean, where neither has it after warping.
    """
    return _per_label(evaluation, lambda both, a, b: 2 * both / (a + b))


@metric(unit="%", direction="higher", range=(0, 100), reference="Dice 1945, in percent", needs=LABELS)
def dice_percent(evaluation: Evaluation) -> dict[str, float]:
    """As `dice`, in percent: NaN where `dice` is."""
    return {label: 100 * value for label, value in dice(evaluation).items()}  # type: ignore[union-attr]


@metric(unit="1", direction="higher", range=(0, 1), reference="Jaccard 1901: |A and B| / |A or B|", needs=LABELS)
def jaccard(evaluation: Evaluation) -> dict[str, float]:
    """As `dice`, with the intersection over the union."""
    return _per_label(evaluation, lambda both, a, b: both / (a + b - both))


def with_mean(values: dict[str, float]) -> dict[str, float]:
    """The values with their mean under "": over those that are not NaN, NaN where there is none."""
    known = [value for value in values.values() if not math.isnan(value)]
    return {**values, "": float(np.mean(known)) if known else math.nan}


def present_labels(evaluation: Evaluation) -> np.ndarray:
    """The labels other than 0 in the fixed or moving labels, ascending."""
    return evaluation.once("present labels", _present_labels)


def _present_labels(evaluation: Evaluation) -> np.ndarray:
    return np.setdiff1d(np.union1d(*(_values(evaluation.given(name)) for name in LABELS)), [0])


def _values(labels: np.ndarray) -> np.ndarray:
    """As numpy.unique, by counting where there is nothing below 0: sorting the voxels takes far longer."""
    return np.unique(labels) if labels.min() < 0 else np.flatnonzero(np.bincount(labels.ravel()))


def _per_label(evaluation: Evaluation, score: Callable[[float, float, float], float]) -> dict[str, float]:
    sizes: dict[int, Sizes] = evaluation.once("label sizes", _sizes)
    return with_mean({str(k): score(*s) if s[1] + s[2] > 0 else math.nan for k, s in sizes.items()})


def _sizes(evaluation: Evaluation) -> dict[int, Sizes]:
    labels = present_labels(evaluation)
    known = np.union1d(labels, [0])
    fixed, warped = evaluation.given("fixed_labels"), evaluation.warped_labels
    places = known.astype(np.int64)
    if known[0] < 0 or known[-1] >= DENSE:  # a table of the labels themselves would be too large
        fixed, warped, places = np.searchsorted(known, fixed), np.searchsorted(known, warped), np.arange(len(known))
    counts = joint_counts(fixed, warped, (int(places[-1]) + 1, int(places[-1]) + 1))
    rows, columns = counts.sum(1), counts.sum(0)
    return {
        int(label): (float(counts[i, i]), float(rows[i]), float(columns[i]))
        for label, i in zip(known.tolist(), places.tolist(), strict=True)
        if label != 0
    }
