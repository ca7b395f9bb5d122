"""The geodesics of weighted metamorphosis: against closed forms, invariants, a second form of the equations, and each other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from wbir.errors import InputError
from wbir.geometry.derivatives import divergence, gradient
from wbir.geometry.grids import identity_grid
from wbir.geometry.warping import warp
from wbir.registration.metamorphosis import (
    INTEGRATORS,
    Model,
    Weight,
    constant,
    displacements,
    evolving,
    norms_along,
    shoot,
)
from wbir.registration.metamorphosis_momentum import shoot_momentum, transported

Bump = Callable[..., torch.Tensor]


def bump(size: int, place: tuple[float, ...], width: float, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """A Gaussian on the unit square or cube, sampled by `size` points along an axis; `(1, 1, *spatial)`."""
    grid = identity_grid((size,) * len(place), dtype=dtype) / (size - 1)
    centre = torch.tensor(place, dtype=dtype).view(1, -1, *(1,) * len(place))
    return torch.exp(-(grid - centre).square().sum(1, keepdim=True) / (2 * width**2))


def start(
    size: int, dim: int = 2, dtype: torch.dtype = torch.float64
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """An image, a residual and a weight, all zero at the border; the residual so large that the velocity is a few parts of the side."""
    rest = (0.5,) * (dim - 2)
    image = bump(size, (0.45, 0.5, *rest), 0.12, dtype) - 0.5 * bump(size, (0.6, 0.55, *rest), 0.07, dtype)
    residual = bump(size, (0.52, 0.45, *rest), 0.1, dtype) - 0.7 * bump(size, (0.4, 0.55, *rest), 0.08, dtype)
    return image, residual * size**2 / 40, bump(size, (0.5, 0.5, *rest), 0.15, dtype)


def weight_of(kind: str, mask: torch.Tensor) -> Weight:
    return constant(mask if kind == "weighted" else float(kind == "metamorphosis"))


def relative(first: torch.Tensor, second: torch.Tensor, origin: torch.Tensor) -> float:
    return float((first - second).norm() / (second - origin).norm())


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("kind", ["lddmm", "metamorphosis", "weighted"])
def test_the_energy_of_equation_3_is_conserved_and_the_velocity_s_alone_only_for_lddmm(kind: str, dim: int) -> None:
    image, residual, mask = start(32 if dim == 2 else 16, dim)
    rho, mu = (1.0, 1.0) if kind == "lddmm" else (0.3, 0.1)
    weight = weight_of(kind, mask)
    model = Model.of(image, sigma=3.0, rho=rho, mu=mu)
    path = shoot(model, image, residual / (1 if kind == "lddmm" else 3), weight, steps=20, integrator="runge_kutta")
    moving, adding = norms_along(model, path, weight)
    total = (moving + adding)[:, 0]
    assert float((total / total[0] - 1).abs().max()) < 1e-6
    change = float((moving[:, 0] / moving[0, 0] - 1).abs().max())
    assert change < 1e-6 if kind == "lddmm" else change > 1e-3


def test_with_an_evolving_weight_the_energy_changes_by_what_the_weight_s_change_says() -> None:
    """d/dt (||v||^2 + rho <z, M z>) = rho <z, dM/dt z>, from Hamilton's equations."""
    image, residual, mask = start(32)
    model = Model.of(image, sigma=3.0, rho=0.3, mu=0.1)
    weight = evolving(torch.cat([0.2 * mask, mask]))
    path = shoot(model, image, residual / 3, weight, steps=20, integrator="runge_kutta")
    moving, adding = norms_along(model, path, weight)
    total = (moving + adding)[:, 0]
    rate = torch.stack([0.3 * (z.square() * 0.8 * mask).sum() for z in path.residuals])
    gained = torch.cumulative_trapezoid(rate, dx=1 / 20)
    assert float(gained[-1]) > 0.05 * float(total[0])
    torch.testing.assert_close(total[1:] - total[0], gained, rtol=1e-3, atol=0)


@pytest.mark.parametrize("integrator", ["euler", "runge_kutta"])
def test_the_continuity_equation_keeps_the_mass_of_z(integrator: str) -> None:
    image, residual, mask = start(32)
    model = Model.of(image, sigma=3.0, rho=0.3, mu=0.1)
    path = shoot(model, image, residual / 3, constant(mask), steps=10, integrator=integrator)
    assert float((path.residuals[-1] - residual / 3).abs().sum()) > 1e-3
    assert float((path.residuals[-1].sum() - residual.sum() / 3).abs()) < 1e-4 * float(residual.abs().sum())


@pytest.mark.parametrize("integrator", sorted(INTEGRATORS))
def test_without_slopes_intensity_is_added_in_closed_form(integrator: str) -> None:
    image = torch.full((1, 1, 12, 10), 0.4, dtype=torch.float64)
    residual, mask = torch.rand(image.shape, dtype=torch.float64), torch.rand(image.shape, dtype=torch.float64)
    model = Model.of(image, sigma=2.0, rho=1e-12, mu=0.7)  # what grows slopes is not to move
    end = shoot(model, image, residual, constant(mask), steps=5, integrator=integrator)
    torch.testing.assert_close(end.images[-1], image + 0.7 * mask * residual)
    torch.testing.assert_close(end.residuals[-1], residual)


class Drift(Model):
    """A constant velocity of 8 voxels along the first axis."""

    def driven(self, force: torch.Tensor) -> torch.Tensor:
        return torch.tensor([8.0, 0.0], dtype=force.dtype).view(1, 2, 1, 1).expand_as(force)


def test_a_constant_velocity_translates() -> None:
    """By whole voxels a step exactly; on the grid as exactly as its derivatives are."""
    image, residual = bump(64, (0.4, 0.5), 0.08), bump(64, (0.4, 0.45), 0.08)
    model = Drift.of(image, sigma=2.0)
    there = bump(64, (0.4 + 8 / 63, 0.5), 0.08)
    path = shoot(model, image, residual, constant(0.0), steps=8)
    torch.testing.assert_close(path.images[-1], there, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        displacements(model, path)[-1][:, 0, 10:], torch.full((1, 54, 64), -8.0, dtype=torch.float64)
    )
    path = shoot(model, image, residual, constant(0.0), steps=40, integrator="runge_kutta")
    assert relative(path.images[-1], there, image) < 0.02
    assert relative(path.residuals[-1], bump(64, (0.4 + 8 / 63, 0.45), 0.08), residual) < 0.02


def test_m_of_one_is_classical_metamorphosis_and_m_of_zero_lddmm_bit_for_bit() -> None:
    image, residual, _ = start(24, dtype=torch.float32)
    residual = residual / 30
    model = Model.of(image, sigma=3.0, rho=3.0, mu=0.5)
    for weight, added in ((torch.ones_like(image), 1.0), (torch.zeros_like(image), 0.0)):
        i, z = image, residual
        for _ in range(6):  # the classical equations, written out
            velocity = -(3.0 / 0.5) * model.smooth(z * model.gradient(i))
            fetched = model.fetch(torch.cat([i, z], 1), -(1 / 6) * velocity)
            i, z = (
                fetched[:, :1] + ((1 / 6) * 0.5 * z if added else 0.0),
                fetched[:, 1:] - (1 / 6) * z * model.divergence(velocity),
            )
        path = shoot(model, image, residual, constant(weight), steps=6)
        assert torch.equal(path.images[-1], i) and torch.equal(path.residuals[-1], z)


def test_fetching_is_warping_and_the_derivatives_are_the_library_s() -> None:
    for dim in (2, 3):
        image = torch.rand(2, 1, *(9, 8, 7)[:dim], dtype=torch.float64)
        field = 4 * torch.rand(2, dim, *image.shape[2:], dtype=torch.float64) - 2
        model = Model.of(image, sigma=1.0)
        torch.testing.assert_close(model.fetch(image, field), warp(image, field))
        torch.testing.assert_close(model.gradient(image), gradient(image))
        torch.testing.assert_close(model.divergence(field), divergence(field))


def test_the_integrators_meet_at_first_order() -> None:
    """Grid and time step halved together: linear interpolation costs a first-order error that a shorter step alone does not heal."""
    gaps = []
    for size in (40, 80):
        image, residual, mask = start(size)
        model = Model.of(image, sigma=size / 10, rho=0.3, mu=0.1)
        ends = [
            shoot(model, image, residual / 4, constant(mask), steps=size // 4, integrator=name).images[-1]
            for name in ("semi_lagrangian", "euler")
        ]
        gaps.append(relative(ends[0], ends[1], image))
    assert gaps[0] < 0.2
    assert 1.6 < gaps[0] / gaps[1] < 2.6, gaps


@pytest.mark.parametrize("kind", ["lddmm", "metamorphosis", "weighted"])
def test_the_vector_momentum_form_follows_the_scalar_form_at_second_order(kind: str) -> None:
    """EPDiff with the force of the intensity additions has other discrete equations, and no image in them."""
    gaps = []
    for size in (24, 48):
        image, residual, mask = start(size)
        weight = weight_of(kind, mask)
        model = Model.of(image, sigma=size / 10, rho=0.3, mu=0.1)
        scalar = shoot(model, image, residual / 4, weight, steps=12, integrator="runge_kutta")
        images, momenta = shoot_momentum(model, image, residual / 4, weight, steps=12)
        expected = -3.0 * scalar.residuals[-1] * model.gradient(scalar.images[-1])
        gaps.append((relative(images[-1], scalar.images[-1], image), relative(momenta[-1], expected, momenta[0])))
    assert max(gaps[1]) < 0.05
    assert all(coarse / fine > 3 for coarse, fine in zip(*gaps, strict=True)), gaps


def test_epdiff_transports_its_momentum_by_the_coadjoint_action() -> None:
    """Up to the first-order steps of the displacement."""
    gaps = []
    for size in (32, 64):
        image, residual, _ = start(size)
        model = Model.of(image, sigma=size / 10)
        path = shoot(model, image, residual, constant(0.0), steps=size, integrator="runge_kutta")
        _, momenta = shoot_momentum(model, image, residual, constant(0.0), steps=16)
        back = displacements(model, path)[-1]
        assert float(back.abs().max()) > 0.03 * size
        gaps.append(relative(transported(momenta[0], back), momenta[-1], momenta[0]))
    assert gaps[1] < 0.06 and gaps[0] / gaps[1] > 1.6, gaps


@pytest.mark.parametrize("integrator", sorted(INTEGRATORS))
def test_a_volume_is_followed_as_an_image_is(integrator: str) -> None:
    """A 3D image that does not change along its last axis moves as the 2D one, away from the ends."""
    image, residual, mask = (a.float() for a in start(20))
    deep = [a.unsqueeze(-1).expand(*a.shape, 25).contiguous() for a in (image, residual / 40, mask)]
    flat = shoot(Model.of(image, sigma=2.0), image, residual / 40, constant(mask), steps=4, integrator=integrator)
    thick = shoot(Model.of(deep[0], sigma=2.0), deep[0], deep[1], constant(deep[2]), steps=4, integrator=integrator)
    assert relative(flat.images[-1], flat.images[0], torch.zeros_like(image)) > 0.01
    torch.testing.assert_close(thick.images[-1][..., 12], flat.images[-1], atol=1e-5, rtol=1e-4)


def test_bad_parameters_are_refused() -> None:
    image = torch.zeros(1, 1, 8, 8)
    for wrong in ({"sigma": 0.0}, {"sigma": 1.0, "mu": 0.0}, {"sigma": 1.0, "rho": -1.0}):
        with pytest.raises(InputError):
            Model.of(image, **wrong)
    with pytest.raises(InputError, match="integrator"):
        shoot(Model.of(image, sigma=1.0), image, image, constant(1.0), steps=2, integrator="leapfrog")
