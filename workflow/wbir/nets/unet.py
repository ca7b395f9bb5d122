"""A U-Net: an encoder that halves the resolution, a decoder that doubles it, features passed across."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wbir.errors import InputError, require_known
from wbir.nets.blocks import MAX_POOL, block, check_dim, convolution, crop, enlargement, halved, pad_to_multiple


class UNet(nn.Module):
    """Features at full (or half) resolution from images `(B, in_channels, *spatial)` of any size.

    encoder: channels of the blocks at resolutions 1, 1/2, 1/4, …; each is followed by max pooling of 2.
    decoder: as many, the first at the lowest resolution `1 / 2^len(encoder)`; after each, the features are doubled in
    size and joined with the encoder's. extra: channels of blocks that follow at the output resolution.
    out_channels: of a last plain convolution; None leaves it out.
    skips: `concat`, or `add`, which needs equal channels. upsampling: `nearest`, or `transposed` convolutions that
    bring the channels to those of the encoder's features. block, norm, activation, kernel: see `blocks.block`.
    half_output: leave out the last doubling and its skip, so that the output has half the resolution (rounded up).

    The order within a level (convolve, double, join) is that of VoxelMorph's program, whose convolutions after the last
    join are `extra` here. Axes are continued to multiples of the strides and cropped again.
    Raises InputError for lists that do not fit each other or a grid too small for instance normalisation.
    """

    parts = ("encoder", "decoder", "extra")

    def __init__(
        self,
        *,
        dim: int = 3,
        in_channels: int = 2,
        encoder: Sequence[int] = (16, 32, 32, 32),
        decoder: Sequence[int] = (32, 32, 32, 32),
        extra: Sequence[int] = (32, 16, 16),
        out_channels: int | None = None,
        block: str = "single",
        norm: str = "none",
        activation: str = "leaky",
        skips: str = "concat",
        upsampling: str = "nearest",
        kernel: int = 3,
        half_output: bool = False,
    ) -> None:
        super().__init__()
        check_dim(dim)
        require_known({"skips": (skips, ("concat", "add"))}, "for a U-Net")
        require_known({"upsampling": (upsampling, ("nearest", "transposed"))}, "for a U-Net")
        if not encoder or len(encoder) != len(decoder):
            raise InputError(
                "as many decoder as encoder blocks", f"{len(decoder)} and {len(encoder)}", "match the lists"
            )
        self.concat, self.half_output, self.instance = skips == "concat", half_output, norm == "instance"
        self.stride = 2 ** len(encoder)
        kind: dict[str, Any] = {"kind": block, "kernel": kernel, "norm": norm, "activation": activation}
        self.pool = MAX_POOL[dim](2)
        self.encoder = nn.ModuleList()
        channels = in_channels
        for width in encoder:
            self.encoder.append(_block(dim, channels, width, kind))
            channels = width
        channels = self._make_decoder(dim, channels, encoder, decoder, kind, upsampling)
        self.extra = nn.Sequential()
        for width in extra:
            self.extra.append(_block(dim, channels, width, kind))
            channels = width
        if out_channels is not None:
            self.extra.append(convolution(dim, channels, out_channels, kernel=kernel))
        self.channels = channels if out_channels is None else out_channels

    def _make_decoder(
        self,
        dim: int,
        channels: int,
        encoder: Sequence[int],
        decoder: Sequence[int],
        kind: dict[str, Any],
        upsampling: str,
    ) -> int:
        """Add the decoder's modules; the channels that leave it."""
        self.decoder, self.enlarge = nn.ModuleList(), nn.ModuleList()
        after = {"norm": kind["norm"], "activation": kind["activation"]}
        for level, (width, skip) in enumerate(zip(decoder, reversed(encoder), strict=True)):
            self.decoder.append(_block(dim, channels, width, kind))
            channels = width
            if self.half_output and level == len(decoder) - 1:
                break
            if upsampling == "transposed":
                self.enlarge.append(enlargement(dim, channels, skip, **after))
                channels = skip
            else:
                self.enlarge.append(nn.Upsample(scale_factor=2, mode="nearest"))
            if not self.concat and channels != skip:
                raise InputError("equal channels to add", f"{channels} and {skip}", "match decoder and encoder")
            channels += skip if self.concat else 0
        return channels

    def forward(self, x: Tensor) -> Tensor:
        shape = x.shape[2:]
        x = pad_to_multiple(x, self.stride)
        if self.instance and tuple(x.shape[2:]) == (self.stride,) * len(shape):
            raise InputError(f"an axis of more than {self.stride} voxels", f"{tuple(shape)}", "take fewer levels")
        kept = []
        for step in self.encoder:
            x = step(x)
            kept.append(x)
            x = self.pool(x)
        for level, step in enumerate(self.decoder):
            x = step(x)
            if level < len(self.enlarge):
                x, skip = self.enlarge[level](x), kept.pop()
                x = torch.cat([x, skip], 1) if self.concat else x + skip
        return crop(self.extra(x), halved(shape) if self.half_output else shape)


def _block(dim: int, inputs: int, outputs: int, kind: dict[str, Any]) -> nn.Sequential:
    return block(dim, inputs, outputs, **kind)


def build(**kwargs: Any) -> UNet:
    """A U-Net; keywords as of `UNet`."""
    return UNet(**kwargs)
