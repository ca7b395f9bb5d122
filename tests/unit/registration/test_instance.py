"""Instance optimisation: every link against its transpose or finite differences, the splines against SciPy, a whole run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from wbir.errors import InputError
from wbir.geometry.flows import compose, exponential
from wbir.geometry.kernels import gaussian_smooth
from wbir.geometry.warping import warp
from wbir.registration.instance import Level, Settings, exponentials, optimise, unit_range
from wbir.registration.instance_flow import Flow
from wbir.registration.instance_models import DenseModel, SplineModel
from wbir.registration.instance_splines import refinement_matrix, synthesis_matrix, upsampling_matrix

SHAPE = (22, 26, 20)


def random(*shape: int, seed: int = 0, sigma: float = 0.0) -> torch.Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return gaussian_smooth(values, sigma) if sigma else values


def images(shape: tuple[int, ...] = SHAPE) -> tuple[torch.Tensor, torch.Tensor]:
    """A random texture and the same under a smooth displacement of up to two voxels."""
    fixed = random(1, 1, *shape, seed=1, sigma=1.5)
    velocity = random(1, len(shape), *shape, seed=2, sigma=4.0)
    moving = warp(fixed, exponential(velocity * (2.0 / velocity.abs().max())))
    return unit_range(fixed), unit_range(moving)


def settings(**changes: object) -> Settings:
    chosen = {"grid": "bspline", "factors": (2, 1), "iterations": (15, 10), "spacing": 3.0, "sigma": 1.5, "lattice": 2}
    chosen |= {"step": 0.25, "bending": 1e-3, "window": 5, "squarings": 4}
    return Settings(**{**chosen, **changes})  # type: ignore[arg-type]


def test_the_spline_is_scipys() -> None:
    size, spacing = 23, 3.5
    matrix = synthesis_matrix(size, size, spacing).numpy()
    knots = (np.arange(matrix.shape[1] + 4) - 3) * spacing
    expected = [BSpline(knots, row, 3)(np.arange(size)) for row in np.eye(matrix.shape[1])]
    np.testing.assert_allclose(matrix, np.transpose(expected), atol=1e-12)


@pytest.mark.parametrize("spacing", [2.0, 3.0, 5.0, 8.0])
@pytest.mark.parametrize("size", [9, 20, 33])
def test_refinement_keeps_the_spline(size: int, spacing: float) -> None:
    coarse = synthesis_matrix(size, size, spacing)
    fine = synthesis_matrix(size, size, spacing / 2) @ refinement_matrix(size, spacing)
    np.testing.assert_allclose(fine, coarse, atol=1e-12)


def test_cubic_reading_is_exact_for_parabolas_inside_and_keeps_the_corners() -> None:
    matrix = upsampling_matrix(21, 11)
    line = torch.arange(11, dtype=torch.float64)
    read = matrix @ (0.5 * line.square() - line)
    places = torch.arange(21, dtype=torch.float64) / 2
    np.testing.assert_allclose(read[2:-2], (0.5 * places.square() - places)[2:-2], atol=1e-12)
    np.testing.assert_allclose(read[[0, -1]], [0, 40], atol=1e-12)
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-12)


@pytest.mark.parametrize(
    "model", [SplineModel(SHAPE, (11, 13, 10), 3.0), DenseModel((11, 13, 10), 1.5)], ids=["spline", "dense"]
)
def test_a_models_pull_is_the_transpose_of_what_it_does_to_a_step(model: SplineModel | DenseModel) -> None:
    step, gradient = random(*model.start(None).shape, seed=3), random(1, 3, 11, 13, 10, seed=4)
    forth = (model.velocity(model.direct(step)) * gradient).sum()
    back = (step * model.pull(gradient, torch.zeros_like(step))).sum()
    assert float(back) == pytest.approx(float(forth), rel=1e-4)


def test_the_flow_is_the_exponential_and_its_adjoint_the_derivative() -> None:
    shape = (12, 10, 11)
    velocity = 4 * random(1, 3, *shape, seed=5, sigma=1.5)
    flow = Flow(shape, 5)
    np.testing.assert_allclose(flow.forward(velocity), exponential(velocity, squarings=5), atol=1e-4)
    weights, direction = random(1, 3, *shape, seed=6, sigma=1.0), random(1, 3, *shape, seed=7, sigma=1.0)
    flow.forward(velocity)
    exact = float((flow.adjoint(weights.clone()).double() * direction).sum())
    graph = velocity.double().requires_grad_(True)
    (reference,) = torch.autograd.grad((exponential(graph, squarings=5) * weights).sum(), graph)
    assert exact == pytest.approx(float((reference * direction).sum()), rel=1e-4)
    assert abs(exact / float((weights.double() * direction).sum()) - 1) > 0.01, "the first-order gradient is another"


@pytest.mark.parametrize("grid", ["bspline", "dense"])
@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("shape", [SHAPE, (1, 40, 36)], ids=["3D", "2D"])
def test_the_energys_gradient_is_its_finite_difference(grid: str, factor: int, shape: tuple[int, int, int]) -> None:
    level = Level(*images(shape), factor, settings(grid=grid, bending=0.05))
    state = level.model.direct(random(*level.model.start(None).shape, seed=8))
    state *= 0.6 / state.std()  # linear interpolation has kinks at whole voxels: away from them
    if shape[0] == 1:
        state[:, 0] = 0
    _, gradient = level.energy(state)
    step = random(*state.shape, seed=9).abs() * gradient / gradient.std()  # random weights, but no cancellation
    change, h = level.model.direct(step), 3e-3
    difference = (level.energy(state + h * change)[0] - level.energy(state - h * change)[0]) / (2 * h)
    assert float((gradient * step).sum()) == pytest.approx(difference, rel=0.02)


@pytest.mark.parametrize("grid", ["bspline", "dense"])
@pytest.mark.parametrize("shape", [(28, 30, 26), (48, 44)], ids=["3D", "2D"])
def test_a_known_displacement_is_found_and_inverted(
    grid: str, shape: tuple[int, ...], known_pair: Callable[..., Any]
) -> None:
    fixed, moving, velocity = known_pair(shape, 2.5)
    truth = exponential(velocity)
    found, energies = optimise(unit_range(fixed), unit_range(moving), settings(grid=grid))
    forward, backward = exponentials(found)
    inside = (0, slice(None), *(slice(4, -4),) * len(shape))
    errors = [float((u - truth)[inside].square().sum(0).sqrt().mean()) for u in (0 * truth, forward)]
    assert errors[1] < 0.25 * errors[0] and all(0 < energy < 1 for energy in energies)
    assert float(compose(forward, backward)[inside].abs().max()) < 0.1


def test_threads_change_no_byte_and_stay_as_they_were() -> None:
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(optimise(*images(), settings(iterations=(3, 2)))[0])
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(*found)


def test_no_iteration_moves_nothing() -> None:
    velocity, energies = optimise(*images(), settings(iterations=(0, 0)))
    assert not velocity.any() and all(map(math.isnan, energies))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"grid": "fourier"}, "a grid of"),
        ({"iterations": (5,)}, "same levels"),
        ({"factors": (4, 1)}, "stay or halve"),
        ({"spacing": 0.0}, "positive spacing"),
    ],
)
def test_unfit_settings_are_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        settings(**changes)


def test_a_constant_image_is_refused() -> None:
    with pytest.raises(InputError, match="not constant"):
        unit_range(torch.ones(1, 1, 4, 4, 4))
