"""Composition, inversion and exponential of displacements; all `(B, dim, *spatial)` in voxels, pull-back."""

from __future__ import annotations

from torch import Tensor

from wbir.geometry.grids import check_field
from wbir.geometry.warping import warp


def compose(u: Tensor, v: Tensor) -> Tensor:
    """The displacement of `(id + u) o (id + v)`: `v(x) + u(x + v(x))`. Warping by it is warping by u first, then by v.

    Outside the grid u goes on with its border values.
    """
    check_field(u)
    check_field(v)
    return v + warp(u, v)


def invert(u: Tensor, *, iterations: int = 50, tolerance: float = 1e-3) -> Tensor:
    """The displacement w of the inverse map, `w(x) = -u(x + w(x))`, by fixed-point iteration (Chen et al. 2008, Med Phys 35).

    Ends when no component moves by more than `tolerance` voxels, or after `iterations`. It converges where u changes by less
    than one voxel for each voxel; for a folded field there is no inverse and the result means nothing.
    """
    check_field(u)
    inverse = -u
    for _ in range(iterations):
        previous, inverse = inverse, -warp(u, inverse)
        if float((inverse - previous).detach().abs().max()) < tolerance:
            break
    return inverse


def exponential(velocity: Tensor, *, squarings: int = 7) -> Tensor:
    """The displacement of `exp(velocity)`, time one of a stationary velocity field in voxels, by scaling and squaring.

    `velocity / 2^squarings` is taken as a small displacement and composed with itself `squarings` times
    (Arsigny et al. 2006, MICCAI).
    """
    check_field(velocity, "velocity")
    displacement = velocity / 2**squarings
    for _ in range(squarings):
        displacement = compose(displacement, displacement)
    return displacement
