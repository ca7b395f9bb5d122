"""Two networks that register a pair against each other (CycleMorph, Kim et al. 2021, MedIA 71)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from wbir import nets
from wbir.geometry.warping import warp


class CycleMaps(NamedTuple):
    """Fields `(B, dim, *spatial)` in voxels, pull-back; in evaluation only the displacement.

    displacement: brings the moving image onto the fixed one; backward: the fixed image onto the moving one, by the second
    network. cycled: fixed and moving image after both ways. unmoved: fixed and moving image registered with themselves.
    """

    displacement: Tensor
    backward: Tensor | None = None
    cycled: tuple[Tensor, Tensor] | None = None
    unmoved: tuple[Tensor, Tensor] | None = None


class CyclePair(nn.Module):
    """`there` (the paper's G_X, moving to fixed) and `back` (G_Y, fixed to moving): one network with weights of their own.

    network: a name of this room with its keywords, which returns a displacement.
    """

    def __init__(self, network: Mapping[str, Any], dim: int = 3) -> None:
        super().__init__()
        self.there, self.back = (nets.build(**network, dim=dim) for _ in range(2))

    def forward(self, fixed: Tensor, moving: Tensor) -> CycleMaps:
        u = self.there(fixed, moving).displacement
        if not self.training:
            return CycleMaps(u)
        w = self.back(moving, fixed).displacement
        like_fixed, like_moving = warp(moving, u), warp(fixed, w)
        again_moving = warp(like_fixed, self.back(like_moving, like_fixed).displacement)
        again_fixed = warp(like_moving, self.there(like_fixed, like_moving).displacement)
        still_fixed = warp(fixed, self.there(fixed, fixed).displacement)
        still_moving = warp(moving, self.back(moving, moving).displacement)
        return CycleMaps(u, w, (again_fixed, again_moving), (still_fixed, still_moving))


def build(**kwargs: Any) -> CyclePair:
    """A pair of networks; keywords as of `CyclePair`."""
    return CyclePair(**kwargs)
