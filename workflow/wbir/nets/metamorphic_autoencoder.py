"""The metamorphic auto-encoder (Bône et al. 2020, MICCAI; the MAE of paper 02's Table 1).

An image becomes two codes, of its shape and of its appearance; one decoder makes a velocity field of the first, another an
increment of intensities of the second: `image = (template + increment) o exp(velocity)`. Ours, where no program was at hand:
the widths, strided convolutions as encoder, velocities at half resolution smoothed by a Gaussian.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from wbir.errors import InputError
from wbir.geometry.flows import exponential
from wbir.geometry.kernels import gaussian_smooth
from wbir.geometry.warping import warp
from wbir.nets.blocks import CONVOLUTIONS, TRANSPOSED, check_dim, convolution, crop, halved
from wbir.nets.maps import double, lengthened


class Code(NamedTuple):
    """A latent code `(B, size)`: its mean and the logarithm of its variance."""

    mean: Tensor
    log_variance: Tensor


class Metamorphosis(NamedTuple):
    """A batch of templates made alike to images. Fields `(B, dim, *spatial)` in voxels of the input grid, pull-back.

    velocity: at half resolution, in voxels of that grid. increment: `(B, channels, *spatial)`, on the template's grid.
    reconstruction: `(template + increment)(x + displacement(x))`.
    """

    displacement: Tensor
    inverse: Tensor
    velocity: Tensor
    increment: Tensor
    reconstruction: Tensor
    shape: Code
    appearance: Code


class Decoder(nn.Module):
    """Code `(B, size)` to a field of `outputs` channels by doublings from the coarsest grid.

    No biases, and tanh between: the code zero is the field zero, which leaves the template as it is.
    """

    def __init__(
        self, dim: int, size: int, base: Sequence[int], widths: Sequence[int], outputs: int, head_std: float
    ) -> None:
        super().__init__()
        self.base = tuple(base)
        self.spread = nn.Linear(size, widths[0] * torch.Size(base).numel(), bias=False)
        steps: list[nn.Module] = []
        for i, inputs in enumerate(widths):
            width = widths[min(i + 1, len(widths) - 1)]
            steps += [nn.Tanh(), TRANSPOSED[dim](inputs, width, 4, 2, padding=1, bias=False)]
        self.steps = nn.Sequential(*steps, nn.Tanh())
        self.head = CONVOLUTIONS[dim](widths[-1], outputs, 3, padding=1, bias=False)
        nn.init.normal_(self.head.weight, 0, head_std)

    def forward(self, code: Tensor) -> Tensor:
        return self.head(self.steps(self.spread(code).view(len(code), -1, *self.base)))


class MetamorphicAutoencoder(nn.Module):
    """Codes of the fixed image, and the moving image (the template) made like it; `(B, channels, *grid)`, 2D or 3D.

    grid: the one size of images that it takes. shape_size, appearance_size: of the codes. widths: of the encoder's
    convolutions, each of which halves the resolution; the decoders have them in reverse.
    smoothing: deviation of the Gaussian on velocities, voxels of the half grid. variational: in training, the codes are
    drawn from the normals that the encoder gives; else they are the means. Raises InputError for another size of image.
    """

    parts = ("encoder", "shape_code", "appearance_code", "velocity", "increment")

    def __init__(
        self,
        *,
        grid: Sequence[int],
        dim: int = 2,
        channels: int = 1,
        shape_size: int = 10,
        appearance_size: int = 5,
        widths: Sequence[int] = (16, 32, 64, 64),
        smoothing: float = 2.0,
        squarings: int = 7,
        variational: bool = True,
        head_std: float = 1e-3,
    ) -> None:
        super().__init__()
        check_dim(dim)
        if len(grid) != dim or len(widths) < 2:
            raise InputError(
                f"a grid of {dim} sizes and two or more widths", f"{list(grid)}, {list(widths)}", "correct it"
            )
        self.grid, self.smoothing, self.squarings, self.variational = tuple(grid), smoothing, squarings, variational
        steps, base, inputs = [], self.grid, channels
        for width in widths:
            steps.append(convolution(dim, inputs, width, stride=2, activation="leaky"))
            inputs, base = width, halved(base)
        self.encoder = nn.Sequential(*steps)
        features = inputs * torch.Size(base).numel()
        self.shape_code = nn.Linear(features, 2 * shape_size)
        self.appearance_code = nn.Linear(features, 2 * appearance_size)
        back = list(widths)[::-1]
        self.velocity = Decoder(dim, shape_size, base, back[:-1], dim, head_std)
        self.increment = Decoder(dim, appearance_size, base, back, channels, head_std)

    def encode(self, image: Tensor) -> tuple[Code, Code]:
        """The codes of shape and appearance of images."""
        if tuple(image.shape[2:]) != self.grid:
            raise InputError(
                f"an image of {self.grid}", f"{tuple(image.shape[2:])}", "crop it or build another network"
            )
        features = self.encoder(image).flatten(1)
        shape, appearance = (layer(features).chunk(2, 1) for layer in (self.shape_code, self.appearance_code))
        return Code(*shape), Code(*appearance)

    def forward(self, fixed: Tensor, moving: Tensor) -> Metamorphosis:
        shape, appearance = self.encode(fixed)
        velocity = crop(self.velocity(self._drawn(shape)), halved(self.grid))
        velocity = lengthened(gaussian_smooth(velocity, self.smoothing) if self.smoothing else velocity)
        displacement, inverse = (
            double(exponential(v, squarings=self.squarings), self.grid) for v in (velocity, -velocity)
        )
        increment = lengthened(crop(self.increment(self._drawn(appearance)), self.grid))
        reconstruction = warp(moving + increment, displacement)
        return Metamorphosis(displacement, inverse, velocity, increment, reconstruction, shape, appearance)

    def _drawn(self, code: Code) -> Tensor:
        if not (self.training and self.variational):
            return code.mean
        return code.mean + torch.exp(code.log_variance / 2) * torch.randn_like(code.mean)


def build(**kwargs: Any) -> MetamorphicAutoencoder:
    """A metamorphic auto-encoder; keywords as of `MetamorphicAutoencoder`."""
    return MetamorphicAutoencoder(**kwargs)
