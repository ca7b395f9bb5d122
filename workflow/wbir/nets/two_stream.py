"""The two-stream network of paper 26 (Sect. 2, Fig. 1): features of each image by shared weights, then a joint U-Net.

Stated: 16 feature maps for each image, 32 joined, a U-Net-like part of three encoder and four decoder blocks that gives 32
joint maps, three more sequences, a 1^3 convolution to the displacement, tanh, the resolution of the input.
Not stated, ours: a sequence is a 3^3 convolution, instance norm and leaky ReLU; the features have half the resolution, from
which three halvings and four doublings lead to 1/16 and back to 1; the widths; linear upsampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbir.errors import InputError
from wbir.nets.blocks import LINEAR, check_dim, convolution, crop, joined
from wbir.nets.maps import Maps, field_head


class TwoStream(nn.Module):
    """Displacement from a pair of images `(B, channels, *spatial)`, 2D or 3D, any size.

    "Transformed to normalized sampling voxel locations" may mean positions or displacements. Here tanh bounds each
    component of a displacement to `reach` times half the image (PyTorch's grid runs from -1 to 1), and the head starts
    near no motion, weights from N(0, head_std).
    features: maps of each stream. encoder: widths at 1/4, 1/8, …; decoder: one more, the last at full resolution.
    sequences: how many follow. shared: one stream for both images, as for images of one modality.
    """

    parts = ("stream", "moving_stream", "encoder", "decoder", "joint", "head")

    def __init__(
        self,
        *,
        dim: int = 3,
        channels: int = 1,
        features: int = 16,
        encoder: Sequence[int] = (32, 48, 64),
        decoder: Sequence[int] = (48, 32, 32, 32),
        sequences: int = 3,
        reach: float = 1.0,
        shared: bool = True,
        head_std: float = 1e-5,
    ) -> None:
        super().__init__()
        check_dim(dim)
        if len(decoder) != len(encoder) + 1:
            got = f"{len(encoder)} encoder and {len(decoder)} decoder blocks"
            raise InputError("one decoder block more than encoder blocks", got, "the streams halve once more")
        self.mode, self.reach = LINEAR[dim], reach
        self.stream = extractor(dim, channels, features)
        self.moving_stream = self.stream if shared else extractor(dim, channels, features)
        width, skips = 2 * features, [2 * features, *encoder[:-1]]
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        for outputs in encoder:
            self.encoder.append(nn.Sequential(sequence(dim, width, outputs, stride=2), sequence(dim, outputs, outputs)))
            width = outputs
        for outputs in decoder:
            self.decoder.append(sequence(dim, width + (skips.pop() if skips else 0), outputs))
            width = outputs
        self.joint = nn.Sequential(*(sequence(dim, width, width) for _ in range(sequences)))
        self.head = field_head(dim, width, std=head_std, kernel=1)

    def forward(self, fixed: Tensor, moving: Tensor) -> Maps:
        shape = fixed.shape[2:]
        x = joined(self.stream(fixed), self.moving_stream(moving))
        kept = []
        for step in self.encoder:
            kept.append(x)
            x = step(x)
        for step in self.decoder:
            skip = kept.pop() if kept else None
            x = functional.interpolate(x, scale_factor=2, mode=self.mode, align_corners=False)
            x = crop(x, shape) if skip is None else torch.cat([crop(x, skip.shape[2:]), skip], 1)
            x = step(x)
        unit = torch.tanh(self.head(self.joint(x)))
        half = torch.tensor([n / 2 for n in shape], device=unit.device, dtype=unit.dtype)
        return Maps(unit * (self.reach * half.view(1, -1, *(1,) * len(shape))))


def sequence(dim: int, inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """A convolution of kernel 3, instance norm, leaky ReLU."""
    return convolution(dim, inputs, outputs, stride=stride, norm="instance", activation="leaky")


def extractor(dim: int, channels: int, features: int) -> nn.Sequential:
    """Features of one image at half resolution."""
    return nn.Sequential(sequence(dim, channels, features), sequence(dim, features, features, stride=2))


def build(**kwargs: Any) -> TwoStream:
    """A two-stream network; keywords as of `TwoStream`."""
    return TwoStream(**kwargs)
