"""Statistics on measurements: paired tests, bootstrap intervals, rank correlation, monotone trends.

Pairs and values with NaN are left out (a failed case has no number). Where a statistic is not defined the result is
NaN, never a warning; each function says when.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wbir.errors import InputError

ALTERNATIVES = ("two-sided", "less", "greater")
Numbers = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Test:
    """statistic: the test's own; p: its p-value; n: the pairs that entered."""

    __test__ = False  # not a test case of pytest

    statistic: float
    p: float
    n: int


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval; n: the values that entered."""

    estimate: float
    low: float
    high: float
    n: int


def paired_wilcoxon(a: Numbers, b: Numbers, alternative: str = "two-sided") -> Test:
    """Wilcoxon's signed-rank test of `a - b`; `less` asks whether a is lower than b.

    Zero differences are dropped (Wilcoxon's own rule); exact for up to 50 pairs without ties or zeros, else by the
    normal approximation (SciPy's choice). p is NaN for fewer than two non-zero differences.
    """
    first, second = _pairs(a, b, alternative)
    difference = first - second
    if np.count_nonzero(difference) < 2:
        return Test(math.nan, math.nan, len(difference))
    from scipy.stats import wilcoxon

    result = wilcoxon(difference, alternative=alternative, zero_method="wilcox")
    return Test(float(result.statistic), float(result.pvalue), len(difference))


def paired_t(a: Numbers, b: Numbers, alternative: str = "two-sided") -> Test:
    """Student's t-test of the mean of `a - b`; `less` asks whether a is lower than b.

    p is NaN for fewer than two pairs, or where all differences are equal (there is no variance to compare with).
    """
    first, second = _pairs(a, b, alternative)
    difference = first - second
    scale = np.abs(difference).max(initial=0.0)
    if len(difference) < 2 or np.ptp(difference) <= 1e-12 * scale:
        return Test(math.nan, math.nan, len(difference))
    from scipy.stats import ttest_1samp

    result = ttest_1samp(difference, 0.0, alternative=alternative)
    return Test(float(result.statistic), float(result.pvalue), len(difference))


def bootstrap_interval(
    values: Numbers, *, statistic: str = "mean", seed: int = 0, samples: int = 10_000, level: float = 0.95
) -> Interval:
    """Percentile bootstrap interval (Efron 1979) of the mean or median of values, or of paired differences.

    The interval lies between the quantiles `(1 - level) / 2` and `(1 + level) / 2` of `samples` resampled statistics.
    One value, or equal ones, give an interval of no width; no value gives NaN. Same seed, same interval.
    """
    if statistic not in ("mean", "median"):
        raise InputError("statistic mean or median", repr(statistic), "choose one of them")
    kept = np.asarray(values, dtype=np.float64)
    kept = kept[~np.isnan(kept)]
    if not len(kept):
        return Interval(math.nan, math.nan, math.nan, 0)
    reduce = np.mean if statistic == "mean" else np.median
    estimate = float(reduce(kept))
    if np.ptp(kept) == 0:
        return Interval(estimate, estimate, estimate, len(kept))
    rng = np.random.default_rng(seed)
    chunk = max(1, 2_000_000 // len(kept))
    sizes = [min(chunk, samples - start) for start in range(0, samples, chunk)]
    drawn = np.concatenate([reduce(kept[rng.integers(0, len(kept), (size, len(kept)))], axis=1) for size in sizes])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high), len(kept))


def spearman(a: Numbers, b: Numbers) -> Test:
    """Spearman's rank correlation and its two-sided p-value (t approximation; exactly 0 at a correlation of +-1).

    NaN for fewer than three pairs, or where one side is constant.
    """
    first, second = _pairs(a, b, "two-sided")
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return Test(math.nan, math.nan, len(first))
    from scipy.stats import spearmanr

    result = spearmanr(first, second)
    return Test(float(result.statistic), float(result.pvalue), len(first))


def is_monotone(values: Numbers, direction: str = "increasing", tolerance: float = 0.0) -> bool:
    """Whether a series only rises (or falls), letting each step go against the direction by up to `tolerance`.

    False where a value is NaN or where there are fewer than two: no trend was seen. A constant series is monotone.
    """
    if direction not in ("increasing", "decreasing"):
        raise InputError("direction increasing or decreasing", repr(direction), "choose one of them")
    series = np.asarray(values, dtype=np.float64)
    if len(series) < 2 or np.any(np.isnan(series)):
        return False
    steps = np.diff(series) if direction == "increasing" else -np.diff(series)
    return bool(np.all(steps >= -tolerance))


def _pairs(a: Numbers, b: Numbers, alternative: str) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64, without the pairs that have a NaN. Raises InputError for unequal lengths."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise InputError("two series of one length", f"{first.shape} and {second.shape}", "pair them by case")
    if alternative not in ALTERNATIVES:
        raise InputError(f"alternative of {ALTERNATIVES}", repr(alternative), "choose one of them")
    known = ~(np.isnan(first) | np.isnan(second))
    return first[known], second[known]
