"""The norm of LDDMM velocities, `||L v||^2` with `L = (-alpha Laplace + gamma)^beta` (Beg et al. 2005, IJCV 61)."""

from __future__ import annotations

from torch import Tensor

from wbir.errors import InputError


def operator_norm(velocity: Tensor, *, alpha: float, gamma: float, beta: int = 2, voxel: float = 1.0) -> Tensor:
    """`sum |L v|^2` over voxels and components, mean over the batch: the L2 norm of Eq. 2 of WBIR 2022 paper 11. Scalar.

    velocity: `(B, dim, *spatial)`, voxels. beta: how often the operator is applied. voxel: the edge of a voxel in the
    length that alpha, gamma and the norm count in; on a grid coarser by that factor than the paper's, the norm is then
    that of the same motion on the paper's grid (the Laplacian falls by voxel^2, the sum grows by voxel^(2 + dim)).

    The Laplacian is the compact stencil where it fits into the grid: each application leaves out a border of one voxel,
    and the sum is scaled up to the whole grid. Raises InputError for beta below 1 or a grid with nothing left inside.
    """
    dim = velocity.shape[1]
    if velocity.ndim != dim + 2 or dim not in (2, 3):
        got = f"shape {tuple(velocity.shape)}"
        raise InputError("a velocity (B, dim, *spatial) in 2D or 3D", got, "check the axis order")
    if beta < 1 or min(velocity.shape[2:]) <= 2 * beta:
        got = f"beta {beta} on a grid of {tuple(velocity.shape[2:])}"
        raise InputError("beta of 1 or more and axes of more than 2 beta voxels", got, "take a finer grid")
    field = velocity
    for _ in range(beta):
        field = _apply(field, alpha / voxel**2, gamma)
    inside = field.square().sum() / velocity.shape[0]
    return inside * (velocity[0, 0].numel() / field[0, 0].numel()) * voxel ** (2 + dim)


def _apply(field: Tensor, alpha: float, gamma: float) -> Tensor:
    """`gamma v - alpha Laplace v` on the voxels that have all neighbours."""
    axes = range(2, field.ndim)
    inner = (slice(None), slice(None), *(slice(1, -1) for _ in axes))
    result = (gamma + 2 * len(axes) * alpha) * field[inner]
    for axis in axes:
        for side in (slice(None, -2), slice(2, None)):
            result = result - alpha * field[(*inner[:axis], side, *inner[axis + 1 :])]
    return result
