"""VoxelMorph++'s feature network (paper 10, Sect. 2, "Baseline Backbone") and reading its features at keypoints.

Eleven blocks of a 3^3 convolution, instance norm, ReLU, a 1^3 convolution, instance norm, ReLU; max pooling after each of
the four encoder blocks; nearest upsampling; output at half resolution. The text gives the blocks, 64 channels and
901,888 parameters. The channels are the released code's: encoder 32, 48, 48, 64, decoder 64, 48, 48, 48, 48, 32, 64, the
features of three encoder blocks concatenated. With biases in every convolution and no parameters in the norms these are
901,888 exactly.
"""

from __future__ import annotations

from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.warping import sample
from wbir.nets.unet import UNet

ENCODER, DECODER, EXTRA = (32, 48, 48, 64), (64, 48, 48, 48), (48, 32, 64)


def build(*, dim: int = 3, in_channels: int = 2, width: float = 1.0) -> UNet:
    """The U-Net: `(B, in_channels, *spatial)` to `(B, 64, *half)`. width: factor on all channels (at least 2)."""
    encoder, decoder, extra = (scaled(plan, width) for plan in (ENCODER, DECODER, EXTRA))
    return UNet(
        dim=dim,
        in_channels=in_channels,
        encoder=encoder,
        decoder=decoder,
        extra=extra,
        block="pointwise",
        norm="instance",
        activation="relu",
        half_output=True,
    )


def scaled(channels: tuple[int, ...], width: float) -> tuple[int, ...]:
    """Channels times `width`, rounded, at least 2."""
    if width <= 0:
        raise InputError("a width above 0", f"{width}", "1 is the paper's network")
    return tuple(max(2, round(c * width)) for c in channels)


def features_at(features: Tensor, points: Tensor) -> Tensor:
    """The features `(1, C, *half)` at points `(K, dim)` in voxels of the input grid, read linearly: `(K, C)`.

    Voxel j of the half grid covers the input's voxels 2j and 2j + 1.
    """
    if features.shape[0] != 1 or points.ndim != 2 or points.shape[1] != features.ndim - 2:
        got = f"{tuple(features.shape)} and {tuple(points.shape)}"
        raise InputError("features (1, C, *half) and points (K, dim)", got, "take one pair at a time")
    return sample(features, (points.T.unsqueeze(0) - 0.5) / 2, padding="border")[0].T
