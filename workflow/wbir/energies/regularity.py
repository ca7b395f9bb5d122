"""Regularity of a displacement or velocity `(B, dim, *spatial)` in voxels: energies to be minimised, voxel units.

Differences are one-sided and taken only where their stencil fits into the grid; each difference is averaged over those
places (and over the batch) before the sum over components and axes. So the value does not depend on the number of
voxels, and a field `u(x) = A x` has exactly `diffusion = ||A||_F^2` and `bending = curvature = 0`, borders included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from wbir.errors import InputError

SLAB = 1 << 18  # numbers worked on at a time on a CPU: what its cache holds
Term = tuple[tuple[int, ...], float]  # axes to difference along, one after the other, and a weight


def diffusion(field: Tensor) -> Tensor:
    """Mean over voxels of `sum_ij (d_j u_i)^2`, first-order differences. Scalar, voxel^2 / voxel^2."""
    dim = _dim(field)
    return _SquaredDifferences.apply(field, tuple(((j,), 1.0) for j in range(dim)))


def bending(field: Tensor) -> Tensor:
    """Mean over voxels of `sum_i sum_jk (d_jk u_i)^2`, compact second-order differences (Rueckert et al. 1999, Eq. 3).

    The stencils are `u(+1) - 2 u + u(-1)` and the mixed `u(1,1) - u(1,0) - u(0,1) + u(0,0)`, the mixed ones counted
    twice. Scalar, 1 / voxel^2. A grid with fewer than three voxels along an axis has no pure difference there.
    """
    dim = _dim(field)
    pairs = ((j, k) for j in range(dim) for k in range(j, dim))
    return _SquaredDifferences.apply(field, tuple(((j, k), 1.0 if j == k else 2.0) for j, k in pairs))


def curvature(field: Tensor) -> Tensor:
    """Mean over interior voxels of `sum_i (laplacian u_i)^2` (Fischer and Modersitzki 2003). Scalar, 1 / voxel^2.

    Raises InputError for fewer than three voxels along an axis.
    """
    dim = _dim(field)
    if min(field.shape[2:]) < 3:
        raise InputError("at least 3 voxels along each axis", f"a field of {tuple(field.shape)}", "take a finer grid")
    inner = (slice(None), slice(None), *(slice(1, -1),) * dim)
    laplacian = -2.0 * dim * field[inner]
    for axis in range(2, dim + 2):
        for side in (slice(None, -2), slice(2, None)):
            laplacian = laplacian + field[(*inner[:axis], side, *inner[axis + 1 :])]
    return laplacian.square().sum(dim=1).mean()


def _dim(field: Tensor) -> int:
    dim = field.ndim - 2
    if dim not in (2, 3) or field.shape[1] != dim:
        raise InputError("a field (B, dim, *spatial) in 2D or 3D", f"{tuple(field.shape)}", "check the axis order")
    return dim


class _SquaredDifferences(torch.autograd.Function):
    """Sum over terms of the weighted mean square of repeated differences: a quadratic form, with a closed gradient.

    The gradient `2 D^T D u` is computed with the value, while `D u` is at hand; there is no second derivative.
    """

    @staticmethod
    def forward(ctx: Any, field: Tensor, terms: Sequence[Term]) -> Tensor:
        total = field.new_zeros(())
        gradient = torch.zeros_like(field) if ctx.needs_input_grad[0] else None
        step = max(1, SLAB // field[:, :, 0].numel()) if field.device.type == "cpu" else field.shape[2]
        for start in range(0, field.shape[2], step):
            for axes, weight in terms:
                total += _add_term(field.detach(), gradient, axes, weight, (start, start + step))
        ctx.gradient = gradient
        return total

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None]:
        return outer[0] * ctx.gradient, None


def _add_term(
    field: Tensor, gradient: Tensor | None, axes: Sequence[int], weight: float, planes: tuple[int, int]
) -> Tensor | float:
    """One term's value over the differences that start at these planes of the first axis; adds their gradient."""
    sizes = [n - axes.count(axis) for axis, n in enumerate(field.shape[2:])]
    count = min(planes[1], sizes[0]) - planes[0]
    if count <= 0 or min(sizes) <= 0:
        return 0.0
    depth = count + axes.count(0)
    difference = field.narrow(2, planes[0], depth)
    for axis in axes:
        difference = difference.diff(dim=axis + 2)
    factor = weight / (field.shape[0] * math.prod(sizes))
    if gradient is not None:
        _add_adjoint(gradient.narrow(2, planes[0], depth), difference, axes, 2.0 * factor)
    flat = difference.reshape(-1)
    return factor * torch.dot(flat, flat)


def _add_adjoint(target: Tensor, difference: Tensor, axes: Sequence[int], factor: float) -> None:
    """Add `factor * D^T difference` to `target`, in place, `D` the repeated difference along `axes`."""
    last = axes[-1] + 2
    size = target.shape[last] - axes.count(axes[-1])
    for start, sign in ((1, factor), (0, -factor)):
        if len(axes) == 1:
            target.narrow(last, start, size).add_(difference, alpha=sign)
        elif axes[0] != axes[1]:
            first = axes[0] + 2
            part = target.narrow(last, start, size)
            part.narrow(first, 1, difference.shape[first]).add_(difference, alpha=sign)
            part.narrow(first, 0, difference.shape[first]).add_(difference, alpha=-sign)
    if len(axes) == 2 and axes[0] == axes[1]:
        for start, sign in ((0, factor), (1, -2.0 * factor), (2, factor)):
            target.narrow(last, start, size).add_(difference, alpha=sign)
