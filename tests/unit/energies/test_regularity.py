"""Regularity: closed forms on polynomial fields, a plain NumPy version, finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wbir.energies.regularity import bending, curvature, diffusion
from wbir.errors import InputError

SHAPES = [(5, 6, 7), (6, 5)]
ENERGIES = [diffusion, bending, curvature]


def grid(shape: tuple[int, ...]) -> torch.Tensor:
    return torch.stack(torch.meshgrid(*(torch.arange(n, dtype=torch.float64) for n in shape), indexing="ij"))


def random_field(shape: tuple[int, ...], batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, len(shape), *shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES)
def test_affine_field_has_the_norm_of_its_matrix_and_no_bending(shape: tuple[int, ...]) -> None:
    dim = len(shape)
    matrix = torch.randn(dim, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    field = (torch.tensordot(matrix, grid(shape), dims=1) + 3.0)[None]
    assert diffusion(field).item() == pytest.approx(matrix.square().sum().item())
    assert bending(field).item() == pytest.approx(0.0, abs=1e-20)
    assert curvature(field).item() == pytest.approx(0.0, abs=1e-20)


@pytest.mark.parametrize("shape", SHAPES)
def test_quadratic_field_has_constant_second_derivatives(shape: tuple[int, ...]) -> None:
    x = grid(shape)
    field = torch.zeros(1, len(shape), *shape, dtype=torch.float64)
    field[0, 0] = 1.5 * x[0] ** 2 + 0.5 * x[0] * x[1]  # d00 = 3, d01 = d10 = 0.5
    field[0, 1] = -(x[1] ** 2)  # d11 = -2
    assert bending(field).item() == pytest.approx(3**2 + 2 * 0.5**2 + 2**2)
    assert curvature(field).item() == pytest.approx(3**2 + 2**2)


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_numpy_differences(shape: tuple[int, ...]) -> None:
    field = random_field(shape, batch=2)

    def energy(*axes: int) -> float:
        difference = field.numpy()
        for axis in axes:
            difference = np.diff(difference, axis=axis + 2)
        return float((difference**2).sum(axis=1).mean())

    axes = range(len(shape))
    first = sum(energy(j) for j in axes)
    second = sum(energy(j, k) for j in axes for k in axes)
    assert diffusion(field).item() == pytest.approx(first)
    assert bending(field).item() == pytest.approx(second)


@pytest.mark.parametrize("energy", ENERGIES)
@pytest.mark.parametrize("shape", [(3, 4, 5), (4, 5)])
def test_gradient_equals_finite_differences(energy, shape: tuple[int, ...]) -> None:
    assert torch.autograd.gradcheck(energy, (random_field(shape, batch=2).requires_grad_(),))


@pytest.mark.parametrize("energy", ENERGIES)
def test_gradient_scales_with_the_outer_one(energy) -> None:
    field = random_field((4, 4, 4)).requires_grad_()
    once = torch.autograd.grad(energy(field), field)[0]
    thrice = torch.autograd.grad(3 * energy(field), field)[0]
    torch.testing.assert_close(thrice, 3 * once)


def test_thin_grids() -> None:
    field = random_field((2, 5, 6)).requires_grad_()
    bending(field).backward()
    assert torch.isfinite(field.grad).all()
    with pytest.raises(InputError, match="3 voxels"):
        curvature(field)


@pytest.mark.parametrize("energy", ENERGIES)
def test_refuses_a_field_with_the_wrong_number_of_components(energy) -> None:
    with pytest.raises(InputError, match="field"):
        energy(torch.zeros(1, 2, 4, 4, 4))


@pytest.mark.parametrize("energy", [diffusion, bending])
@pytest.mark.parametrize("slab", [1, 400])
def test_working_slab_by_slab_changes_nothing(monkeypatch: pytest.MonkeyPatch, energy, slab: int) -> None:
    field = random_field((9, 5, 6), batch=2).requires_grad_()
    whole = energy(field)
    (expected,) = torch.autograd.grad(whole, field)
    monkeypatch.setattr("wbir.energies.regularity.SLAB", slab)
    torch.testing.assert_close(energy(field), whole)
    torch.testing.assert_close(torch.autograd.grad(energy(field), field)[0], expected)
