"""Statistics: closed forms and enumeration, degenerate input without warnings."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from wbir.errors import InputError
from wbir.measures.statistics import (
    bootstrap_interval,
    is_monotone,
    paired_t,
    paired_wilcoxon,
    spearman,
)

pytestmark = pytest.mark.filterwarnings("error")


def sign_enumeration(difference: np.ndarray, alternative: str) -> float:
    """Exact p of the signed-rank test by all sign patterns (no ties, no zeros)."""
    ranks = np.argsort(np.argsort(np.abs(difference))) + 1
    observed = ranks[difference > 0].sum()
    sums = np.array([np.dot(ranks, signs) for signs in itertools.product((0, 1), repeat=len(ranks))])
    low, high = float(np.mean(sums <= observed)), float(np.mean(sums >= observed))
    return {"less": low, "greater": high, "two-sided": min(1.0, 2 * min(low, high))}[alternative]


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_wilcoxon_equals_the_enumeration_of_all_signs(alternative: str) -> None:
    a = np.array([1.0, 2.1, 3.7, 2.2, 5.0, 4.4, 0.3])
    b = np.array([1.5, 3.3, 3.4, 3.9, 7.1, 4.3, 2.9])
    test = paired_wilcoxon(a, b, alternative)
    assert test.p == pytest.approx(sign_enumeration(a - b, alternative))
    assert test.n == 7


def test_t_equals_its_formula_and_less_asks_for_a_below_b() -> None:
    a, b = np.array([1.0, 2.0, 4.0, 3.0]), np.array([2.0, 2.5, 6.0, 3.5])
    difference = a - b
    expected = difference.mean() / (difference.std(ddof=1) / 2)
    assert paired_t(a, b).statistic == pytest.approx(expected)
    less, greater = paired_t(a, b, "less").p, paired_t(a, b, "greater").p
    assert less < 0.05 < greater and less + greater == pytest.approx(1.0)
    assert paired_t(a, b).p == pytest.approx(2 * less)
    # three degrees of freedom: the distribution function in closed form
    s = expected / math.sqrt(3)
    assert less == pytest.approx(0.5 + (s / (1 + s * s) + math.atan(s)) / math.pi)


@pytest.mark.parametrize("test", [paired_wilcoxon, paired_t])
def test_no_p_where_there_is_nothing_to_test(test) -> None:
    for a, b in (([], []), ([1.0], [2.0]), ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])):
        result = test(a, b)
        assert math.isnan(result.p) and result.n == len(a)


def test_t_without_variance_has_no_p_but_signed_ranks_have() -> None:
    a, b = [1.1, 2.1, 3.1, 4.1, 5.1], [1.0, 2.0, 3.0, 4.0, 5.0]
    assert math.isnan(paired_t(a, b).p)
    assert 0 < paired_wilcoxon(a, b, "greater").p < 0.05


def test_failed_cases_are_left_out_in_pairs() -> None:
    a, b = [1.0, math.nan, 3.0, 5.5, 0.1], [2.0, 1.0, math.nan, 9.0, 1.0]
    assert paired_t(a, b) == paired_t([1.0, 5.5, 0.1], [2.0, 9.0, 1.0])
    assert paired_t(a, b).n == 3


def test_refuses_series_that_do_not_pair() -> None:
    with pytest.raises(InputError, match="one length"):
        paired_t([1.0, 2.0], [1.0])
    with pytest.raises(InputError, match="alternative"):
        paired_wilcoxon([1.0, 2.0], [1.0, 3.0], "lower")


def test_bootstrap_of_a_mean_is_near_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(3.0, 2.0, 400)
    interval = bootstrap_interval(values, seed=1)
    half = 1.96 * values.std(ddof=1) / 20
    assert interval.estimate == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.03)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.03)


def test_bootstrap_of_two_values_equals_the_enumeration() -> None:
    # resampled means of {0, 1}: 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4
    assert bootstrap_interval([0.0, 1.0], level=0.4, seed=3).low == 0.5
    assert bootstrap_interval([0.0, 1.0], level=0.6, seed=3) == bootstrap_interval([0.0, 1.0], level=0.6, seed=3)
    assert bootstrap_interval([0.0, 1.0], level=0.6, seed=3).low == 0.0


def test_bootstrap_of_a_median_covers_it() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for seed in range(60):
        interval = bootstrap_interval(rng.exponential(size=40), statistic="median", seed=seed, samples=400)
        hits += interval.low <= math.log(2) <= interval.high
    assert hits >= 51  # 95% of 60 is 57; fewer than 51 has a probability below 1e-3


def test_bootstrap_of_one_value_and_of_none() -> None:
    one = bootstrap_interval([2.0, math.nan])
    assert (one.estimate, one.low, one.high, one.n) == (2.0, 2.0, 2.0, 1)
    assert math.isnan(bootstrap_interval([]).low)
    with pytest.raises(InputError, match="statistic"):
        bootstrap_interval([1.0], statistic="mode")


def test_spearman_by_hand_and_undefined() -> None:
    # ranks differ by 1, 1, 0, 0: 1 - 6 * 2 / (4 * 15)
    assert spearman([1, 2, 3, 4], [20, 10, 30, 40]).statistic == pytest.approx(0.8)
    assert spearman([1, 2, 3], [9, 4, 1]).statistic == pytest.approx(-1.0)
    assert math.isnan(spearman([1, 2, 3], [5, 5, 5]).p) and math.isnan(spearman([1, 2], [3, 4]).statistic)


def test_monotone_with_a_tolerance() -> None:
    assert is_monotone([1, 2, 2, 3]) and not is_monotone([1, 2, 1.9, 3])
    assert is_monotone([1, 2, 1.9, 3], tolerance=0.2)
    assert is_monotone([3, 2, 1], "decreasing") and not is_monotone([3, 2, 1])
    assert not is_monotone([1.0]) and not is_monotone([1, math.nan, 2])
    with pytest.raises(InputError, match="direction"):
        is_monotone([1, 2], "up")
