"""Every metric that is found keeps the contract: it says what its numbers mean and stays inside its range."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wbir.cases import Case, Prediction
from wbir.geometry.frames import Frame
from wbir.measures.base import DIRECTIONS, Evaluation, Metric, discover

METRICS = discover()
SHAPE = (12, 11, 11)


def case(same: bool) -> Case:
    """A case with everything that a metric may need; moving equals fixed, or differs from it in all of it."""
    rng = np.random.default_rng(7)
    fixed = rng.random(SHAPE).astype(np.float32)
    labels = np.zeros(SHAPE, dtype=np.int16)
    labels[2:6, 2:7, 1:5], labels[6:9, 2:7, 4:7] = 1, 2
    points = rng.uniform(2, 6, (5, 3))
    step = 0 if same else 1
    matrix = np.eye(4)
    matrix[:3, 3] = step
    return Case(
        "contract",
        Frame.of(SHAPE, (1.0, 2.0, 1.5)),
        fixed,
        fixed if same else rng.random(SHAPE).astype(np.float32),
        labels,
        np.roll(labels, step, axis=0),
        labels > 0,
        labels > 0,
        points,
        points + step,
        truth=np.full((3, *SHAPE), step, dtype=np.float32),
        truth_matrix=matrix,
    )


def values(metric: Metric, evaluation: Evaluation) -> list[float]:
    result = metric(evaluation)
    if isinstance(result, dict):
        assert "" in result and all(isinstance(label, str) for label in result)
        return list(result.values())
    assert isinstance(result, float)
    return [result]


def inside(value: float, metric: Metric) -> bool:
    low, high = metric.range
    return low - 1e-9 <= value <= high + 1e-9


def test_metrics_are_found() -> None:
    assert {"dice", "hd95", "tre", "mse", "folding"} <= set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_declares_unit_direction_range_and_reference(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name == metric.function.__name__
    assert metric.unit.strip() and len(metric.reference) > 10 and metric.function.__doc__
    assert metric.direction in DIRECTIONS
    assert metric.range[0] < metric.range[1]


@pytest.mark.parametrize("name", METRICS)
def test_identity_on_identical_images_is_inside_the_range(name: str) -> None:
    metric = METRICS[name]
    for value in values(metric, Evaluation(case(same=True), Prediction())):
        documented = "NaN" in (metric.function.__doc__ or "")
        assert inside(value, metric) or (math.isnan(value) and documented)
        best = {"higher": metric.range[1], "lower": metric.range[0]}.get(metric.direction)
        assert best is None or math.isnan(value) or value == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("name", METRICS)
def test_a_real_displacement_on_different_images_is_inside_the_range(name: str) -> None:
    metric = METRICS[name]
    u = (0.6 * np.sin(np.indices(SHAPE) / 2)).astype(np.float32)
    evaluation = Evaluation(case(same=False), Prediction(displacement=u))
    undefined = "NaN in" in (metric.function.__doc__ or "")  # for all cases of this kind, as its docstring says
    assert all(inside(value, metric) or (undefined and math.isnan(value)) for value in values(metric, evaluation))


@pytest.mark.parametrize("name", METRICS)
def test_leaves_its_arrays_alone_and_says_the_same_twice(name: str) -> None:
    metric, given = METRICS[name], case(same=False)
    u = np.full((3, *SHAPE), 0.3, dtype=np.float32)
    kept = given.fixed.copy(), given.moving.copy(), u.copy()
    first = metric(Evaluation(given, Prediction(displacement=u)))
    assert metric(Evaluation(given, Prediction(displacement=u))) == pytest.approx(first, rel=0, abs=0, nan_ok=True)
    for before, after in zip(kept, (given.fixed, given.moving, u), strict=True):
        np.testing.assert_array_equal(before, after)
