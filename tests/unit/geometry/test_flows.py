"""flows.py: composition, inversion and exponential against closed forms."""

from __future__ import annotations

import pytest
import torch
from scipy.linalg import expm

from wbir.errors import InputError
from wbir.geometry.flows import compose, exponential, invert
from wbir.geometry.grids import identity_grid
from wbir.geometry.jacobians import folding_mask, jacobian
from wbir.geometry.rigid import compose_matrices, matrix_displacement
from wbir.geometry.warping import warp


def bump(shape: tuple[int, ...], height: float) -> torch.Tensor:
    """A smooth displacement that vanishes at the border, `(1, dim, *shape)`, double precision."""
    grid = identity_grid(shape, dtype=torch.float64)
    sizes = torch.tensor(shape, dtype=torch.float64).view(1, -1, *(1,) * len(shape))
    window = torch.sin(torch.pi * grid / (sizes - 1)).prod(1, keepdim=True) ** 2
    directions = torch.linspace(1.0, -0.5, len(shape), dtype=torch.float64).view_as(sizes)
    return height * window * directions


def interior(x: torch.Tensor, width: int) -> torch.Tensor:
    return x[(slice(None), slice(None), *(slice(width, -width),) * (x.ndim - 2))]


def affine(shape: tuple[int, ...], scale: float, seed: int) -> torch.Tensor:
    """A small random affine velocity about the grid's centre as a homogeneous generator (last row zero)."""
    dim = len(shape)
    generator = torch.Generator().manual_seed(seed)
    linear = scale * torch.randn(dim, dim, generator=generator, dtype=torch.float64)
    centre = (torch.tensor(shape, dtype=torch.float64) - 1) / 2
    velocity = torch.zeros(dim + 1, dim + 1, dtype=torch.float64)
    velocity[:dim, :dim], velocity[:dim, dim] = linear, -linear @ centre
    return velocity


@pytest.mark.parametrize("shape", [(24, 21), (15, 14, 16)])
def test_exponential_of_an_affine_velocity_is_the_matrix_exponential(shape: tuple[int, ...]) -> None:
    generator = affine(shape, 0.08, seed=0)
    eye = torch.eye(len(shape) + 1, dtype=torch.float64)
    velocity = matrix_displacement(eye + generator, shape)
    truth = matrix_displacement(torch.from_numpy(expm(generator.numpy())), shape)
    difference = interior(velocity - truth, 4).abs().max()
    assert difference > 0.04  # the exponential is not the velocity
    for squarings in (4, 7, 12):  # (1 + A/N)^N: the error of one step, A^2 / 2, falls with N = 2^squarings
        error = interior(exponential(velocity, squarings=squarings) - truth, 4).abs().max()
        assert error < 1.5 * difference / 2**squarings


def test_exponential_of_a_constant_velocity_is_itself() -> None:
    velocity = torch.tensor([1.5, -0.5]).view(1, 2, 1, 1).expand(1, 2, 9, 8)
    torch.testing.assert_close(exponential(velocity), velocity)


@pytest.mark.parametrize("shape", [(32, 30), (20, 18, 16)])
def test_exponentials_of_opposite_velocities_are_inverse(shape: tuple[int, ...]) -> None:
    velocity = bump(shape, 2.0)
    residual = compose(exponential(velocity), exponential(-velocity))
    assert residual.abs().max() < 0.06
    assert exponential(velocity).abs().max() > 1.5


@pytest.mark.parametrize("shape", [(32, 30), (32, 30, 28)])
def test_compose_with_inverse_is_identity_on_both_sides(shape: tuple[int, ...]) -> None:
    u = bump(shape, 2.0)
    w = invert(u, tolerance=1e-8)
    assert compose(u, w).abs().max() < 1e-6  # what the fixed point solves
    assert compose(w, u).abs().max() < 0.05  # up to the interpolation of w
    assert w.abs().max() > 1.5


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
def test_invert_keeps_its_tolerance(tolerance: float) -> None:
    u = bump((32, 30), 2.0)
    missed = compose(u, invert(u, tolerance=tolerance)).abs().max()
    assert 1e-4 * tolerance < missed < tolerance  # reached, and stopped soon after


def test_invert_of_a_large_diffeomorphism_that_the_plain_fixed_point_cannot_invert() -> None:
    u = exponential(bump((32, 30), 9.0))
    slopes = jacobian(u)[0].movedim((0, 1), (-2, -1)) - torch.eye(2, dtype=torch.float64)
    assert torch.linalg.matrix_norm(slopes, 2).max() > 1.5  # no contraction
    assert not folding_mask(u).any()
    plain = -u
    for _ in range(50):
        plain = -warp(u, plain)
    assert compose(u, plain).abs().max() > 0.5
    assert compose(u, invert(u)).abs().max() < 1e-3


def test_compose_of_affine_maps_is_the_matrix_product() -> None:
    shape = (16, 17)
    eye = torch.eye(3, dtype=torch.float64)
    a, b = (eye + affine(shape, 0.05, seed) for seed in (1, 2))
    ours = compose(matrix_displacement(a, shape), matrix_displacement(b, shape))
    truth = matrix_displacement(compose_matrices(a, b), shape)
    torch.testing.assert_close(interior(ours, 3), interior(truth, 3))


def test_warping_twice_is_warping_by_the_composition() -> None:
    grid = identity_grid((20, 20), dtype=torch.float64)
    image = 3 * grid[:, :1] - 2 * grid[:, 1:]  # linear: read without interpolation error
    u, v = bump((20, 20), 1.0), bump((20, 20), -1.5).flip(1)
    torch.testing.assert_close(warp(warp(image, u), v), warp(image, compose(u, v)), atol=0.1, rtol=0)
    assert (warp(warp(image, v), u) - warp(image, compose(u, v))).abs().max() > 0.2  # the order matters


def test_batches_are_independent() -> None:
    fields = torch.cat([bump((12, 11), h) for h in (0.5, 1.0, -1.0)])
    for function in (exponential, lambda u: invert(u, iterations=4, tolerance=0.0), lambda u: compose(u, 0.5 * u)):
        torch.testing.assert_close(function(fields), torch.cat([function(f[None]) for f in fields]))


def test_gradients() -> None:
    u = (bump((5, 6), 0.7) + 0.21).requires_grad_()
    v = (bump((5, 6), -0.4) + 0.13).requires_grad_()
    assert torch.autograd.gradcheck(compose, (u, v))
    assert torch.autograd.gradcheck(lambda x: exponential(x, squarings=3), (u,))
    assert torch.autograd.gradcheck(lambda x: invert(x, iterations=3, tolerance=0.0), (u,))


@pytest.mark.parametrize("function", [exponential, invert, lambda u: compose(u, u)])
def test_a_field_with_other_channels_is_refused(function) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="expected"):
        function(torch.zeros(1, 3, 8, 8))
