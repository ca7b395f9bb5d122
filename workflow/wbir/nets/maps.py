"""What a registration network returns, the head that predicts it, and its way from half to full resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbir.nets.blocks import CONVOLUTIONS, LINEAR, crop, pad_to_multiple


class Maps(NamedTuple):
    """The maps of a batch of pairs. Fields `(B, dim, *spatial)` in voxels of the input grid, pull-back.

    velocity: stationary, `(B, dim, *half)` in voxels of its own grid, or None. inverse: where the network has one.
    """

    displacement: Tensor
    inverse: Tensor | None = None
    velocity: Tensor | None = None


def field_head(dim: int, channels: int, *, std: float = 1e-5, kernel: int = 3) -> nn.Module:
    """A convolution to `dim` channels that starts near no motion: weights from N(0, std), zero where std is 0.

    Its output is float32 also where the network runs in a shorter type, in which voxel 100.3 could not be told from 100.5.
    """
    head = CONVOLUTIONS[dim](channels, dim, kernel, padding=kernel // 2)
    nn.init.normal_(head.weight, 0, std) if std else nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    head.register_forward_hook(_as_float)
    return head


def _as_float(head: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return lengthened(output)


def lengthened(x: Tensor) -> Tensor:
    """A tensor of a short floating type as float32; others as they are."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def double(field: Tensor, shape: Sequence[int]) -> Tensor:
    """A field `(B, dim, *half)` in voxels of the half grid on the grid of `shape`, in voxels of that.

    Voxel j of the half grid covers the voxels 2j and 2j + 1: values grow by exactly 2, whatever the size.
    """
    mode = LINEAR[field.shape[1]]
    return crop(functional.interpolate(field * 2, scale_factor=2, mode=mode, align_corners=False), shape)


def halve_field(field: Tensor) -> Tensor:
    """A field in voxels of its grid on the half grid (sizes rounded up), in voxels of that: the reverse of `double`."""
    return halve_image(field) / 2


def halve_image(image: Tensor) -> Tensor:
    """The mean of each 2^dim voxels of `(B, C, *spatial)`, odd axes continued by their border."""
    pool = functional.avg_pool2d if image.ndim == 4 else functional.avg_pool3d
    return pool(pad_to_multiple(image, 2), 2)
