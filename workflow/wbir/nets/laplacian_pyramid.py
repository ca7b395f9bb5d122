"""LapIRN (Mok & Chung 2020, MICCAI): a network for each level of an image pyramid, each adding to the field before it.

The version whose fields are displacements. Plan as of the released code: 28 channels at every level, five residual blocks,
softsign on the output times 0.4 of half the image. Ours: image levels are means over 2^dim voxels, on whose grid fields are
doubled, and the heads start near no motion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbir.errors import InputError
from wbir.geometry.warping import warp
from wbir.nets.blocks import TRANSPOSED, check_dim, convolution, crop, joined
from wbir.nets.maps import double, field_head, halve_image


class PyramidMaps(NamedTuple):
    """displacement: `(B, dim, *spatial)` in voxels of the input grid, pull-back.

    levels: the displacements of each level, the coarsest first, each in voxels of its own grid.
    """

    displacement: Tensor
    levels: list[Tensor]


class PreActivated(nn.Module):
    """A residual block whose activations come before its convolutions."""

    def __init__(self, dim: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LeakyReLU(0.2),
            convolution(dim, channels, channels, activation="leaky"),
            convolution(dim, channels, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Level(nn.Module):
    """The network of one level: `(B, inputs, *grid)` to a displacement in voxels and features, both on that grid."""

    def __init__(self, dim: int, inputs: int, channels: int, blocks: int, reach: float, head_std: float) -> None:
        super().__init__()
        self.reach = reach
        self.encoder = nn.Sequential(
            convolution(dim, inputs, channels, activation="leaky"), convolution(dim, channels, channels)
        )
        self.down = convolution(dim, channels, channels, stride=2, activation="leaky")
        self.blocks = nn.Sequential(*(PreActivated(dim, channels) for _ in range(blocks)))
        self.up = TRANSPOSED[dim](channels, channels, 2, 2)
        self.decoder = convolution(dim, 2 * channels, channels // 2, activation="leaky")
        self.head = field_head(dim, channels // 2, std=head_std)

    def forward(self, x: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        """features: of the level before, on this level's lower resolution."""
        shape, x = x.shape[2:], self.encoder(x)
        lower = self.down(x)
        lower = self.blocks(lower if features is None else lower + features)
        upper = crop(self.up(lower), shape)
        unit = functional.softsign(self.head(self.decoder(torch.cat([upper, x], 1))))
        half = torch.tensor([n / 2 for n in shape], device=x.device, dtype=x.dtype)
        return unit * (self.reach * half.view(1, -1, *(1,) * len(shape))), upper


class LaplacianPyramid(nn.Module):
    """Displacement from a pair of images `(B, channels, *spatial)`, 2D or 3D, any size.

    Level by level from the coarsest: the moving image warped so far, the fixed image and the field so far are the input;
    the level's own displacement is added, each component bounded by `reach` times half the image.
    levels: how many. width: channels. blocks: residual blocks of a level.
    """

    parts = ("levels",)

    def __init__(
        self,
        *,
        dim: int = 3,
        channels: int = 1,
        levels: int = 3,
        width: int = 28,
        blocks: int = 5,
        reach: float = 0.4,
        head_std: float = 1e-5,
    ) -> None:
        super().__init__()
        check_dim(dim)
        inputs = [2 * channels + (dim if level else 0) for level in range(levels)]
        self.levels = nn.ModuleList(Level(dim, n, width, blocks, reach, head_std) for n in inputs)

    def forward(self, fixed: Tensor, moving: Tensor, *, levels: int | None = None) -> PyramidMaps:
        """levels: how many of them run, from the coarsest; in training they come in one by one.

        Raises InputError where the network has not as many.
        """
        count = len(self.levels) if levels is None else levels
        if not 1 <= count <= len(self.levels):
            raise InputError(f"1 to {len(self.levels)} levels", f"{count}", "build the network with more")
        joined(fixed, moving)
        pyramid = list(zip(self.pyramid(fixed), self.pyramid(moving), strict=True))
        fields: list[Tensor] = []
        features = None
        for level, (still, moved) in zip(list(self.levels)[:count], pyramid, strict=False):
            if not fields:
                field, features = level(torch.cat([moved, still], 1), None)
            else:
                before = double(fields[-1], still.shape[2:])
                step, features = level(torch.cat([warp(moved, before), still, before], 1), features)
                field = before + step
            fields.append(field)
        displacement = fields[-1]
        for finer, _ in pyramid[count:]:
            displacement = double(displacement, finer.shape[2:])
        return PyramidMaps(displacement, fields)

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """The image on the grid of every level, the coarsest first."""
        images = [image]
        while len(images) < len(self.levels):
            images.append(halve_image(images[-1]))
        return images[::-1]

    def level_parameters(self, count: int) -> Iterator[nn.Parameter]:
        """The parameters of the first `count` levels: those that are trained, or kept, when another comes in."""
        for level in list(self.levels)[:count]:
            yield from level.parameters()


def build(**kwargs: Any) -> LaplacianPyramid:
    """A LapIRN; keywords as of `LaplacianPyramid`."""
    return LaplacianPyramid(**kwargs)
