"""Dice and Jaccard: by hand, and against scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score

from wbir.measures.overlap import dice, jaccard


def test_by_hand(evaluate) -> None:
    fixed = np.array([[1, 1, 0], [2, 2, 0]], dtype=np.int16)
    moving = np.array([[1, 0, 0], [2, 2, 7]], dtype=np.int16)
    e = evaluate((2, 3), fixed_labels=fixed, moving_labels=moving)
    assert dice(e) == {"1": pytest.approx(2 / 3), "2": 1.0, "7": 0.0, "": pytest.approx(5 / 9)}
    assert jaccard(e) == {"1": 0.5, "2": 1.0, "7": 0.0, "": 0.5}


def test_equals_scikit_learn(evaluate) -> None:
    rng = np.random.default_rng(1)
    fixed, moving = (rng.choice([0, 3, 17, 2035], (6, 7, 5)).astype(np.int16) for _ in range(2))
    e = evaluate((6, 7, 5), fixed_labels=fixed, moving_labels=moving)
    labels = [3, 17, 2035]
    for values, score in ((dice(e), f1_score), (jaccard(e), jaccard_score)):
        expected = score(fixed.ravel(), moving.ravel(), labels=labels, average=None)
        np.testing.assert_allclose([values[str(k)] for k in labels], expected)
        assert values[""] == pytest.approx(expected.mean())


def test_a_label_that_leaves_the_grid_is_not_a_number_and_not_in_the_mean(evaluate) -> None:
    fixed = np.array([[1, 0, 0]], dtype=np.int16)
    moving = np.array([[5, 1, 0]], dtype=np.int16)
    u = np.zeros((2, 1, 3), dtype=np.float32)
    u[1] = 1
    values = dice(evaluate((1, 3), fixed_labels=fixed, moving_labels=moving, displacement=u))
    assert math.isnan(values["5"]) and values["1"] == 1.0 and values[""] == 1.0


def test_no_label_at_all(evaluate) -> None:
    nothing = np.zeros((3, 3), dtype=np.int16)
    values = dice(evaluate((3, 3), fixed_labels=nothing, moving_labels=nothing))
    assert list(values) == [""] and math.isnan(values[""])
