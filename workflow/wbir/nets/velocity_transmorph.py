"""TransMorph that predicts velocities over time (paper 11, Sect. 3, Fig. 2).

One trunk looks at the pair; N steps follow, each with a convolution, a decoder block and a head of its own. Step t sees the
moving image as the velocities before it have warped it, and the fixed image, both at half resolution, and adds its
velocity: `phi_1 = Id + sum_t v_t o phi_t`.

Released code, where the text is silent: which features the steps share and what each of them sees. Where the two differ we
follow the text: the sum is of velocities at the points of phi_t (versions of the program warp v_t by itself), and a field
at half resolution is doubled in value as well as in size (the program's is not). Half-resolution images are means over
2^dim voxels, whose grid is the one on which fields are doubled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from wbir.errors import require_known
from wbir.geometry.flows import compose
from wbir.geometry.warping import warp
from wbir.nets.blocks import joined
from wbir.nets.maps import double, field_head, halve_image
from wbir.nets.transmorph import DecoderBlock, Trunk, normed

PATCH = 4  # the steps work at half resolution, one doubling from the patches
INVERSES = ("reverse", "forward", "none")


class TimeMaps(NamedTuple):
    """The maps of a batch of pairs. Fields at full resolution `(B, dim, *spatial)` in voxels of the input grid, pull-back.

    velocities, path: `(B, N, dim, *half)` in voxels of the half grid: v_t, and the displacements after each step.
    """

    displacement: Tensor
    inverse: Tensor | None
    velocities: Tensor
    path: Tensor


class VelocityStep(nn.Module):
    """One velocity from the trunk's features and the two images at half resolution."""

    def __init__(self, dim: int, channels: int, embed_dim: int, head_channels: int, head_std: float) -> None:
        super().__init__()
        self.convolution = normed(dim, 2 * channels, embed_dim // 2)
        self.block = DecoderBlock(dim, embed_dim, embed_dim // 2, head_channels)
        self.head = field_head(dim, head_channels, std=head_std)

    def forward(self, features: Tensor, fixed: Tensor, warped: Tensor) -> Tensor:
        return self.head(self.block(features, self.convolution(joined(fixed, warped))))


class VelocityTransMorph(nn.Module):
    """Displacement, inverse and N velocities from a pair of images `(B, channels, *spatial)`, 2D or 3D, any size.

    inverse: `reverse` takes the steps back from the last to the first, each by its negated velocity, which is the inverse
    of the flow up to the discretisation; `forward` reads the paper's `Id - sum_t v_t o phi_t` as the same integration of
    negated velocities in the same order, as its program does; `none` leaves it out.
    Other keywords as of `TransMorph`; the patch is 4.
    """

    parts = ("trunk", "steps")

    def __init__(
        self,
        *,
        dim: int = 3,
        channels: int = 1,
        steps: int = 8,
        embed_dim: int = 96,
        head_channels: int = 16,
        drop_path: float = 0.3,
        head_std: float = 1e-5,
        inverse: str = "reverse",
        **trunk: Any,
    ) -> None:
        super().__init__()
        require_known({"inverse": (inverse, INVERSES)}, "for a velocity TransMorph")
        self.inverse = inverse
        options: dict[str, Any] = {"embed_dim": embed_dim, "drop_path": drop_path, **trunk, "patch": PATCH}
        self.trunk = Trunk(dim=dim, in_channels=2 * channels, **options)
        self.steps = nn.ModuleList(
            VelocityStep(dim, channels, embed_dim, head_channels, head_std) for _ in range(steps)
        )

    def forward(self, fixed: Tensor, moving: Tensor) -> TimeMaps:
        features = self.trunk(joined(fixed, moving))
        shape, dim = fixed.shape[2:], fixed.ndim - 2
        fixed, moving = halve_image(fixed), halve_image(moving)
        u = fixed.new_zeros(fixed.shape[0], dim, *fixed.shape[2:])
        warped, velocities, path = moving, [], []
        for number, step in enumerate(self.steps):
            if number:
                warped = warp(moving, u)
            velocities.append(step(features, fixed, warped))
            u = compose(velocities[-1], u) if number else velocities[0]
            path.append(u)
        inverse = None
        if self.inverse != "none":
            order = velocities[::-1] if self.inverse == "reverse" else velocities
            inverse = double(integrate([-v for v in order]), shape)
        return TimeMaps(double(u, shape), inverse, torch.stack(velocities, 1), torch.stack(path, 1))


def integrate(velocities: Sequence[Tensor]) -> Tensor:
    """The displacement of `(id + v_N) o … o (id + v_1)`: `u_{t+1}(x) = u_t(x) + v_t(x + u_t(x))`."""
    u = velocities[0]
    for velocity in velocities[1:]:
        u = compose(velocity, u)
    return u


def build(**kwargs: Any) -> VelocityTransMorph:
    """A velocity TransMorph; keywords as of `VelocityTransMorph`."""
    return VelocityTransMorph(**kwargs)
