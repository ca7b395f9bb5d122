"""Instance optimisation of a displacement by Adam on features: a few dozen steps from a good start.

The scheme of ConvexAdam (Siebert et al. 2021, Learn2Reg), which paper 10 takes up (Sect. 2, "Multi-channel Instance
Optimisation"). The field lives on a grid of `spacing` voxels and is smoothed by repeated averaging over 3^dim points, which
stands for B-splines; Adam changes the field before the smoothing. Where the text is silent its authors' public program is
followed: the cost is the sum over feature channels of squared differences, its mean over the grid; the penalty is
`diffusion` in voxels of that grid. Averages at the border leave out what lies outside, where theirs counts zeros: a
constant field stays constant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from wbir.energies.mind import mind_ssc
from wbir.energies.regularity import diffusion
from wbir.errors import InputError
from wbir.geometry.grids import check_field, check_image, identity_grid
from wbir.geometry.warping import sample
from wbir.nets.blocks import LINEAR, crop, pad_to_multiple

AVERAGE = {2: functional.avg_pool2d, 3: functional.avg_pool3d}


@dataclass(frozen=True)
class Refinement:
    """The `adam` group of a SPEC, every key of it.

    iterations: steps (0: the start is kept). weight: of the penalty. spacing: of the field's grid, voxels. rate: of
    Adam, in voxels of that grid. smoothings: times that the field is averaged within the steps, and again at the end.
    """

    iterations: int
    weight: float
    spacing: int
    rate: float
    smoothings: int

    def __post_init__(self) -> None:
        for name, low in {"iterations": 0, "weight": 0, "spacing": 1, "smoothings": 0}.items():
            if getattr(self, name) < low:
                raise InputError(f"adam {name} of at least {low}", f"{getattr(self, name)}", "raise it")
        if self.rate <= 0:
            raise InputError("a positive rate of adam", f"{self.rate}", "correct it")

    @classmethod
    def of(cls, adam: Mapping[str, Any]) -> Refinement:
        """From a method's parameters. Raises InputError for a missing or an unknown key, or a value out of range."""
        known = {field.name for field in fields(cls)}
        if set(adam) != known:
            raise InputError(f"adam with the keys {sorted(known)}", f"{sorted(adam)}", "correct the SPEC")
        return cls(**adam)


def refine(fixed: Tensor, moving: Tensor, start: Tensor, settings: Refinement) -> Tensor:
    """The displacement `(1, dim, *shape)` in voxels to which Adam leads from `start`, of the same shape.

    fixed, moving: features `(1, C, *shape)`, masked by the caller where only part of the image counts.
    Raises InputError for unlike shapes.
    """
    check_field(start)
    if fixed.shape != moving.shape or fixed.shape[2:] != start.shape[2:]:
        got = f"{tuple(fixed.shape)}, {tuple(moving.shape)} and {tuple(start.shape)}"
        raise InputError("features and a displacement of one grid", got, "resample them")
    if not settings.iterations:
        return start
    spacing, count = settings.spacing, settings.smoothings
    fixed, moving = (coarse(features, spacing) for features in (fixed, moving))
    field = (coarse(start, spacing) / spacing).detach().clone().requires_grad_(True)
    grid = identity_grid(field.shape[2:], device=field.device, dtype=field.dtype)
    optimiser = torch.optim.Adam([field], lr=settings.rate)
    with torch.enable_grad():
        for _ in range(settings.iterations):
            optimiser.zero_grad(set_to_none=True)
            smooth = smoothed(field, count)
            warped = sample(moving, grid + smooth, padding="border")
            cost = (warped - fixed).square().sum(1).mean() + settings.weight * diffusion(smooth)
            cost.backward()
            optimiser.step()
    return smoothed(fine(smoothed(field.detach(), count), spacing, start.shape[2:]), count)


def coarse(x: Tensor, spacing: int) -> Tensor:
    """The mean of each `spacing^dim` voxels of `(B, C, *spatial)`, the border continued: sizes are rounded up."""
    return x if spacing == 1 else AVERAGE[check_image(x)](pad_to_multiple(x, spacing), spacing)


def fine(field: Tensor, spacing: int, shape: Sequence[int]) -> Tensor:
    """A displacement in voxels of a grid that `coarse` made, on the grid of `shape` in voxels of that."""
    mode = LINEAR[check_field(field)]
    return crop(functional.interpolate(field * spacing, scale_factor=spacing, mode=mode, align_corners=False), shape)


def smoothed(field: Tensor, count: int) -> Tensor:
    """`(B, C, *spatial)` averaged over 3^dim neighbours `count` times; at the border over those that are there."""
    average = AVERAGE[check_image(field)]
    for _ in range(count):
        field = average(field, 3, stride=1, padding=1, count_include_pad=False)
    return field


def masked_mind(image: Tensor, mask: Tensor | None, *, radius: int = 1, dilation: int = 2) -> Tensor:
    """MIND-SSC features of `(1, 1, *shape)`, zero outside the bool mask of that shape: `(1, 12 or 4, *shape)`."""
    features = mind_ssc(image, radius, dilation)
    return features if mask is None else features * mask.to(features.dtype)
