"""What networks are put together from, in 2D and 3D: convolutions, norms, activations, blocks, padding to strides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbir.errors import InputError, require_known

CONVOLUTIONS: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, Any] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
INSTANCE: dict[int, Any] = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
BATCH: dict[int, Any] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
MAX_POOL: dict[int, Any] = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
NORMS = ("none", "instance", "batch")
ACTIVATIONS = ("none", "leaky", "relu")
BLOCKS = ("single", "double", "pointwise", "residual")
LINEAR = {2: "bilinear", 3: "trilinear"}


def check_dim(dim: int) -> None:
    """Raise InputError where a network is asked for in other than 2 or 3 dimensions."""
    if dim not in (2, 3):
        raise InputError("dim 2 or 3", repr(dim), "take one of them")


def convolution(
    dim: int,
    inputs: int,
    outputs: int,
    *,
    kernel: int = 3,
    stride: int = 1,
    norm: str = "none",
    activation: str = "none",
) -> nn.Sequential:
    """A convolution that keeps the size (divided by the stride, rounded up), its norm and its activation.

    norm: `none`, `instance` (no parameters) or `batch`, which makes the convolution's own bias needless: it has none.
    activation: `none`, `leaky` (slope 0.2) or `relu`. Raises InputError for another word.
    """
    require_known({"norm": (norm, NORMS), "activation": (activation, ACTIVATIONS)}, "for a convolution")
    layers = [CONVOLUTIONS[dim](inputs, outputs, kernel, stride, padding=kernel // 2, bias=norm != "batch")]
    return nn.Sequential(*layers, *_after(dim, outputs, norm, activation))


def enlargement(dim: int, inputs: int, outputs: int, *, norm: str = "none", activation: str = "none") -> nn.Sequential:
    """A transposed convolution of kernel 3 and stride 2, which doubles the size, its norm and its activation."""
    layer = TRANSPOSED[dim](inputs, outputs, 3, 2, padding=1, output_padding=1, bias=norm != "batch")
    return nn.Sequential(layer, *_after(dim, outputs, norm, activation))


def _after(dim: int, channels: int, norm: str, activation: str) -> list[nn.Module]:
    norms = {"instance": INSTANCE[dim], "batch": BATCH[dim]}
    layers = [norms[norm](channels)] if norm in norms else []
    if activation == "leaky":
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    elif activation == "relu":
        layers.append(nn.ReLU(inplace=True))
    return layers


class Residual(nn.Module):
    """`act(x + norm(conv(act(norm(conv(x))))))`, the channels kept."""

    def __init__(
        self, dim: int, channels: int, *, kernel: int = 3, norm: str = "none", activation: str = "relu"
    ) -> None:
        super().__init__()
        self.first = convolution(dim, channels, channels, kernel=kernel, norm=norm, activation=activation)
        self.second = convolution(dim, channels, channels, kernel=kernel, norm=norm)
        self.activation = nn.Sequential(*_after(dim, channels, "none", activation))

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x + self.second(self.first(x)))


def block(
    dim: int,
    inputs: int,
    outputs: int,
    *,
    kind: str = "single",
    kernel: int = 3,
    norm: str = "none",
    activation: str = "relu",
) -> nn.Sequential:
    """One step of a network at one resolution.

    kind: `single`, one convolution; `double`, two; `pointwise`, one followed by one of kernel 1; `residual`, one
    followed by a residual pair. Each has its norm and activation. Raises InputError for another word.
    """
    require_known({"block": (kind, BLOCKS)}, "for a network")
    options: dict[str, Any] = {"norm": norm, "activation": activation}
    first = convolution(dim, inputs, outputs, kernel=kernel, **options)
    if kind == "single":
        return first
    if kind == "residual":
        return nn.Sequential(first, Residual(dim, outputs, kernel=kernel, **options))
    second = convolution(dim, outputs, outputs, kernel=1 if kind == "pointwise" else kernel, **options)
    return nn.Sequential(first, second)


def pad_to_multiple(x: Tensor, multiple: int | Sequence[int]) -> Tensor:
    """Continue the border of `(B, C, *spatial)` behind each axis until its size is a multiple."""
    sizes = x.shape[2:]
    multiples = [multiple] * len(sizes) if isinstance(multiple, int) else list(multiple)
    missing = [-size % m for size, m in zip(sizes, multiples, strict=True)]
    if not any(missing):
        return x
    return functional.pad(x, [n for amount in reversed(missing) for n in (0, amount)], mode="replicate")


def crop(x: Tensor, shape: Sequence[int]) -> Tensor:
    """The first `shape` voxels of each spatial axis."""
    for axis, size in enumerate(shape, start=2):
        x = x.narrow(axis, 0, size)
    return x


def halved(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape at half resolution, rounded up."""
    return tuple((n + 1) // 2 for n in shape)


def joined(fixed: Tensor, moving: Tensor) -> Tensor:
    """The two images as channels of one tensor. Raises InputError where their grids or batches differ."""
    if fixed.shape[0] != moving.shape[0] or fixed.shape[2:] != moving.shape[2:]:
        got = f"shapes {tuple(fixed.shape)} and {tuple(moving.shape)}"
        raise InputError("a fixed and a moving image on one grid", got, "resample the moving image")
    return torch.cat([fixed, moving], 1)
