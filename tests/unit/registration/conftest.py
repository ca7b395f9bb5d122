"""Pairs of images with a known stationary velocity field between them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from wbir.geometry.flows import exponential
from wbir.geometry.kernels import gaussian_smooth
from wbir.geometry.warping import warp


@pytest.fixture
def known_pair() -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    """A function of shape, largest |v| and width of the field (voxels), seed; it gives (fixed, moving, velocity).

    fixed is `moving o exp(velocity)` by cubic interpolation; moving is a textured image in [0, 1]; the velocity fades
    to zero at the border.
    """

    def make(
        shape: tuple[int, ...], largest: float, width: float = 5.0, seed: int = 3
    ) -> tuple[Tensor, Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        moving = gaussian_smooth(torch.rand(1, 1, *shape, generator=generator), 2.0)
        moving = (moving - moving.min()) / (moving.max() - moving.min())
        window = torch.zeros(1, 1, *shape)
        window[(..., *(slice(n // 4, n - n // 4) for n in shape))] = 1
        velocity = gaussian_smooth(torch.randn(1, len(shape), *shape, generator=generator), width) * gaussian_smooth(
            window, 2.5
        )
        velocity *= largest / velocity.square().sum(1).max().sqrt()
        return warp(moving, exponential(velocity, squarings=8), mode="cubic"), moving, velocity

    return make
