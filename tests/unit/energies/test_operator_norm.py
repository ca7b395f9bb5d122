"""The LDDMM norm: closed form on periodic sines, by hand, its units, its errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from wbir.energies.operator_norm import operator_norm
from wbir.errors import InputError


def sine(shape: tuple[int, ...], waves: tuple[int, ...]) -> torch.Tensor:
    """Component 0 is a product of sines, whole waves along each axis, of the voxels that lie inside by two."""
    inner = [n - 4 for n in shape]
    steps = [torch.arange(n, dtype=torch.float64) for n in shape]
    axes = [torch.sin(2 * math.pi * k * x / m) for k, x, m in zip(waves, steps, inner, strict=True)]
    product = axes[0]
    for axis in axes[1:]:
        product = product[..., None] * axis
    field = torch.zeros(1, len(shape), *shape, dtype=torch.float64)
    field[0, 0] = product
    return field


@pytest.mark.parametrize(("shape", "waves"), [((20, 24), (2, 3)), ((12, 14, 16), (1, 2, 1))])
@pytest.mark.parametrize("beta", [1, 2])
def test_a_sine_is_an_eigenfunction(shape: tuple[int, ...], waves: tuple[int, ...], beta: int) -> None:
    """The stencil multiplies a wave of k per m voxels by `alpha sum 2 (1 - cos(2 pi k / m)) + gamma`."""
    alpha, gamma = 0.3, 0.07
    field = sine(shape, waves)
    symbol = gamma + alpha * sum(2 - 2 * math.cos(2 * math.pi * k / (n - 4)) for k, n in zip(waves, shape, strict=True))
    cut = 2 - beta  # so that whole waves are inside after beta stencils
    part = field[(..., *(slice(cut, n - cut) for n in shape))]
    expected = symbol ** (2 * beta) * 0.5 ** len(shape) * part[0, 0].numel()
    assert operator_norm(part, alpha=alpha, gamma=gamma, beta=beta).item() == pytest.approx(expected, rel=1e-9)


def test_it_agrees_with_scipys_laplacian() -> None:
    field = torch.randn(2, 3, 9, 8, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    array = field.numpy()
    for _ in range(2):
        array = 0.2 * array - 0.5 * np.stack([[ndimage.laplace(c) for c in item] for item in array])
    inside = array[:, :, 2:-2, 2:-2, 2:-2]
    expected = (inside**2).sum() / 2 * (9 * 8 * 7) / (5 * 4 * 3)
    assert operator_norm(field, alpha=0.5, gamma=0.2, beta=2).item() == pytest.approx(expected)


def test_a_constant_field_is_weighed_by_gamma_alone() -> None:
    field = torch.full((1, 2, 8, 6), 3.0, dtype=torch.float64)
    assert operator_norm(field, alpha=5.0, gamma=0.1, beta=2).item() == pytest.approx(2 * 48 * (0.1**2 * 3) ** 2)


def test_the_same_motion_on_a_coarser_grid_has_nearly_the_same_norm() -> None:
    """Waves of 24 voxels and, half as long in voxels, on a grid of half the size whose voxels are twice as wide."""
    norms = []
    for size, voxel in ((96, 1.0), (48, 2.0)):
        x = torch.sin(2 * math.pi * (torch.arange(size, dtype=torch.float64) + 0.5) * voxel / 24)
        wave = (x[:, None] + x[None]) / voxel
        norms.append(operator_norm(torch.stack([wave, -wave])[None], alpha=4.0, gamma=0.1, voxel=voxel).item())
    assert norms[1] == pytest.approx(norms[0], rel=0.06)


def test_its_gradient_is_right() -> None:
    field = torch.randn(1, 2, 7, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: operator_norm(v, alpha=0.3, gamma=0.2, beta=2, voxel=2.0), (field,))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="more than 2 beta"):
        operator_norm(torch.zeros(1, 2, 4, 9), alpha=1.0, gamma=1.0, beta=2)
    with pytest.raises(InputError, match="check the axis order"):
        operator_norm(torch.zeros(1, 3, 9, 9), alpha=1.0, gamma=1.0)
