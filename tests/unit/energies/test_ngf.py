"""Normalised gradient fields: by hand, against SciPy's convolution, invariants, finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d

from wbir.energies.ngf import ngf, normalized_gradients
from wbir.errors import InputError


def image(shape: tuple[int, ...] = (1, 1, 6, 7, 5), seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(2, 1, 6, 7, 5), (1, 1, 6, 4)])
def test_equals_scipys_central_differences_with_zeros_outside(shape: tuple[int, ...]) -> None:
    given = image(shape)
    field = normalized_gradients(given, epsilon=0.1)
    for b in range(shape[0]):
        array = given[b, 0].numpy()
        gradient = np.stack(
            [correlate1d(array, [-0.5, 0, 0.5], axis=a, mode="constant", cval=0.0) for a in range(array.ndim)]
        )
        expected = gradient / np.sqrt((gradient**2).sum(0) + 0.1**2)
        np.testing.assert_allclose(field[b].numpy(), expected, atol=1e-12)


def test_by_hand_on_a_ramp() -> None:
    ramp = torch.arange(5.0).expand(5, 5)[None, None]
    field = normalized_gradients(ramp, epsilon=1e-5)
    torch.testing.assert_close(field[0, :, 2, 2], torch.tensor([0.0, 1.0]))
    assert field[0, 1, 2, 4].item() == pytest.approx(-1.0)  # the drop from 4 to the zeros outside


def test_masks_multiply_the_image_before_and_the_field_after() -> None:
    given = image((1, 1, 6, 6))
    mask = torch.zeros_like(given)
    mask[..., 1:5, 1:5] = 1
    expected = normalized_gradients(given * mask) * mask
    torch.testing.assert_close(normalized_gradients(given, mask=mask), expected)
    assert torch.all(normalized_gradients(given, mask=mask)[..., 0, :] == 0)


def test_distance_of_like_inverted_and_crossed_contrast() -> None:
    given = image()
    assert ngf(given, given).item() == pytest.approx(0.0, abs=1e-6)
    assert ngf(given, given, squared=False).item() == pytest.approx(0.0, abs=1e-6)
    ramp = torch.arange(9.0, dtype=torch.float64).expand(9, 9)[None, None] / 9
    inside = torch.zeros_like(ramp)
    inside[..., 1:-1, 1:-1] = 1
    assert ngf(ramp, -ramp, mask=inside).item() == pytest.approx(0.0, abs=1e-6)
    assert ngf(ramp, -ramp, mask=inside, squared=False).item() == pytest.approx(2.0, abs=1e-6)
    assert ngf(ramp, ramp.mT, mask=inside).item() == pytest.approx(1.0)


@pytest.mark.parametrize("squared", [True, False])
def test_gradient_equals_finite_differences(squared: bool) -> None:
    inputs = tuple(image((1, 1, 4, 5), seed).requires_grad_() for seed in (1, 2))
    assert torch.autograd.gradcheck(lambda f, m: ngf(f, m, epsilon=0.1, squared=squared), inputs)


def test_flat_images_have_finite_gradients() -> None:
    flat = torch.zeros(1, 1, 5, 5, requires_grad=True)
    ngf(image((1, 1, 5, 5)).float(), flat).backward()
    assert torch.isfinite(flat.grad).all()


def test_refuses_channels_and_other_grids() -> None:
    with pytest.raises(InputError, match="one channel"):
        normalized_gradients(torch.zeros(1, 2, 4, 4))
    with pytest.raises(InputError, match="shape"):
        ngf(image(), image()[..., 1:])
