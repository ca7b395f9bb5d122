"""Squared differences over space, Dice in percent, and the coherence of a structure, on exact values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wbir.cases import Case, Prediction
from wbir.geometry.frames import Frame
from wbir.measures.base import Evaluation
from wbir.measures.coherence import structure_coherence
from wbir.measures.overlap import dice, dice_percent
from wbir.measures.squared_difference import (
    squared_difference,
    squared_difference_deformed,
    squared_difference_outside_mask,
)

SHAPE = (30, 20)


def case() -> Case:
    """The fixed image is 0.5 everywhere, the moving one 0 and 1 in halves; the mask covers five rows. Pixels of 2 x 3 mm."""
    moving = np.zeros(SHAPE, np.float32)
    moving[15:] = 1
    mask = np.zeros(SHAPE, bool)
    mask[:5] = True
    return Case("a", Frame.of(SHAPE, (2.0, 3.0)), np.full(SHAPE, 0.5, np.float32), moving, fixed_mask=mask)


def test_squared_difference_is_an_integral_over_space() -> None:
    assert squared_difference(Evaluation(case(), Prediction())) == pytest.approx(0.25 * 600 * 6)
    assert squared_difference_outside_mask(Evaluation(case(), Prediction())) == pytest.approx(0.25 * 500 * 6)


def test_what_the_method_did_to_intensities_counts_in_one_and_not_in_the_other() -> None:
    shift = np.zeros((2, *SHAPE), np.float32)
    shift[0] = 3
    found = Evaluation(case(), Prediction(displacement=shift, warped=np.full(SHAPE, 0.6, np.float32)))
    assert squared_difference(found) == pytest.approx(0.01 * 600 * 6, rel=1e-5)
    assert squared_difference_outside_mask(found) == pytest.approx(0.01 * 500 * 6, rel=1e-5)
    assert squared_difference_deformed(found) == pytest.approx(0.25 * 600 * 6, rel=1e-5)


def structure(place: int) -> tuple[np.ndarray, np.ndarray]:
    """An image of 1 with a dark (0.2) block of 4 x 8 from row `place` on, and its label."""
    labels = np.zeros(SHAPE, np.int16)
    labels[place : place + 4, 6:14] = 1
    return np.where(labels == 1, 0.2, 1.0).astype(np.float32), labels


def coherence(frames: list[np.ndarray], mask: np.ndarray | None = None) -> float:
    (moving, moving_labels), (fixed, fixed_labels) = structure(4), structure(14)
    given = Case("b", Frame.of(SHAPE), fixed, moving, fixed_labels, moving_labels, fixed_mask=mask)
    found = Prediction(warped=frames[-1], arrays={"frames": np.stack(frames)})
    value = structure_coherence(Evaluation(given, found))
    assert isinstance(value, dict) and value[""] == value["1"]
    return value[""]


def test_a_structure_that_is_carried_is_coherent_and_one_that_is_faded_over_is_not() -> None:
    start, end = structure(4)[0], structure(14)[0]
    assert coherence([structure(p)[0] for p in (4, 9, 14)]) == pytest.approx(1.0)
    assert coherence([start, 0.5 * (start + end), end]) == pytest.approx(0.5)  # two copies of half the visibility
    assert coherence([start, np.ones(SHAPE, np.float32), end]) == 0
    assert coherence([start, end]) == pytest.approx(1.0)
    covered = np.zeros(SHAPE, bool)
    covered[4:8] = True  # the mask's part does not count: of the two halves one is left
    assert coherence([start, 0.5 * (start + end), end], covered) == pytest.approx(0.5)


def test_coherence_is_undefined_where_a_label_is_in_one_image_only() -> None:
    (moving, labels), (fixed, _) = structure(4), structure(14)
    lonely = Case("c", Frame.of(SHAPE), fixed, moving, np.zeros_like(labels), labels)
    assert math.isnan(structure_coherence(Evaluation(lonely, Prediction()))[""])  # type: ignore[index]


def test_dice_in_percent_is_dice() -> None:
    (moving, labels), (fixed, others) = structure(4), structure(6)
    evaluation = Evaluation(Case("d", Frame.of(SHAPE), fixed, moving, others, labels), Prediction())
    assert dice(evaluation) == {"1": 0.5, "": 0.5} and dice_percent(evaluation) == {"1": 50.0, "": 50.0}
