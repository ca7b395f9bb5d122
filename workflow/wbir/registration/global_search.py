"""Global search for a rigid motion: random rotations from coarse to fine, all displacements at once for each of them.

Paper 17, Sect. 3.1. Level k blurs by `sigmas[k]` and shrinks by `downsampling[k]`. The first level tries random
rotations from all of SO(3); each later one tries rotations near the `kept[k-1]` best of the level before, changed about
the axes x, y, z by angles from U(-u, u) with `u = steps[k-1]`, and those best ones again as they are. For every
rotation the moving image is rotated about its centre (linearly, its mask to the nearest voxel), and the best
displacement is the maximum of a map over all of them.

What the text leaves open, and what is taken:
- "All possible rotations": uniform on SO(3) by unit quaternions; `euler` draws three angles from U(-180, 180) degrees
  as the released code does, which is not uniform. `R = Rz Ry Rx` as there.
- A change multiplies the kept rotation (`R_change R`), so its size does not depend on the angles; the kept ones take
  turns.
- Rotations keep their level's grid: the moving image of a level has one frame, and what turns out of it is lost.
- Sigmas and factors are in voxels of `reference_spacing` mm. On a coarser image they shrink with the voxels, so that
  the blur and a level's grid stay the same in millimetres, but never below the image's own grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.grids import identity_grid
from wbir.geometry.kernels import gaussian_smooth
from wbir.geometry.rigid import about_centre, homogeneous, random_rotations, rotation_from_euler
from wbir.geometry.warping import sample
from wbir.registration.cross_similarity import CrossMap

SAMPLINGS = ("uniform", "euler")
BATCH_POINTS = {"cpu": 1 << 15, "cuda": 1 << 26}  # voxels worked on together: what fits the cache, or fills the device


@dataclass(frozen=True)
class SearchPlan:
    """How to search, level by level (Sect. 3.1): m levels, `steps` (degrees) and `kept` one shorter.

    overlap: least overlap gamma. sampling: of the first level, `uniform` or `euler`. Raises InputError for unfit
    lengths.
    """

    sigmas: Sequence[float]
    downsampling: Sequence[float]
    rotations: Sequence[int]
    steps: Sequence[float]
    kept: Sequence[int]
    overlap: float = 0.5
    sampling: str = "uniform"

    def __post_init__(self) -> None:
        m = len(self.sigmas)
        lengths = [len(x) for x in (self.sigmas, self.downsampling, self.rotations, self.steps, self.kept)]
        if m < 1 or lengths != [m, m, m, m - 1, m - 1]:
            wanted = "m sigmas, downsampling factors and rotations, m - 1 steps and kept ones"
            raise InputError(wanted, f"{lengths} of them", "give each level its numbers")
        if self.rotations[0] < 1 or min((*self.kept, 1)) < 1:
            raise InputError("one rotation or more at the first level, and one kept or more", f"{self}", "raise them")
        if self.sampling not in SAMPLINGS:
            raise InputError(f"a sampling of {SAMPLINGS}", repr(self.sampling), "take one of them")


class Measure(Protocol):
    """A similarity that gives a map over displacements. `prepare` makes of a level's image what is rotated."""

    @property
    def mode(self) -> str:
        """How a prepared moving image is read when it is rotated: `linear` or `nearest`."""

    @property
    def padding(self) -> str:
        """What it is outside: `border` or `zeros`."""

    @property
    def channels(self) -> int:
        """Volumes that the measure holds at once for each rotation; bounds the batch."""

    def prepare(self, image: Tensor, mask: Tensor) -> Tensor: ...

    def against(self, prepared: Tensor, mask: Tensor, overlap: float) -> Callable[[Tensor, Tensor], CrossMap]:
        """From the prepared fixed image, a function of rotated prepared moving images `(B, 1, ...)` and their masks."""


@dataclass(frozen=True)
class Found:
    """The best rigid motion. matrix: fixed voxel to moving voxel, `(4, 4)` float64. value: its similarity at the last
    level.

    evaluated: rotations tried over all levels.
    """

    matrix: Tensor
    value: float
    evaluated: int


@dataclass(frozen=True)
class Level:
    """Images and masks `(1, 1, *spatial)` of one level; `factor`: voxels of the full grid per voxel of the level."""

    fixed: Tensor
    moving: Tensor
    fixed_mask: Tensor
    moving_mask: Tensor
    factor: float


def global_rigid_search(
    images: tuple[Tensor, Tensor],
    masks: tuple[Tensor | None, Tensor | None],
    plan: SearchPlan,
    measure: Measure,
    generator: torch.Generator,
    *,
    scale: float = 1.0,
) -> Found:
    """Search for the rigid motion that makes the moving image most alike to the fixed one.

    images: fixed and moving, `(1, 1, X, Y, Z)`, intensities in [0, 1], isotropic voxels, one shape. masks: alike, or
    None for all ones. scale: reference spacing over voxel size. The generator is a CPU one; the same state gives the
    same result.
    """
    if images[0].ndim != 5 or images[0].shape != images[1].shape:
        got = f"{tuple(images[0].shape)} and {tuple(images[1].shape)}"
        raise InputError("two 3D images (1, 1, X, Y, Z) of one shape", got, "resample one to the other's grid")
    best = torch.zeros(0, 3, 3, dtype=torch.float64)
    evaluated = 0
    for k in range(len(plan.sigmas)):
        level = make_level(images, masks, plan.sigmas[k] * scale, max(1.0, plan.downsampling[k] * scale))
        rotations = torch.cat([best, draw_rotations(plan, k, best, generator)])
        values, shifts = best_displacements(level, rotations, measure, plan.overlap)
        evaluated += len(rotations)
        order = values.argsort(descending=True, stable=True)[: plan.kept[k] if k < len(plan.kept) else 1]
        best = rotations[order]
    shift = shifts[order[0]].to(torch.float64) * level.factor
    matrix = about_centre(best[0], images[0].shape[2:]) @ homogeneous(torch.eye(3, dtype=torch.float64), shift)
    return Found(matrix, float(values[order[0]]), evaluated)


def draw_rotations(plan: SearchPlan, k: int, best: Tensor, generator: torch.Generator) -> Tensor:
    """The new rotations of level k: `(rotations[k], 3, 3)` float64, near the `best` ones where k > 0."""
    number = plan.rotations[k]
    if k == 0 and plan.sampling == "uniform":
        return random_rotations(number, generator)
    largest = math.pi if k == 0 else math.radians(plan.steps[k - 1])
    angles = (2 * torch.rand(number, 3, generator=generator, dtype=torch.float64) - 1) * largest
    change = rotation_from_euler(angles, "xyz")
    return change if k == 0 else change @ best[torch.arange(number) % len(best)]


def make_level(
    images: tuple[Tensor, Tensor], masks: tuple[Tensor | None, Tensor | None], sigma: float, factor: float
) -> Level:
    """Blur both images by `sigma` voxels, then read them, and their masks, on a grid `factor` times coarser (same
    centre)."""
    smooth = [gaussian_smooth(image, sigma) if sigma > 0 else image for image in images]
    pairs = zip(images, masks, strict=True)
    whole = [torch.ones_like(image) if mask is None else mask.to(image) for image, mask in pairs]
    fixed, moving = (shrink(image, factor, "linear") for image in smooth)
    fixed_mask, moving_mask = (shrink(mask, factor, "nearest") for mask in whole)
    return Level(fixed, moving, fixed_mask, moving_mask, factor)


def shrink(image: Tensor, factor: float, mode: str) -> Tensor:
    """Read `(1, 1, *spatial)` every `factor` voxels, symmetrically about its centre; nothing is smoothed."""
    if factor == 1:
        return image
    grid = identity_grid([int((n - 1) / factor) + 1 for n in image.shape[2:]], device=image.device, dtype=image.dtype)
    turn = about_centre(torch.eye(3, dtype=torch.float64), grid.shape[2:])[:3, :3] * factor
    return sample(image, _mapped(turn, grid, image.shape[2:]), mode=mode, padding="border")


def rotate(image: Tensor, rotations: Tensor, *, mode: str, padding: str) -> Tensor:
    """`image(c + R (y - c))` on the image's own grid for each rotation `(B, 3, 3)`: `(B, C, *spatial)`."""
    grid = identity_grid(image.shape[2:], device=image.device, dtype=image.dtype)
    return sample(image, _mapped(rotations, grid, image.shape[2:]), mode=mode, padding=padding)


def _mapped(linear: Tensor, grid: Tensor, shape: Sequence[int]) -> Tensor:
    """Points `c_out + linear (y - c_grid)` for the voxels of a grid: `(B, 3, *spatial)`; centres fall on centres."""
    ours = [(n - 1) / 2 for n in grid.shape[2:]]
    theirs = torch.tensor([(n - 1) / 2 for n in shape], device=grid.device, dtype=grid.dtype).view(1, 3, 1)
    centred = grid.flatten(2) - torch.tensor(ours, device=grid.device, dtype=grid.dtype).view(1, 3, 1)
    return (linear.to(grid).view(-1, 3, 3) @ centred + theirs).unflatten(2, tuple(grid.shape[2:]))


def best_displacements(level: Level, rotations: Tensor, measure: Measure, overlap: float) -> tuple[Tensor, Tensor]:
    """For each rotation `(n, 3, 3)` the best similarity `(n,)` and its displacement `(n, 3)`, voxels of the level."""
    similarity = measure.against(measure.prepare(level.fixed, level.fixed_mask), level.fixed_mask, overlap)
    moving = measure.prepare(level.moving, level.moving_mask)
    device = level.fixed.device.type
    size = max(1, BATCH_POINTS.get(device, BATCH_POINTS["cpu"]) // (measure.channels * level.moving.numel()))
    values, shifts = [], []
    for turn in rotations.split(size):
        rotated = rotate(moving, turn, mode=measure.mode, padding=measure.padding)
        mask = rotate(level.moving_mask, turn, mode="nearest", padding="zeros")
        value, shift = similarity(rotated, mask).best()
        values.append(value.cpu())
        shifts.append(shift.cpu())
    return torch.cat(values), torch.cat(shifts)
