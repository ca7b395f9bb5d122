"""TransMorph (Chen et al. 2022, MedIA 82): a Swin transformer as encoder, convolutions as decoder, in 2D and 3D.

Plan as of the released code: embedding of patches of 4, four stages, features of three stages and of two convolutions of
the images (at half and at full resolution) passed to the decoder, whose blocks double linearly, concatenate and convolve
twice with instance norm and leaky ReLU of slope 0.01.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbir.errors import InputError
from wbir.nets.blocks import CONVOLUTIONS, INSTANCE, LINEAR, crop, joined
from wbir.nets.maps import Maps, field_head, halve_image
from wbir.nets.swin import SwinTransformer

WINDOWS = {2: (8, 8), 3: (5, 6, 7)}


class DecoderBlock(nn.Module):
    """Features doubled in size, joined with those passed across, convolved twice."""

    def __init__(self, dim: int, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.mode = LINEAR[dim]
        self.layers = nn.Sequential(normed(dim, inputs + skip, outputs), normed(dim, outputs, outputs))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = functional.interpolate(x, scale_factor=2, mode=self.mode, align_corners=False)
        return self.layers(torch.cat([crop(x, skip.shape[2:]), skip], 1))


class Trunk(nn.Module):
    """The encoder and the decoder up to the resolution of the patches: images `(B, in_channels, *spatial)` to features.

    window: one size for each axis; None is (5, 6, 7), or (8, 8) in 2D. Other keywords as of `SwinTransformer`.
    """

    parts = ("transformer", "blocks")

    def __init__(
        self,
        *,
        dim: int,
        in_channels: int,
        embed_dim: int = 96,
        depths: Sequence[int] = (2, 2, 4, 2),
        heads: Sequence[int] = (4, 4, 8, 8),
        window: Sequence[int] | None = None,
        patch: int = 4,
        **swin: Any,
    ) -> None:
        super().__init__()
        if patch < 2 or patch & (patch - 1):
            raise InputError("a patch of 2, 4, 8, …", f"{patch}", "the decoder doubles up to full resolution")
        plan: dict[str, Any] = {"embed_dim": embed_dim, "depths": depths, "heads": heads, "patch": patch}
        self.transformer = SwinTransformer(
            dim=dim, in_channels=in_channels, window=window or WINDOWS.get(dim, ()), **plan, **swin
        )
        widths = self.transformer.channels[::-1]
        self.blocks = nn.ModuleList(DecoderBlock(dim, width, width // 2, width // 2) for width in widths[:-1])

    def forward(self, images: Tensor) -> Tensor:
        """`(B, embed_dim, *grid)`, the grid that of the patches."""
        *skips, x = self.transformer(images)
        for block in self.blocks:
            x = block(x, skips.pop())
        return x


class TransMorph(nn.Module):
    """Displacement from a pair of images `(B, channels, *spatial)`, 2D or 3D, any size.

    embed_dim, depths, heads, window, patch, drop_path, …: of the trunk and its transformer; the defaults are the released
    TransMorph. head_channels: of the last decoder block. The half-resolution images are means over 2^dim voxels (the
    released code's, over 3^dim, lie half a voxel off).
    """

    parts = ("trunk", "convolutions", "blocks", "head")

    def __init__(
        self,
        *,
        dim: int = 3,
        channels: int = 1,
        embed_dim: int = 96,
        patch: int = 4,
        head_channels: int = 16,
        drop_path: float = 0.3,
        head_std: float = 1e-5,
        **trunk: Any,
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {"embed_dim": embed_dim, "patch": patch, "drop_path": drop_path, **trunk}
        self.trunk = Trunk(dim=dim, in_channels=2 * channels, **options)
        levels = patch.bit_length() - 1
        widths = [embed_dim, *[embed_dim // 2] * (levels - 1), head_channels]
        self.convolutions, self.blocks = nn.ModuleList(), nn.ModuleList()
        for inputs, outputs in itertools.pairwise(widths):
            self.convolutions.append(normed(dim, 2 * channels, outputs))
            self.blocks.append(DecoderBlock(dim, inputs, outputs, outputs))
        self.head = field_head(dim, head_channels, std=head_std)

    def forward(self, fixed: Tensor, moving: Tensor) -> Maps:
        images = joined(fixed, moving)
        x = self.trunk(images)
        pyramid = [images]
        while len(pyramid) < len(self.blocks):
            pyramid.append(halve_image(pyramid[-1]))
        for convolution, block in zip(self.convolutions, self.blocks, strict=True):
            x = block(x, convolution(pyramid.pop()))
        return Maps(self.head(x))


def normed(dim: int, inputs: int, outputs: int) -> nn.Sequential:
    """TransMorph's convolution: kernel 3, no bias, instance norm without parameters, leaky ReLU of slope 0.01."""
    layer = CONVOLUTIONS[dim](inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(layer, INSTANCE[dim](outputs), nn.LeakyReLU(0.01, inplace=True))


def build(**kwargs: Any) -> TransMorph:
    """A TransMorph; keywords as of `TransMorph`."""
    return TransMorph(**kwargs)
