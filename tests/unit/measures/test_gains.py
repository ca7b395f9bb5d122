"""What a registration adds to the overlap: by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wbir.measures.gains import dice_gain


def test_by_hand(evaluate) -> None:
    fixed = np.array([[1, 1, 0, 0, 2]], dtype=np.int16)
    moving = np.array([[0, 1, 1, 2, 0]], dtype=np.int16)
    u = np.zeros((2, 1, 5), dtype=np.float32)
    u[1] = [[1, 1, 1, 1, -1]]
    e = evaluate((1, 5), fixed_labels=fixed, moving_labels=moving, displacement=u)
    # before: 1 overlaps by half, 2 not at all; after: 1 1 2 0 2, so that 2 has one voxel of three in common
    assert dice_gain(e) == {"1": 50.0, "2": pytest.approx(200 / 3), "": pytest.approx(175 / 3)}


def test_no_registration_gains_nothing(evaluate) -> None:
    labels = np.array([[1, 0, 2]], dtype=np.int16)
    assert dice_gain(evaluate((1, 3), fixed_labels=labels, moving_labels=labels[:, ::-1])) == {"1": 0, "2": 0, "": 0}


def test_a_label_that_leaves_the_grid_is_not_a_number(evaluate) -> None:
    labels = {"fixed_labels": np.array([[1, 0]], np.int16), "moving_labels": np.array([[5, 1]], np.int16)}
    u = np.zeros((2, 1, 2), dtype=np.float32)
    u[1] = 1
    values = dice_gain(evaluate((1, 2), displacement=u, **labels))
    assert math.isnan(values["5"]) and values["1"] == 100.0
