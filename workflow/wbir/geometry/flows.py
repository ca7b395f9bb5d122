"""Composition, inversion and exponential of displacements; all `(B, dim, *spatial)` in voxels, pull-back."""

from __future__ import annotations

import torch
from torch import Tensor

from wbir.geometry.grids import check_field, identity_grid
from wbir.geometry.warping import normalised_scale, sample_normalised, warp

SLOW = 0.8  # an error that falls by less than this factor asks for a smaller step
SMALLEST_STEP = 1 / 16


def compose(u: Tensor, v: Tensor) -> Tensor:
    """The displacement of `(id + u) o (id + v)`: `v(x) + u(x + v(x))`. Warping by it is warping by u first, then by v.

    Outside the grid u goes on with its border values.
    """
    check_field(u)
    check_field(v)
    return v + warp(u, v)


def invert(u: Tensor, *, iterations: int = 50, tolerance: float = 1e-3) -> Tensor:
    """The displacement w of the inverse map, by the fixed point `w(x) = -u(x + w(x))` (Chen et al. 2008, Med Phys 35).

    Ends when no component misses the fixed point by more than `tolerance` voxels, or after `iterations`. The plain
    iteration diverges where u changes by more than one voxel from voxel to voxel, as large diffeomorphisms do; every
    voxel is solved by itself, so a voxel whose error does not fall takes half of its last step. A folded field has no
    inverse, and what comes back then means nothing.
    """
    check_field(u)
    scale, grid, u = _normalised(u)
    inverse, error = -u, None
    step = torch.ones_like(u[:, :1])
    for _ in range(iterations):
        residual = inverse + sample_normalised(u, grid + inverse, "border")
        missed = (residual.detach() / scale).abs().amax(1, keepdim=True)
        if float(missed.max()) < tolerance:
            break
        if error is not None:
            step = torch.where(missed > SLOW * error, step / 2, step).clamp_(min=SMALLEST_STEP)
        inverse, error = inverse - step * residual, missed
    return inverse / scale


def exponential(velocity: Tensor, *, squarings: int = 7) -> Tensor:
    """The displacement of `exp(velocity)`, time one of a stationary velocity field in voxels, by scaling and squaring.

    `velocity / 2^squarings` is taken as a small displacement and composed with itself `squarings` times
    (Arsigny et al. 2006, MICCAI). Outside the grid it goes on with its border values.
    """
    check_field(velocity, "velocity")
    scale, grid, displacement = _normalised(velocity)
    displacement = displacement / 2**squarings
    for _ in range(squarings):
        displacement = displacement + sample_normalised(displacement, grid + displacement, "border")
    return displacement / scale


def _normalised(u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The scale, the identity and `u` in grid_sample's units: iterations then work without a change of units."""
    scale = normalised_scale(u.shape[2:], u)
    grid = identity_grid(u.shape[2:], device=u.device, dtype=u.dtype) * scale + (scale / 2 - 1)
    return scale, grid.expand(u.shape[0], *grid.shape[1:]), u * scale
