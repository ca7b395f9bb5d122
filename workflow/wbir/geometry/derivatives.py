"""First and second derivatives on a grid with spacing one voxel."""

from __future__ import annotations

import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.grids import check_field, check_image

BOUNDARIES = ("replicate", "zeros")


def partial(x: Tensor, axis: int) -> Tensor:
    """Derivative along a tensor axis: central differences inside, one-sided at the borders (as numpy.gradient).

    Along an axis of one voxel it is zero.
    """
    size = x.shape[axis]
    if size == 1:
        return torch.zeros_like(x)
    first = x.narrow(axis, 1, 1) - x.narrow(axis, 0, 1)
    last = x.narrow(axis, size - 1, 1) - x.narrow(axis, size - 2, 1)
    if size == 2:
        return torch.cat([first, last], axis)
    inside = (x.narrow(axis, 2, size - 2) - x.narrow(axis, 0, size - 2)).div_(2)
    return torch.cat([first, inside, last], axis)


def gradient(image: Tensor) -> Tensor:
    """Spatial gradient of `(B, C, *spatial)`: `(B, C * dim, *spatial)`, per voxel.

    Channel `c * dim + a` is the derivative of channel c along array axis a; borders as in `partial`.
    """
    dim = check_image(image)
    parts = torch.stack([partial(image, axis + 2) for axis in range(dim)], 2)
    return parts.flatten(1, 2)


def divergence(field: Tensor) -> Tensor:
    """Divergence of `(B, dim, *spatial)`: `(B, 1, *spatial)`; borders as in `partial`.

    It is the negative adjoint of `gradient` for images and fields that vanish on the border voxels.
    """
    dim = check_field(field, "field")
    return sum((partial(field[:, a : a + 1], a + 2) for a in range(1, dim)), partial(field[:, :1], 2))


def curl(field: Tensor) -> Tensor:
    """Curl of `(B, dim, *spatial)` along the array axes: `(B, 3, *spatial)` in 3D, `(B, 1, *spatial)` in 2D.

    In 2D it is `d_0 u_1 - d_1 u_0`; borders as in `partial`.
    """
    dim = check_field(field, "field")
    if dim == 2:
        return partial(field[:, 1:], 2) - partial(field[:, :1], 3)
    pairs = ((1, 2), (2, 0), (0, 1))
    parts = [partial(field[:, b : b + 1], a + 2) - partial(field[:, a : a + 1], b + 2) for a, b in pairs]
    return torch.cat(parts, 1)


def laplacian(field: Tensor, *, boundary: str = "replicate") -> Tensor:
    """Laplacian of each channel of `(B, C, *spatial)` by the compact stencil of `2 * dim + 1` voxels; same shape.

    boundary: what lies outside the grid: `replicate` (the border voxel again, zero flux) or `zeros` (zero, Dirichlet).
    Inside, both are the operator that `poisson.solve_dirichlet` inverts. Raises InputError for another boundary.
    """
    dim = check_image(field)
    if boundary not in BOUNDARIES:
        raise InputError(f"a boundary of {BOUNDARIES}", repr(boundary), "take one of them")
    total = torch.zeros_like(field)
    for axis in range(2, dim + 2):
        difference = torch.diff(field, dim=axis)
        first, last = field.narrow(axis, 0, 1), field.narrow(axis, field.shape[axis] - 1, 1)
        if boundary == "replicate":
            first, last = torch.zeros_like(first), torch.zeros_like(last)
        total = total + torch.diff(torch.cat([first, difference, -last], axis), dim=axis)
    return total
