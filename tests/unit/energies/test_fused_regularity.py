"""The compiled bending energy against the torch one in double precision (which other tests hold to its definition)."""

from __future__ import annotations

import pytest
import torch

from wbir.energies.fused_regularity import bending_with_gradient
from wbir.energies.regularity import bending
from wbir.errors import InputError


@pytest.mark.parametrize("shape", [(2, 7, 6, 9), (1, 5, 2, 1), (1, 3, 3, 3), (2, 8, 7), (1, 2, 2), (1, 1, 4)])
def test_value_and_gradient_are_those_of_the_torch_form(shape: tuple[int, ...]) -> None:
    batch, *grid = shape
    field = torch.randn(batch, len(grid), *grid, generator=torch.Generator().manual_seed(0))
    exact = field.double().requires_grad_()
    energy = bending(exact)
    energy.backward()
    out = torch.full_like(field, torch.nan)
    value, gradient = bending_with_gradient(field, out=out)
    assert gradient is out
    assert value == pytest.approx(energy.item(), rel=1e-5, abs=1e-12)
    assert exact.grad is not None
    torch.testing.assert_close(gradient.double(), exact.grad, atol=2e-5 * float(exact.grad.abs().max()), rtol=0)


def test_threads_change_no_byte() -> None:
    field = torch.randn(1, 3, 9, 10, 11, generator=torch.Generator().manual_seed(0))
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.append(bending_with_gradient(field))
    finally:
        torch.set_num_threads(before)
    assert results[0][0] == results[1][0]
    assert torch.equal(results[0][1], results[1][1])


def test_a_field_of_double_precision_is_refused() -> None:
    with pytest.raises(InputError, match="float32"):
        bending_with_gradient(torch.zeros(1, 2, 5, 5, dtype=torch.float64))
