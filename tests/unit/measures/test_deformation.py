"""Deformation measures: stretches, folds, the shift that hides them, exact inverses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from wbir.measures.deformation import (
    folding,
    inverse_consistency,
    max_inverse_consistency,
    mean_displacement,
    min_jacobian,
    negated_inverse_consistency,
    sd_jacobian,
    sdlogj,
)

SHAPE = (8, 9, 7)


def test_a_stretch(evaluate) -> None:
    e = evaluate(SHAPE, matrix=np.diag([2.0, 1.0, 0.25, 1.0]))
    assert min_jacobian(e) == pytest.approx(0.5, abs=1e-5)
    assert folding(e) == 0.0
    assert sdlogj(e) == pytest.approx(0.0, abs=1e-5)


def test_two_stretches_have_the_spread_of_their_logarithms(evaluate) -> None:
    u = np.zeros((2, 10, 6), dtype=np.float32)
    x = np.arange(10.0)
    u[0] = (np.where(x <= 4, 2 * x, 8 + 0.5 * (x - 4)) - x)[:, None]
    e = evaluate((10, 6), displacement=u)
    by_numpy = np.gradient(x[:, None] + u[0].astype(np.float64), axis=0)
    assert sdlogj(e) == pytest.approx(np.log(by_numpy).std(), rel=1e-5)
    assert sd_jacobian(e) == pytest.approx(by_numpy.std(), rel=1e-5)
    assert min_jacobian(e) == pytest.approx(0.5, rel=1e-5)


def test_a_mirrored_field_folds_everywhere(evaluate) -> None:
    """Determinants shifted by 3 before the count, as one public evaluator does, would report no fold here."""
    u = np.zeros((3, *SHAPE), dtype=np.float32)
    u[0] = -2.5 * np.indices(SHAPE)[0]  # det J = -1.5
    e = evaluate(SHAPE, displacement=u)
    assert min_jacobian(e) == pytest.approx(-1.5, abs=1e-5)
    assert folding(e) == 100.0


def test_a_determinant_of_zero_is_a_fold(evaluate) -> None:
    u = np.zeros((2, 6, 6), dtype=np.float32)
    u[0] = -np.indices((6, 6))[0]
    assert folding(evaluate((6, 6), displacement=u)) == 100.0


def test_one_fold_is_counted_as_its_part_of_the_grid(evaluate) -> None:
    u = np.zeros((2, 10, 10), dtype=np.float32)
    u[0, 4, 4], u[0, 6, 4] = 2, -2  # between them the derivative is 1 + (-2 - 2) / 2 = -1: one voxel
    assert folding(evaluate((10, 10), displacement=u)) == pytest.approx(1.0)


def test_smooth_random_field_equals_the_field_in_numpy(evaluate) -> None:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    u = np.stack([4 * gaussian_filter(rng.normal(size=(16, 16)), 2) for _ in range(2)]).astype(np.float32)
    rows = [np.gradient(u[c].astype(np.float64)) for c in range(2)]
    determinant = (1 + rows[0][0]) * (1 + rows[1][1]) - rows[0][1] * rows[1][0]
    e = evaluate((16, 16), displacement=u)
    assert min_jacobian(e) == pytest.approx(determinant.min(), abs=1e-5)
    assert sd_jacobian(e) == pytest.approx(determinant.std(), rel=1e-4)
    assert sdlogj(e) == pytest.approx(np.log(np.maximum(determinant, 1e-6)).std(), rel=1e-4)


def test_inverse_consistency_of_an_exact_and_of_a_missing_inverse(evaluate) -> None:
    shift = np.zeros((3, *SHAPE), dtype=np.float32)
    shift[1] = 1.0
    spacing = (1.0, 2.0, 1.0)
    exact = evaluate(SHAPE, spacing, displacement=shift, inverse=-shift)
    assert inverse_consistency(exact) == pytest.approx(0.0, abs=1e-6)
    off = evaluate(SHAPE, spacing, displacement=shift, inverse=-0.25 * shift)
    assert inverse_consistency(off) == pytest.approx(0.75 * 2.0)
    assert max_inverse_consistency(off) == pytest.approx(0.75 * 2.0)
    matrix = evaluate(SHAPE, spacing, matrix=np.diag([1.2, 0.9, 1.0, 1.0]))
    assert max_inverse_consistency(matrix) == pytest.approx(0.0, abs=1e-5)


def test_numerical_inverse_is_nearly_consistent(evaluate) -> None:
    grid = np.indices((16, 16))
    u = (0.8 * np.sin(grid[::-1] / 3)).astype(np.float32)
    e = evaluate((16, 16), displacement=u)
    assert inverse_consistency(e) < 0.05
    assert inverse_consistency(evaluate((16, 16), displacement=u, inverse=np.zeros_like(u))) > 0.3


def test_inverse_consistency_where_all_leave_the_grid(evaluate) -> None:
    far = np.full((2, 4, 4), 50, dtype=np.float32)
    assert math.isnan(inverse_consistency(evaluate((4, 4), displacement=far, inverse=-far)))


def test_mean_displacement_is_in_millimetres(evaluate) -> None:
    u = np.zeros((2, 4, 4), dtype=np.float32)
    u[0], u[1] = 1.5, 4.0
    assert mean_displacement(evaluate((4, 4), (2.0, 1.0), displacement=u)) == pytest.approx(5.0)
    assert mean_displacement(evaluate((4, 4))) == 0.0


def test_a_shift_is_inverted_by_its_negative_and_a_stretch_is_not(evaluate) -> None:
    shift = np.full((2, 8, 8), 2.0, dtype=np.float32)
    assert negated_inverse_consistency(evaluate((8, 8), displacement=shift)) == 0.0
    stretch = np.zeros((2, 9, 9), dtype=np.float32)
    stretch[0] = 0.5 * (np.arange(9) - 4.0)[:, None]  # |u(x) - u(x + u(x))| = 0.25 |x - 4|, inside for |x - 4| <= 2
    found = negated_inverse_consistency(evaluate((9, 9), spacing=2.0, displacement=stretch))
    assert found == pytest.approx(2.0 * 0.25 * (2 + 1 + 0 + 1 + 2) / 5)
