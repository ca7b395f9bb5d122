"""The compiled local correlation against the torch one in double precision (which other tests hold to its definition)."""

from __future__ import annotations

import pytest
import torch

from wbir.energies.fused_local_ncc import FusedLocalNCC
from wbir.energies.local_ncc import LocalNCC
from wbir.errors import InputError


def pair(shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    fixed = torch.rand(1, 1, *shape, generator=generator)
    fixed[..., : shape[-1] // 2] *= 0.01  # nearly flat
    return fixed, 0.5 * fixed + 0.3 * torch.rand(1, 1, *shape, generator=generator)


@pytest.mark.parametrize("window", [3, 7, 9])
@pytest.mark.parametrize("shape", [(12, 9, 10), (5, 14, 6), (3, 4, 2), (40, 31)])
def test_value_and_gradient_are_those_of_the_torch_form(shape: tuple[int, ...], window: int) -> None:
    fixed, moving = pair(shape)
    exact = moving.double().requires_grad_()
    value = LocalNCC(fixed.double(), window)(exact)
    value.backward()
    fused = FusedLocalNCC(fixed, window)
    for _ in range(2):  # the working memory of the first call leaves nothing behind
        ours, gradient = fused.value_and_gradient(moving)
        assert ours == pytest.approx(value.item(), rel=1e-5)
        assert exact.grad is not None
        torch.testing.assert_close(gradient.double(), exact.grad, atol=2e-5 * float(exact.grad.abs().max()), rtol=0)
        assert fused.value(moving) == ours


def test_the_result_goes_where_it_is_wanted_and_threads_change_no_byte() -> None:
    fixed, moving = pair((13, 40, 38))
    fused, out = FusedLocalNCC(fixed, 5), torch.empty_like(moving)
    value, gradient = fused.value_and_gradient(moving, out=out)
    assert gradient is out
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        again, other = fused.value_and_gradient(moving)
    finally:
        torch.set_num_threads(before)
    assert again == value
    assert torch.equal(other, out)


def test_unfit_images_are_refused() -> None:
    fixed, moving = pair((6, 6, 6))
    with pytest.raises(InputError, match="odd"):
        FusedLocalNCC(fixed, 4)
    with pytest.raises(InputError, match="float32"):
        FusedLocalNCC(fixed.double())
    with pytest.raises(InputError, match="resample"):
        FusedLocalNCC(fixed).value(moving[..., 1:])
