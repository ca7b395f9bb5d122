"""Local NCC against a naive version by convolution, and its gradient against finite differences and autograd."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import conv2d, conv3d

from wbir.energies.local_ncc import EPSILON, LocalNCC, box_sum, local_ncc
from wbir.errors import InputError


def pair(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.rand(shape, generator=generator, dtype=dtype) for _ in range(2))  # type: ignore[return-value]


def naive(fixed: torch.Tensor, moving: torch.Tensor, window: int) -> torch.Tensor:
    """Written with convolutions by ones, divided by the number of voxels inside, and autograd."""
    convolve = {4: conv2d, 5: conv3d}[fixed.ndim]

    def total(image: torch.Tensor) -> torch.Tensor:
        kernel = torch.ones(1, 1, *(window,) * (image.ndim - 2), dtype=image.dtype)
        return convolve(image.flatten(0, 1).unsqueeze(1), kernel, padding=window // 2).view(image.shape)

    def mean(image: torch.Tensor) -> torch.Tensor:
        return total(image) / total(torch.ones_like(image))

    covariance = mean(fixed * moving) - mean(fixed) * mean(moving)
    variances = [mean(image**2) - mean(image) ** 2 + EPSILON for image in (fixed, moving)]
    return (covariance**2 / (variances[0] * variances[1])).mean()


@pytest.mark.parametrize("window", [1, 3, 5, 7, 9, 11])
def test_box_sum_equals_a_convolution_with_ones(window: int) -> None:
    image, _ = pair((2, 1, 12, 11, 13))
    kernel = torch.ones(1, 1, window, window, window, dtype=torch.float64)
    expected = torch.nn.functional.conv3d(image, kernel, padding=window // 2)
    torch.testing.assert_close(box_sum(image, window), expected)


def test_box_sum_by_hand() -> None:
    line = torch.tensor([[1.0, 2.0, 4.0]])[None, None]
    assert box_sum(line, 3).flatten().tolist() == [3.0, 7.0, 6.0]


@pytest.mark.parametrize(("shape", "window"), [((1, 1, 10, 9, 11), 5), ((2, 2, 12, 13), 9), ((1, 1, 6, 20, 7), 9)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_and_both_gradients_equal_the_naive_version(
    shape: tuple[int, ...], window: int, dtype: torch.dtype
) -> None:
    fixed, moving = (image.requires_grad_() for image in pair(shape, dtype))
    value, expected = local_ncc(fixed, moving, window), naive(fixed, moving, window)
    gradients = torch.autograd.grad(value, (fixed, moving))
    wanted = torch.autograd.grad(expected, (fixed, moving))
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-12}[dtype]
    torch.testing.assert_close(value, expected, rtol=tolerance, atol=tolerance)
    for got, want in zip(gradients, wanted, strict=True):
        assert (got - want).abs().max() <= tolerance * want.abs().max() * 10


@pytest.mark.parametrize("shape", [(1, 1, 5, 6, 4), (1, 2, 6, 5)])
def test_gradient_equals_finite_differences(shape: tuple[int, ...]) -> None:
    inputs = tuple(image.requires_grad_() for image in pair(shape))
    assert torch.autograd.gradcheck(lambda f, m: local_ncc(f, m, 3), inputs)


def test_one_for_a_locally_affine_change_of_intensity_up_to_the_border() -> None:
    fixed, _ = pair((1, 1, 9, 9, 9))
    assert local_ncc(fixed, -3 * fixed + 0.5, 5).item() == pytest.approx(1.0, abs=1e-3)
    assert local_ncc(fixed, -3 * fixed + 0.5, 5, epsilon=1e-12).item() == pytest.approx(1.0, abs=1e-9)


def test_flat_images_have_no_correlation_and_no_gradient() -> None:
    fixed = torch.full((1, 1, 8, 8), 0.7)
    moving = fixed.clone().requires_grad_()
    value = local_ncc(fixed, moving, 5)
    value.backward()
    assert value.item() == pytest.approx(0.0, abs=1e-4)
    assert torch.isfinite(moving.grad).all()


def test_kept_sums_serve_many_moving_images() -> None:
    fixed, moving = pair((1, 1, 8, 9, 7))
    similarity = LocalNCC(fixed, 5)
    for image in (moving, fixed, 2 * moving):
        torch.testing.assert_close(similarity(image), local_ncc(fixed, image, 5), rtol=0, atol=0)


def test_refuses_even_windows_and_other_grids() -> None:
    fixed, moving = pair((1, 1, 6, 6))
    with pytest.raises(InputError, match="odd window"):
        local_ncc(fixed, moving, 4)
    with pytest.raises(InputError, match="shape"):
        local_ncc(fixed, moving[..., :5], 3)


@pytest.mark.parametrize("slab", [1, 300])
def test_working_slab_by_slab_changes_nothing(monkeypatch: pytest.MonkeyPatch, slab: int) -> None:
    fixed, moving = (image.requires_grad_() for image in pair((2, 1, 23, 6, 7)))
    whole = local_ncc(fixed, moving, 5)
    expected = torch.autograd.grad(whole, (fixed, moving))
    monkeypatch.setattr("wbir.energies.local_ncc.SLAB", slab)
    torch.testing.assert_close(local_ncc(fixed, moving, 5), whole)
    torch.testing.assert_close(torch.autograd.grad(local_ncc(fixed, moving, 5), (fixed, moving)), expected)
