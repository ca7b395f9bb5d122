"""Intensity measures: by hand, against scikit-image and NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import normalized_mutual_information

from wbir.measures.intensity import BINS, loss_ratio, mse, mse_inside_mask, ncc, nmi, ssd

FIXED = np.array([[0.0, 1.0], [2.0, 3.0]], dtype=np.float32)
MOVING = np.array([[1.0, 1.0], [4.0, 3.0]], dtype=np.float32)


def images(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    fixed = rng.random((8, 9, 7)).astype(np.float32)
    return {"fixed": fixed, "moving": (0.7 * fixed + 0.3 * rng.random(fixed.shape)).astype(np.float32)}


def test_by_hand(evaluate) -> None:
    mask = np.array([[True, False], [False, True]])
    e = evaluate((2, 2), fixed=FIXED, moving=MOVING, fixed_mask=mask)
    assert (ssd(e), mse(e), mse_inside_mask(e)) == (5.0, 1.25, 0.5)
    assert loss_ratio(e) == 1.0
    assert ncc(e) == pytest.approx(np.corrcoef(FIXED.ravel(), MOVING.ravel())[0, 1])


def test_loss_ratio_of_a_half_way_image(evaluate) -> None:
    half = (FIXED + MOVING) / 2
    assert loss_ratio(evaluate((2, 2), fixed=FIXED, moving=MOVING, warped=half)) == pytest.approx(0.25)


def test_a_true_shift_leaves_nothing(evaluate) -> None:
    moving = np.arange(12, dtype=np.float32).reshape(3, 4)
    fixed = np.concatenate([moving[:, 1:], moving[:, -1:]], axis=1)
    u = np.zeros((2, 3, 4), dtype=np.float32)
    u[1] = 1
    assert mse(evaluate((3, 4), fixed=fixed, moving=moving, displacement=u)) == pytest.approx(0.0, abs=1e-10)


def test_nmi_equals_scikit_image(evaluate) -> None:
    e = evaluate((8, 9, 7), **images())
    expected = normalized_mutual_information(e.case.fixed, e.case.moving, bins=BINS)
    assert nmi(e) == pytest.approx(expected, abs=1e-6)
    assert 1 < nmi(e) < 2


def test_an_image_and_itself(evaluate) -> None:
    fixed = images()["fixed"]
    e = evaluate(fixed.shape, fixed=fixed, moving=fixed)
    assert nmi(e) == pytest.approx(2.0) and ncc(e) == pytest.approx(1.0) and ssd(e) == 0.0


def test_undefined_values(evaluate) -> None:
    flat = evaluate((2, 2), moving=FIXED)
    assert math.isnan(ncc(flat)) and nmi(flat) == pytest.approx(1.0)
    nothing = evaluate((2, 2), fixed_mask=np.zeros((2, 2), dtype=bool))
    assert all(math.isnan(f(nothing)) for f in (nmi, ncc, loss_ratio, mse_inside_mask))
