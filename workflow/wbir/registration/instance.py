"""Multi-resolution optimisation of a stationary velocity for one pair of images, every gradient in closed form.

Minimises `1 - local NCC(fixed, moving o exp(v)) + bending * R(state)` over the state of a model of v (`instance_models`),
coarse to fine. The chain, each link with its exact transpose: state -> velocity on a lattice (matrices along the axes)
-> displacement there (`instance_flow`) -> displacement on the level's grid (cubic, matrices) -> warped image -> local
NCC. The velocity is smooth, so its lattice may be coarser than the image (`lattice`): the exponential, the dearest link, then
costs an eighth. R is the mean of squared second differences of the state.

Adam (Kingma and Ba 2015) moves the state by about `step * factor` voxels of the image for each iteration on a level shrunk by
`factor`. Its denominator has a floor relative to its largest value: a control point over empty background has a
gradient near zero, which plain Adam would blow up to a full step.

In 2D the images are seen as one plane of a volume. float32 on the CPU; the same bytes on any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wbir.energies.fused_local_ncc import FusedLocalNCC
from wbir.energies.fused_regularity import bending_with_gradient
from wbir.errors import InputError
from wbir.geometry import fused
from wbir.geometry.axes import apply_separably
from wbir.geometry.resampling import downsample
from wbir.registration.instance_flow import Flow
from wbir.registration.instance_models import DenseModel, Model, SplineModel
from wbir.registration.instance_splines import upsampling_matrix

GRIDS = ("bspline", "dense")
MOMENTS, FLOOR = (0.9, 0.99), 1e-3  # Adam's decay rates; its denominator's floor, of its largest value
FINAL_SQUARINGS = 7
SMALLEST_AXIS = 8  # voxels of an axis at a level, below which it is shrunk no further


@dataclass(frozen=True)
class Settings:
    """How to optimise; one entry of `factors` and `iterations` for each level, coarse to fine.

    grid: bspline | dense. spacing: of the control points at factor 1, voxels (bspline). sigma: of the smoothing of a
    change, lattice steps (dense). lattice: the velocity's lattice is this factor coarser than the image, or as coarse
    as the level. step: of Adam, voxels of the image at factor 1. bending: the weight of R. window: of the local NCC, voxels.
    """

    grid: str
    factors: tuple[int, ...]
    iterations: tuple[int, ...]
    spacing: float
    sigma: float
    lattice: int
    step: float
    bending: float
    window: int
    squarings: int

    def __post_init__(self) -> None:
        if self.grid not in GRIDS:
            raise InputError(f"a grid of {GRIDS}", repr(self.grid), "take one of them")
        if not len(self.factors) == len(self.iterations) > 0:
            found = f"{list(self.factors)} and {list(self.iterations)}"
            raise InputError("factors and iterations for the same levels", found, "add some")
        halved = all(a in (b, 2 * b) for a, b in zip(self.factors, self.factors[1:], strict=False))
        if min(self.factors) < 1 or not halved:
            raise InputError("factors that stay or halve, such as 4, 2, 1", f"{list(self.factors)}", "correct them")
        if min(self.spacing, self.step) <= 0 or self.lattice < 1 or self.squarings < 1:
            found = f"{self.spacing}, {self.step}, {self.lattice}, {self.squarings}"
            raise InputError("positive spacing and step, lattice and squarings of 1 or more", found, "correct them")


class Level:
    """The energy and its gradient at one resolution. fixed, moving: `(1, 1, X, Y, Z)` float32 in [0, 1], full size."""

    def __init__(self, fixed: Tensor, moving: Tensor, factor: int, settings: Settings) -> None:
        full = tuple(fixed.shape[2:])
        shrink = [_shrink(size, factor) for size in full]
        self.fixed, self.moving = (downsample(image, shrink).contiguous() for image in (fixed, moving))
        shape = tuple(self.fixed.shape[2:])
        lattice = tuple(-int(-size // _shrink(size, max(factor, settings.lattice))) for size in full)
        self.model = _model(full, lattice, factor, settings)
        self.flow = Flow(lattice, settings.squarings)
        sizes = list(zip(shape, lattice, strict=True))
        self.up = [None if new == old else upsampling_matrix(new, old).float() for new, old in sizes]
        self.down = [None if matrix is None else matrix.T.contiguous() for matrix in self.up]
        self.to_lattice, self.to_image = _scale(lattice, full), _scale(shape, lattice)
        self.similarity, self.bending = FusedLocalNCC(self.fixed, settings.window), settings.bending

    def displacement(self, state: Tensor) -> Tensor:
        """The displacement of a state on the level's grid, in its voxels."""
        moved = self.flow.forward(self.model.velocity(state) * self.to_lattice)
        return (apply_separably(moved, self.up) * self.to_image).contiguous()

    def energy(self, state: Tensor) -> tuple[float, Tensor]:
        """The energy of a state, and its gradient in the state (dense: in the unsmoothed change of the state)."""
        warped, slope = fused.warp_gradient(self.moving, self.displacement(state))
        likeness, in_warped = self.similarity.value_and_gradient(warped)
        in_lattice = apply_separably(slope.mul_(in_warped).mul_(-self.to_image), self.down)
        gradient = self.flow.adjoint(in_lattice.contiguous()).mul_(self.to_lattice)
        roughness, own = bending_with_gradient(state.contiguous())
        total = self.model.pull(gradient, own.mul_(self.bending))
        return 1.0 - likeness + self.bending * roughness, total


def optimise(fixed: Tensor, moving: Tensor, settings: Settings) -> tuple[Tensor, list[float]]:
    """The stationary velocity that brings moving to fixed, and the last energy of each level.

    fixed, moving: `(1, 1, *spatial)` float32 in [0, 1], 2D or 3D. The velocity is `(1, dim, *spatial)` in voxels.
    """
    dim = fixed.ndim - 2
    if dim == 2:
        fixed, moving = fixed[:, :, None], moving[:, :, None]
    state, energies, level = None, [], None
    previous = 0
    for factor, count in zip(settings.factors, settings.iterations, strict=True):
        level = Level(fixed, moving, factor, settings)
        state = state if factor == previous else level.model.start(state)
        state, energy = adam(level, state, count, settings.step * factor)  # type: ignore[arg-type]
        energies.append(energy)
        previous = factor
    velocity = level.model.at(state, fixed.shape[2:])  # type: ignore[union-attr, arg-type]
    return (velocity if dim == 3 else velocity[:, 1:, 0]).contiguous(), energies


def adam(level: Level, state: Tensor, count: int, step: float) -> tuple[Tensor, float]:
    """`count` steps from a state: the new state and the energy before the last step (NaN for none)."""
    first, second, energy = torch.zeros_like(state), torch.zeros_like(state), math.nan
    for k in range(1, count + 1):
        energy, gradient = level.energy(state)
        first.lerp_(gradient, 1 - MOMENTS[0])
        second.lerp_(gradient.square(), 1 - MOMENTS[1])
        size = (second / (1 - MOMENTS[1] ** k)).sqrt_()
        size.add_(max(FLOOR * float(size.max()), torch.finfo(size.dtype).tiny))
        state = state - level.model.direct(first / size) * (step / (1 - MOMENTS[0] ** k))
    return state, energy


def exponentials(velocity: Tensor) -> tuple[Tensor, Tensor]:
    """The displacements of `exp(v)` and of its inverse `exp(-v)`: voxels, on the whole grid."""
    forward, backward = (fused.exponential(v.contiguous(), squarings=FINAL_SQUARINGS) for v in (velocity, -velocity))
    return forward, backward


def unit_range(image: Tensor) -> Tensor:
    """The image scaled to [0, 1]. Raises InputError for a constant one."""
    low, high = float(image.min()), float(image.max())
    if not high > low:
        raise InputError("images that are not constant", f"one value, {low:g}", "check the image")
    return (image - low) / (high - low)


def _model(full: Sequence[int], lattice: Sequence[int], factor: int, settings: Settings) -> Model:
    if settings.grid == "bspline":
        return SplineModel(full, lattice, settings.spacing * factor)
    return DenseModel(lattice, settings.sigma)


def _shrink(size: int, factor: float) -> float:
    """By how much an axis is shrunk: by the factor, but not below the smallest axis that is worth a level."""
    return max(1.0, min(float(factor), size / SMALLEST_AXIS))


def _scale(new: Sequence[int], old: Sequence[int]) -> Tensor:
    """Voxels of a lattice of `old` points in voxels of one of `new` points, for each axis."""
    ratios = [(a - 1) / (b - 1) if b > 1 else 1.0 for a, b in zip(new, old, strict=True)]
    return torch.tensor(ratios).view(1, -1, 1, 1, 1)
