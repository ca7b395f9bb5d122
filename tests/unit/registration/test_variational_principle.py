"""The variational principle: operators, gradients, both strategies, the inverse."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from wbir.cases import Case
from wbir.discovery import describe
from wbir.errors import InputError
from wbir.geometry.derivatives import laplacian
from wbir.geometry.flows import compose, exponential, invert
from wbir.geometry.frames import Frame
from wbir.geometry.grids import identity_grid
from wbir.geometry.jacobians import jacobian_determinant
from wbir.geometry.kernels import gaussian_smooth
from wbir.geometry.warping import warp
from wbir.methods import variational_principle, vp_gradient_check
from wbir.registration.variational_guard import smallest_determinant, with_barrier
from wbir.registration.variational_inverse import invert_by_variational_principle, newton_inverse
from wbir.registration.variational_principle import (
    adjoint,
    clamped,
    control_gradient,
    control_of,
    displacement_of,
    enlarged,
    forcing,
    initial_control,
)
from wbir.registration.variational_registration import (
    Keeping,
    behind,
    image_difference,
    register_multiresolution,
    register_regridding,
    stages,
)
from wbir.registration.variational_search import Search

SHAPES = [(20, 17), (12, 10, 11)]
J_MIN = 0.5


def noise(shape: tuple[int, ...], channels: int, seed: int, sigma: float = 2.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    smooth = gaussian_smooth(torch.randn((1, channels, *shape), generator=generator, dtype=torch.float64), sigma)
    return smooth / smooth.std()


def wavy_control(shape: tuple[int, ...], seed: int, strength: float = 0.1) -> torch.Tensor:
    control = initial_control(shape, J_MIN, like=torch.zeros(1, dtype=torch.float64))
    return control + strength * noise(tuple(control.shape[2:]), control.shape[1], seed)


def disc(shape: tuple[int, ...], centre: tuple[float, ...], radius: tuple[float, ...]) -> torch.Tensor:
    """An ellipse or ellipsoid whose edge falls over about two voxels."""
    points = identity_grid(shape, dtype=torch.float64)
    sides = (1, len(shape), *(1,) * len(shape))
    away = (
        ((points - torch.tensor(centre).view(sides)) / torch.tensor(radius).view(sides)).square().sum(1, keepdim=True)
    )
    return torch.sigmoid(2 * min(radius) * (1 - away.sqrt()))


def smooth_diffeomorphism(shape: tuple[int, ...], largest: float, seed: int = 4) -> torch.Tensor:
    velocity = clamped(noise(shape, len(shape), seed, 4.0))
    window = torch.ones_like(velocity[:, :1])
    for axis, n in enumerate(shape):
        wave = torch.sin(torch.linspace(0, math.pi, n, dtype=torch.float64))
        window = window * wave.view(*(-1 if a == axis + 2 else 1 for a in range(len(shape) + 2)))
    velocity = velocity * window
    return clamped(exponential(velocity * (largest / velocity.abs().max())))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_displacement_solves_the_poisson_equation(shape):
    control = wavy_control(shape, 1)
    u = displacement_of(control, J_MIN)
    torch.testing.assert_close(clamped(laplacian(u)), forcing(control, J_MIN))
    torch.testing.assert_close(u, clamped(u))
    assert float(displacement_of(initial_control(shape, J_MIN, like=u), J_MIN).abs().max()) < 1e-12


def test_the_source_is_grad_f_minus_curl_g_in_closed_form():
    shape, k = (40, 36), 0.15
    x, y = identity_grid(tuple(n - 1 for n in shape), dtype=torch.float64)[0] + 0.5
    f_hat, g = 0.7 + 0.2 * torch.sin(k * x), torch.cos(k * x + 2 * k * y)
    found = forcing(torch.stack([f_hat, g])[None], J_MIN)[0, :, 1:-1, 1:-1]
    x, y = identity_grid(shape, dtype=torch.float64)[0][:, 1:-1, 1:-1]
    slope_f = 2 * (0.7 + 0.2 * torch.sin(k * x)) * 0.2 * k * torch.cos(k * x)
    sine = torch.sin(k * x + 2 * k * y)
    expected = torch.stack([slope_f + 2 * k * sine, -k * sine])  # f_x - g_y, g_x
    assert float((found - expected).abs().max()) < 0.01 * float(expected.abs().max())


@pytest.mark.parametrize("shape", SHAPES)
def test_the_formulas_are_the_gradient_of_the_discrete_loss(shape):
    fixed, moving = noise(shape, 1, 2), noise(shape, 1, 3)
    objective = image_difference(fixed, moving, "cubic")
    control = wavy_control(shape, 5)
    b = adjoint(objective(displacement_of(control, J_MIN))[1])
    gradient, way = control_gradient(control, b), noise(tuple(n - 1 for n in shape), control.shape[1], 6)
    for channels in (slice(0, 1), slice(1, None)):
        along, step = torch.zeros_like(way), 1e-4
        along[:, channels] = way[:, channels]
        ahead, behind_it = (objective(displacement_of(control + s * along, J_MIN))[0] for s in (step, -step))
        assert float((gradient * along).sum()) == pytest.approx((ahead - behind_it) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_barrier_and_composition_have_the_derivative_of_their_loss(shape):
    outer = smooth_diffeomorphism(shape, 1.5)
    difference = image_difference(noise(shape, 1, 2), noise(shape, 1, 3), "cubic")
    objective = behind(outer, with_barrier(difference, 0.7, 0.05, 0.2))
    u, way = smooth_diffeomorphism(shape, 0.8, 8), clamped(noise(shape, len(shape), 9))
    ahead, behind_it = (objective(u + s * 1e-4 * way)[0] for s in (1, -1))
    assert math.isfinite(ahead)
    assert float((objective(u)[1] * way).sum()) == pytest.approx((ahead - behind_it) / 2e-4, rel=1e-5)
    assert objective(50 * way)[0] == math.inf


@pytest.mark.parametrize("shape", SHAPES)
def test_a_control_is_read_back_from_its_displacement(shape):
    finer = tuple(2 * n for n in shape)
    u = smooth_diffeomorphism(finer, 2.0)
    again = displacement_of(control_of(u, J_MIN), J_MIN)
    assert float((again - u).abs().max()) < 0.1 * float(u.abs().max())
    coarse = smooth_diffeomorphism(shape, 1.0)
    ratio = torch.tensor([(a - 1) / (b - 1) for a, b in zip(finer, shape, strict=True)], dtype=torch.float64)
    large = enlarged(coarse, finer)
    peak = (coarse * ratio.view(1, -1, *(1,) * len(shape))).abs().max()
    assert float(large.abs().max()) == pytest.approx(float(peak), rel=0.25)


def moved(shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    middle = [(n - 1) / 2 for n in shape]
    fixed = disc(shape, tuple(m + 1.5 for m in middle), tuple(0.25 * n for n in shape))
    moving = disc(shape, tuple(m - 1.5 for m in middle), tuple(0.33 * n if a else 0.2 * n for a, n in enumerate(shape)))
    return fixed, moving


@pytest.mark.parametrize("shape", [(36, 32), (18, 16, 16)])
@pytest.mark.parametrize(("barrier", "ratio"), [(0.5, 0.2), (0.0, 0.6)])  # bare, the search ends at the floor
def test_multiresolution_registers_without_folds(shape, barrier, ratio):
    fixed, moving = moved(shape)
    plan, keeping = stages(shape, 2, 1.0, barrier), Keeping(0.1, 0.2)
    found = register_multiresolution(fixed, moving, Search(J_MIN, 25, 1e-3), plan, keeping)
    assert loss_ratio(fixed, moving, found.displacement) < ratio
    assert float(jacobian_determinant(found.displacement).min()) > 0.1
    assert smallest_determinant(found.displacement) > 0.1


@pytest.mark.parametrize("shape", [(36, 32), (18, 16, 16)])
def test_regridding_registers_without_folds(shape):
    fixed, moving = moved(shape)
    plan, keeping = stages(shape, 1, 1.0, 0.5), Keeping(0.1, 0.2)
    search = Search(J_MIN, 8, 1e-3)
    found = register_regridding(fixed, moving, search, plan, keeping, piece_floor=0.5, pieces=2)
    assert found.pieces > 1
    assert loss_ratio(fixed, moving, found.displacement) < 0.15
    assert smallest_determinant(found.displacement) > 0.1


def loss_ratio(fixed: torch.Tensor, moving: torch.Tensor, displacement: torch.Tensor) -> float:
    return float((warp(moving, displacement) - fixed).square().sum() / (moving - fixed).square().sum())


@pytest.mark.parametrize("shape", [(36, 32), (18, 16, 16)])
def test_the_inverse_by_the_variational_principle_is_the_inverse(shape):
    u = smooth_diffeomorphism(shape, 3.0)
    truth = invert(u, iterations=300, tolerance=1e-8)
    assert float(truth.abs().max()) > 2.0
    torch.testing.assert_close(newton_inverse(u), truth, atol=5e-4, rtol=0)
    coarse = tuple(n // 2 for n in shape)
    found = invert_by_variational_principle(u, Search(J_MIN, 100, 1e-4), [coarse, shape]).displacement
    assert float((found - truth).abs().max()) < 0.05
    left, left_by_truth = (float(compose(w, u).abs().max()) for w in (found, truth))  # linear interpolation leaves some
    assert left < left_by_truth + 0.1


def test_newton_inverts_where_the_fixed_point_is_slow():
    u = smooth_diffeomorphism((48, 44), 12.0, seed=6)
    assert 0 < float(jacobian_determinant(u).min()) < 0.1
    assert float(compose(u, invert(u)).abs().max()) > 0.1
    assert float(compose(u, newton_inverse(u)).abs().max()) < 1e-5


@pytest.mark.parametrize("dim", [2, 3])
def test_the_gradient_check_reads_small_errors(dim):
    shape = SHAPES[dim - 2]
    images = [noise(shape, 1, seed, 1.0)[0, 0].numpy().astype(np.float32) for seed in (1, 2)]
    options = describe("methods", "vp_gradient_check")["parameters"]
    prediction = vp_gradient_check.predict(Case("pair", Frame.of(shape), *images), seed=0, **options)
    errors = {reading.label: reading.value for reading in prediction.readings}
    assert set(errors) == {"F", "fhat", "g"}
    assert max(errors.values()) < 1e-6


def test_the_gradient_check_would_see_a_wrong_sign(monkeypatch):
    monkeypatch.setattr("wbir.registration.variational_principle.adjoint", lambda slope: -adjoint(slope))
    images = [noise((20, 17), 1, seed)[0, 0].numpy().astype(np.float32) for seed in (1, 2)]
    options = describe("methods", "vp_gradient_check")["parameters"]
    prediction = vp_gradient_check.predict(Case("pair", Frame.of((20, 17)), *images), seed=0, **options)
    assert min(reading.value for reading in prediction.readings) > 1


def test_the_method_reports_its_inverse_and_refuses_what_it_does_not_know():
    fixed, moving = (image[0, 0].numpy().astype(np.float32) for image in moved((32, 28)))
    case = Case("pair", Frame.of((32, 28)), fixed, moving)
    spec = describe("methods", "variational_principle")
    options = {**spec["parameters"], **spec["tiny"], "inverse_iterations": 60}
    prediction = variational_principle.predict(case, seed=0, **options)
    readings = {reading.metric: reading.value for reading in prediction.readings}
    u, w = (torch.from_numpy(a)[None].double() for a in (prediction.displacement, prediction.inverse))
    error = compose(w, u).square().sum(1).sqrt()
    assert readings["composition_error_max"] == pytest.approx(float(error.max()), abs=1e-4)
    assert readings["composition_error_mean"] < 0.05
    before, after = (float((image - torch.from_numpy(moving)).square().sum()) for image in (
        torch.from_numpy(fixed), warp(torch.from_numpy(fixed)[None, None].double(), w)[0, 0]))  # fmt: skip
    assert after < 0.5 * before
    with pytest.raises(InputError, match="multiresolution or regridding"):
        variational_principle.predict(case, seed=0, **{**options, "strategy": "luck"})
    with pytest.raises(InputError, match="J_min"):
        variational_principle.predict(case, seed=0, **{**options, "j_min": 1.0})
