"""What a network of time-dependent velocities learns from: Eqs. 2 and 3 of WBIR 2022, paper 11."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from wbir.energies.operator_norm import operator_norm
from wbir.energies.overlap import one_hot, soft_dice
from wbir.energies.similarity import ssd
from wbir.errors import require_known
from wbir.geometry.warping import warp
from wbir.training.pairwise import REGULARISERS, PairLoss
from wbir.training.samples import Sample

FIELDS = ("end", "last")
OVERLAPS = ("dice", "squares")


@dataclass(frozen=True)
class VelocityLoss(PairLoss):
    """A loss of images and labels with one of two regularisers, each weighted by `smoothness`.

    operator: `alpha`, `gamma`, `beta` make it `sum_t ||L v_t||^2` of all velocities (Eq. 2, `operator_norm`); `voxel` is the
    edge of a voxel of the velocities in that of the paper's. The text writes L2 norms without weights or volumes; as the
    released program does, the regulariser is a sum over voxels and the images' and labels' squares are means. (That program
    squares once more and applies L once whatever beta is; here it is the text's.)
    Otherwise `regulariser` (diffusion or bending) acts on one field (Eq. 3), which the text calls the velocity at the end-
    point, v_1: `smooth: end` takes the displacement of phi_1 at full resolution, as the program does, `last` the last velocity.
    overlap_by: dice (Eq. 3) or squares (Eq. 2) of the warped labels.
    """

    operator: bool = False
    alpha: float = 0.01
    gamma: float = 0.01
    beta: int = 2
    voxel: float = 1.0
    smooth: str = "end"
    overlap_by: str = "dice"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_known({"smooth": (self.smooth, FIELDS), "overlap_by": (self.overlap_by, OVERLAPS)}, "of loss")

    def regularity(self, maps: Any) -> dict[str, Tensor]:
        """The weighted regulariser of `nets.velocity_transmorph.TimeMaps`."""
        if not self.operator:
            field = maps.displacement if self.smooth == "end" else maps.velocities[:, -1]
            return {self.regulariser: self.smoothness * REGULARISERS[self.regulariser](field)}
        options: dict[str, Any] = {"alpha": self.alpha, "gamma": self.gamma, "beta": self.beta, "voxel": self.voxel}
        steps = maps.velocities.shape[1]  # one norm of all, which is a mean over what it takes for a batch
        return {"operator": self.smoothness * steps * operator_norm(maps.velocities.flatten(0, 1), **options)}


def velocity_terms(loss: PairLoss, sample: Sample, maps: Any, classes: Sequence[int]) -> dict[str, Tensor]:
    """The terms of a `VelocityLoss`: images, regulariser, labels. See `training.registration.Terms`."""
    assert isinstance(loss, VelocityLoss)
    displacement = maps.displacement
    terms = {loss.similarity: loss.weight * loss.distance(sample["fixed"], warp(sample["moving"], displacement))}
    if loss.smoothness:
        terms |= loss.regularity(maps)
    if loss.overlap:
        fixed, moving = (one_hot(sample[f"{side}_labels"], classes) for side in ("fixed", "moving"))
        warped = warp(moving, displacement, padding="zeros")
        unlike = ssd(fixed, warped) if loss.overlap_by == "squares" else 1 - soft_dice(fixed, warped)
        terms["overlap"] = loss.overlap * unlike
    return terms
