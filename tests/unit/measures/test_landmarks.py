"""Distances to known correspondence, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wbir.measures.landmarks import (
    corner_displacement,
    corner_displacement_mm,
    end_point_error,
    keypoint_error,
    points_within,
    tre,
)

SPACING = (2.0, 1.0, 3.0)


def constant(shape: tuple[int, ...], vector: tuple[float, ...]) -> np.ndarray:
    return np.broadcast_to(np.reshape(vector, (-1, *(1,) * len(shape))), (len(shape), *shape)).astype(np.float32)


def translation(*vector: float) -> np.ndarray:
    matrix = np.eye(len(vector) + 1)
    matrix[:-1, -1] = vector
    return matrix


def test_tre_is_zero_for_points_moved_by_the_displacement_and_in_mm(evaluate) -> None:
    points = np.array([[1.0, 2.0, 1.5], [0.0, 3.0, 2.0]])
    shift = np.array([1.0, 0.5, -1.0])
    common = {"fixed_points": points, "moving_points": points + shift}
    exact = evaluate((5, 5, 5), SPACING, displacement=constant((5, 5, 5), tuple(shift)), **common)
    assert tre(exact) == pytest.approx(0.0, abs=1e-6)
    assert tre(evaluate((5, 5, 5), SPACING, **common)) == pytest.approx(math.sqrt(4 + 0.25 + 9))
    assert tre(evaluate((5, 5, 5), SPACING, matrix=translation(*shift), **common)) == pytest.approx(0.0, abs=1e-9)


def test_tre_reads_the_displacement_between_voxels(evaluate) -> None:
    u = np.zeros((2, 4, 4), dtype=np.float32)
    u[0] = 0.5 * np.indices((4, 4))[0]
    point = np.array([[1.5, 2.25]])
    e = evaluate((4, 4), fixed_points=point, moving_points=np.array([[2.25, 2.25]]), displacement=u)
    assert tre(e) == pytest.approx(0.0, abs=1e-6)


def test_tre_without_a_point_is_not_a_number(evaluate) -> None:
    none = np.zeros((0, 2))
    assert math.isnan(tre(evaluate((3, 3), fixed_points=none, moving_points=none)))


def test_keypoint_errors_count_voxels_and_accumulate(evaluate) -> None:
    points = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]])
    moved = points + np.array([[3.0, 0.0, 4.0], [0.0, 0.25, 0.0]])
    e = evaluate((5, 5, 5), SPACING, fixed_points=points, moving_points=moved)
    assert keypoint_error(e) == pytest.approx((5 + 0.25) / 2)
    within = points_within(e)
    assert [within[t] for t in ("0", "0.25", "4.75", "5", "10")] == [0, 50, 50, 100, 100]
    none = evaluate((3, 3), fixed_points=np.zeros((0, 2)), moving_points=np.zeros((0, 2)))
    assert math.isnan(keypoint_error(none)) and math.isnan(points_within(none)["1"])


def test_end_point_error_counts_inside_the_mask(evaluate) -> None:
    shape = (3, 4)
    truth = constant(shape, (1.0, 0.0)).copy()
    truth[:, 0] = 0
    mask = np.zeros(shape, dtype=bool)
    mask[1:] = True
    assert end_point_error(evaluate(shape, (2.0, 1.0), truth=truth)) == pytest.approx(2 * 2 / 3)
    assert end_point_error(evaluate(shape, (2.0, 1.0), truth=truth, fixed_mask=mask)) == pytest.approx(2.0)
    assert end_point_error(evaluate(shape, truth=truth, displacement=truth)) == 0.0
    assert math.isnan(end_point_error(evaluate(shape, truth=truth, fixed_mask=~mask & mask)))


def test_end_point_error_takes_a_true_matrix(evaluate) -> None:
    e = evaluate((3, 4), (2.0, 1.0), truth_matrix=translation(0.0, 3.0))
    assert end_point_error(e) == pytest.approx(3.0)


def test_corners_of_a_translation(evaluate) -> None:
    truth = translation(3.0, 0.0, 4.0)
    assert corner_displacement(evaluate((4, 5, 6), SPACING, truth_matrix=truth)) == pytest.approx(5.0)
    expected = math.hypot(6.0, 12.0)
    assert corner_displacement_mm(evaluate((4, 5, 6), SPACING, truth_matrix=truth)) == pytest.approx(expected)
    for way in ({"matrix": truth}, {"displacement": constant((4, 5, 6), (3, 0, 4))}):
        assert corner_displacement(evaluate((4, 5, 6), truth_matrix=truth, **way)) == pytest.approx(0.0, abs=1e-6)


def test_corners_of_a_half_turn_in_2d(evaluate) -> None:
    # about the centre (1.5, 1.5) of a 4 x 4 block each corner goes to the opposite one: the diagonal, 3 sqrt 2
    half_turn = np.array([[-1.0, 0, 3], [0, -1, 3], [0, 0, 1]])
    assert corner_displacement(evaluate((4, 4), truth_matrix=half_turn)) == pytest.approx(3 * math.sqrt(2))
