"""derivatives.py and jacobians.py against numpy, closed forms and invariants."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from wbir.errors import InputError
from wbir.geometry.derivatives import curl, divergence, gradient, laplacian
from wbir.geometry.grids import identity_grid
from wbir.geometry.jacobians import (
    folding_fraction,
    folding_mask,
    jacobian,
    jacobian_determinant,
    sd_log_jacobian,
)
from wbir.geometry.rigid import matrix_displacement

SHAPES = [(6, 7), (5, 6, 4)]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def without_border(x: torch.Tensor) -> torch.Tensor:
    """The same tensor with zero border voxels."""
    inside = torch.zeros_like(x)
    index = (slice(None), slice(None), *(slice(1, -1),) * (x.ndim - 2))
    inside[index] = x[index]
    return inside


@pytest.mark.parametrize("shape", [*SHAPES, (2, 3), (2, 2, 2)])
def test_gradient_is_numpy_gradient(shape: tuple[int, ...]) -> None:
    image = noise(2, 3, *shape)
    ours, dim = gradient(image), len(shape)
    assert ours.shape == (2, 3 * dim, *shape)
    for channel in range(3):
        reference = np.stack(np.gradient(image[1, channel].numpy()))
        np.testing.assert_allclose(ours[1, channel * dim : (channel + 1) * dim].numpy(), reference, atol=1e-14)


def test_gradient_along_an_axis_of_one_voxel_is_zero() -> None:
    assert gradient(noise(1, 1, 1, 5))[:, 0].abs().max() == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_divergence_is_the_negative_adjoint_of_gradient(shape: tuple[int, ...]) -> None:
    image = without_border(noise(1, 1, *shape))
    field = without_border(noise(1, len(shape), *shape, seed=1))
    left, right = (gradient(image) * field).sum(), -(image * divergence(field)).sum()
    assert abs(left) > 0.1
    torch.testing.assert_close(left, right)


@pytest.mark.parametrize("shape", SHAPES)
def test_divergence_and_curl_of_a_linear_field(shape: tuple[int, ...]) -> None:
    dim = len(shape)
    linear = noise(dim, dim, seed=4)
    field = torch.einsum("ij,bj...->bi...", linear, identity_grid(shape, dtype=torch.float64))
    torch.testing.assert_close(divergence(field), linear.trace().expand(1, 1, *shape))
    pairs = [(0, 1)] if dim == 2 else [(1, 2), (2, 0), (0, 1)]
    expected = torch.stack([linear[b, a] - linear[a, b] for a, b in pairs]).view(1, -1, *(1,) * dim)
    torch.testing.assert_close(curl(field), expected.expand(1, len(pairs), *shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_curl_of_gradient_and_divergence_of_curl_vanish(shape: tuple[int, ...]) -> None:
    # differences along two axes commute, borders included
    assert curl(gradient(noise(1, 1, *shape))).abs().max() < 1e-12
    if len(shape) == 3:
        assert divergence(curl(noise(1, 3, *shape))).abs().max() < 1e-12


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("boundary", "pad"), [("replicate", "edge"), ("zeros", "constant")])
def test_laplacian_is_the_compact_stencil(shape: tuple[int, ...], boundary: str, pad: str) -> None:
    x = noise(1, 2, *shape)
    ours = laplacian(x, boundary=boundary)[0, 1].numpy()
    padded = np.pad(x[0, 1].numpy(), 1, mode=pad)  # type: ignore[call-overload]
    inside = (slice(1, -1),) * len(shape)
    expected = -2 * len(shape) * padded[inside]
    for axis in range(len(shape)):
        expected = expected + np.roll(padded, 1, axis)[inside] + np.roll(padded, -1, axis)[inside]
    np.testing.assert_allclose(ours, expected, atol=1e-13)


def test_laplacian_refuses_another_boundary() -> None:
    with pytest.raises(InputError, match="boundary"):
        laplacian(torch.zeros(1, 1, 4, 4), boundary="periodic")


@pytest.mark.parametrize("shape", SHAPES)
def test_jacobian_of_an_affine_map_is_its_matrix_everywhere(shape: tuple[int, ...]) -> None:
    dim = len(shape)
    matrix = torch.eye(dim + 1, dtype=torch.float64)
    matrix[:dim] += 0.3 * noise(dim, dim + 1, seed=2)
    u = matrix_displacement(matrix, shape)
    expected = matrix[:dim, :dim].reshape(1, dim, dim, *(1,) * dim).expand(1, dim, dim, *shape)
    torch.testing.assert_close(jacobian(u), expected)
    torch.testing.assert_close(jacobian_determinant(u), torch.det(matrix).expand(1, *shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_determinant_is_that_of_the_jacobian(shape: tuple[int, ...]) -> None:
    u = noise(2, len(shape), *shape)
    moved = jacobian(u).movedim((1, 2), (-2, -1))
    torch.testing.assert_close(jacobian_determinant(u), torch.linalg.det(moved))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_fully_folded_field_reports_all_voxels(shape: tuple[int, ...]) -> None:
    # the map x -> -x along the first axis: determinant -1 at every voxel, which a shift by +3 would hide
    u = torch.zeros(1, len(shape), *shape, dtype=torch.float64)
    u[:, 0] = -2 * identity_grid(shape, dtype=torch.float64)[:, 0]
    torch.testing.assert_close(jacobian_determinant(u), torch.full((1, *shape), -1.0, dtype=torch.float64))
    assert folding_mask(u).all()
    assert folding_fraction(u).tolist() == [1.0]
    assert folding_fraction(torch.zeros_like(u)).tolist() == [0.0]


def test_folding_counts_zero_and_not_a_number() -> None:
    u = torch.zeros(1, 2, 5, 5, dtype=torch.float64)
    u[:, 0] = -identity_grid((5, 5), dtype=torch.float64)[:, 0]  # everything on one line: determinant 0
    assert folding_fraction(u).tolist() == [1.0]
    broken = torch.zeros(1, 2, 5, 5)
    broken[0, 0, 2, 2] = float("nan")
    assert folding_mask(broken).sum() > 0


def test_folding_within_a_mask() -> None:
    u = torch.zeros(1, 2, 8, 4, dtype=torch.float64)
    u[:, 0, 4:] = -3 * identity_grid((4, 4), dtype=torch.float64)[:, 0]
    mask = torch.zeros(1, 8, 4, dtype=torch.bool)
    mask[:, 5:] = True
    assert folding_fraction(u, mask).tolist() == [1.0]
    assert folding_fraction(u, ~mask).item() < 0.5


def test_sd_log_jacobian_of_a_stretch_in_two_halves() -> None:
    # det = 2 in the first half and 1/2 in the second: log 2 and -log 2, so the deviation is log 2
    shape = (40, 4)
    slope = torch.where(torch.arange(40) < 20, 1.0, -0.5).double()
    u = torch.zeros(1, 2, *shape, dtype=torch.float64)
    u[:, 0] = torch.cumsum(slope, 0).view(1, -1, 1)
    mask = torch.ones(1, *shape, dtype=torch.bool)
    mask[:, 18:22] = False  # where central differences see both halves
    torch.testing.assert_close(sd_log_jacobian(u, mask), torch.tensor([math.log(2)], dtype=torch.float64))
    assert sd_log_jacobian(torch.zeros_like(u)).item() == 0


def test_sd_log_jacobian_clips_after_the_count() -> None:
    u = torch.zeros(2, 2, 6, 6, dtype=torch.float64)
    u[1, 0] = -2 * identity_grid((6, 6), dtype=torch.float64)[0, 0]
    u[1, 0, :3] = 0
    spread = sd_log_jacobian(u)
    assert torch.isfinite(spread).all()
    assert spread[0] == 0
    assert spread[1] > 5  # log of the floor against log of about 1
    assert folding_fraction(u)[1] > 0.4


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 3)])
def test_gradients(shape: tuple[int, ...]) -> None:
    u = noise(1, len(shape), *shape).requires_grad_()
    for function in (gradient, divergence, curl, laplacian, jacobian, jacobian_determinant):
        assert torch.autograd.gradcheck(function, (u,))
    assert torch.autograd.gradcheck(lambda x: laplacian(x, boundary="zeros"), (u,))
    assert torch.autograd.gradcheck(sd_log_jacobian, ((0.1 * u.detach()).requires_grad_(),))
