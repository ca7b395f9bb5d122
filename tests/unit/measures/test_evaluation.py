"""What a metric sees: displacement, warping, inverse roles, guards, discovery."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from wbir.errors import InputError
from wbir.measures.base import discover, metric

SHAPE = (6, 7, 5)


def smooth_displacement(shape: tuple[int, ...], size: float = 0.4) -> np.ndarray:
    grid = np.indices(shape)
    return np.stack([size * np.sin(grid.sum(axis=0) / 3 + c) for c in range(len(shape))]).astype(np.float32)


def test_identity_needs_no_torch() -> None:
    code = (
        "import sys, numpy as np; from wbir.cases import Case, Prediction; from wbir.geometry.frames import Frame\n"
        "from wbir.measures.base import Evaluation, discover\n"
        "image = np.eye(4, dtype=np.float32); labels = image.astype(np.int16)\n"
        "case = Case('a', Frame.of((4, 4)), image, image, labels, labels)\n"
        "e = Evaluation(case, Prediction()); metrics = discover()\n"
        "values = [metrics[m](e) for m in ('dice', 'mse', 'nmi', 'folding', 'sdlogj', 'mean_displacement')]\n"
        "assert 'torch' not in sys.modules and 'scipy' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )


def test_warped_equals_scipys_pull_back(evaluate) -> None:
    moving = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    u = smooth_displacement(SHAPE)
    warped = evaluate(SHAPE, moving=moving, displacement=u).warped
    expected = map_coordinates(moving, np.indices(SHAPE) + u, order=1, mode="nearest")
    np.testing.assert_allclose(warped, expected, atol=1e-5)


def test_labels_are_pulled_back_by_nearest_neighbour_with_background_outside(evaluate) -> None:
    labels = np.array([[1, 2, 300], [4, 5, 6]], dtype=np.int16)
    u = np.zeros((2, 2, 3), dtype=np.float32)
    u[1] = 1.2
    warped = evaluate((2, 3), fixed_labels=labels, moving_labels=labels, displacement=u).warped_labels
    assert warped.dtype == np.int16
    assert warped.tolist() == [[2, 300, 0], [5, 6, 0]]


def test_a_matrix_becomes_its_displacement_and_maps_points_exactly(evaluate) -> None:
    matrix = np.array([[0.9, 0.1, 0.5], [-0.2, 1.1, -1.0], [0, 0, 1]])
    e = evaluate((4, 5), matrix=matrix)
    point = np.array([3.0, 2.0])
    expected = matrix[:2, :2] @ point + matrix[:2, 2]
    np.testing.assert_allclose(e.displacement[:, 3, 2] + point, expected, atol=1e-6)
    np.testing.assert_allclose(e.map_points(point[None])[0], expected, atol=1e-12)
    assert e.displacement.dtype == np.float32 and not e.is_identity


def test_the_methods_own_image_goes_first(evaluate) -> None:
    own = np.full(SHAPE, 3, dtype=np.float32)
    assert evaluate(SHAPE, warped=own).warped[0, 0, 0] == 3
    assert evaluate(SHAPE, warped=own).inverse().warped[0, 0, 0] == 0


def test_inverse_swaps_the_roles(evaluate) -> None:
    fixed, moving = np.zeros(SHAPE, dtype=np.float32), np.ones(SHAPE, dtype=np.float32)
    points = np.zeros((1, 3)), np.ones((1, 3))
    u, w = smooth_displacement(SHAPE), smooth_displacement(SHAPE, -0.3)
    truth_matrix = np.diag([2.0, 1, 1, 1])
    e = evaluate(
        SHAPE,
        fixed=fixed,
        moving=moving,
        fixed_points=points[0],
        moving_points=points[1],
        moving_mask=moving > 0,
        truth=u,
        truth_matrix=truth_matrix,
        displacement=u,
        inverse=w,
    )
    back = e.inverse()
    assert back.case.fixed is moving and back.case.moving is fixed
    assert back.case.fixed_points is points[1] and back.case.moving_points is points[0]
    assert back.case.fixed_mask is not None and back.case.moving_mask is None
    assert back.case.truth is None
    np.testing.assert_allclose(back.case.truth_matrix, np.diag([0.5, 1, 1, 1]))
    assert back.displacement is w and back.prediction.inverse is u
    assert back.inverse().displacement is u


def test_inverse_of_a_displacement_and_of_a_matrix(evaluate) -> None:
    u = np.zeros((2, 9, 9), dtype=np.float32)
    u[0] = 0.1 * np.indices((9, 9))[0]  # x -> 1.1 x, so back: -x / 11
    inverse = evaluate((9, 9), displacement=u).inverse().displacement
    np.testing.assert_allclose(inverse[0, :, 4], -np.arange(9) / 11, atol=2e-3)
    matrix = np.array([[1.1, 0, 0], [0, 1, 2], [0, 0, 1]])
    back = evaluate((9, 9), matrix=matrix).inverse()
    np.testing.assert_allclose(back.displacement[:, 5, 0], [-5 / 11, -2], atol=1e-6)


def test_jacobian_determinant_of_a_stretch(evaluate) -> None:
    e = evaluate((5, 6, 4), matrix=np.diag([1.5, 0.5, 2, 1]))
    np.testing.assert_allclose(e.jacobian_determinant, 1.5, atol=1e-5)


@pytest.mark.parametrize("name", ["displacement", "inverse", "matrix", "warped"])
def test_refuses_predictions_of_another_shape(evaluate, name: str) -> None:
    with pytest.raises(InputError, match=f"{name} for case a"):
        evaluate(SHAPE, **{name: np.zeros((2, 2))})


def test_refuses_predictions_that_are_not_finite(evaluate) -> None:
    u = np.zeros((3, *SHAPE), dtype=np.float32)
    u[0, 1, 1, 1] = np.nan
    with pytest.raises(InputError, match="finite displacement"):
        evaluate(SHAPE, displacement=u)


def test_a_metric_without_its_arrays_names_itself_and_the_case(evaluate) -> None:
    metrics = discover()
    for name in ("dice", "hd95", "tre", "end_point_error", "corner_displacement", "mse_inside_mask"):
        with pytest.raises(InputError, match=f"metric {name}.*case a"):
            metrics[name](evaluate(SHAPE))


def test_declaring_keeps_the_function_callable_and_checks_the_direction(evaluate) -> None:
    @metric(unit="1", direction="none", range=(0, 1), reference="here")
    def half(evaluation) -> float:
        """A half."""
        return 0.5

    assert half(evaluate(SHAPE)) == 0.5
    assert half.metric.name == "half" and half.__doc__ == "A half."
    with pytest.raises(ValueError, match="direction"):
        metric(unit="1", direction="up", range=(0, 1), reference="here")
