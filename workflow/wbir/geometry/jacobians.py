"""The Jacobian of a map `id + u` and what is read from its determinant."""

from __future__ import annotations

import torch
from torch import Tensor

from wbir.geometry.derivatives import gradient, partial
from wbir.geometry.grids import check_field

DETERMINANT_FLOOR = 1e-6  # before the logarithm only; folding is counted on the determinant as it is


def jacobian(u: Tensor) -> Tensor:
    """Jacobian of `id + u`: `(B, dim, dim, *spatial)`, entry `[i, j]` is the derivative of component i along axis j.

    u: `(B, dim, *spatial)` in voxels. Central differences inside, one-sided at the borders.
    """
    dim = check_field(u)
    matrix = gradient(u).unflatten(1, (dim, dim))
    eye = torch.eye(dim, device=u.device, dtype=u.dtype)
    return matrix + eye.view(1, dim, dim, *(1,) * dim)


def jacobian_determinant(u: Tensor) -> Tensor:
    """Determinant of the Jacobian of `id + u`: `(B, *spatial)`, no unit; 1 where u is constant."""
    dim = check_field(u)
    j = [[partial(u[:, i], a + 1) for a in range(dim)] for i in range(dim)]
    for i in range(dim):
        j[i][i].add_(1)
    if dim == 2:
        return _minor(j[0], j[1], 0, 1)
    determinant = j[0][0] * _minor(j[1], j[2], 1, 2)
    return determinant.addcmul_(j[0][1], _minor(j[1], j[2], 2, 0)).addcmul_(j[0][2], _minor(j[1], j[2], 0, 1))


def _minor(upper: list[Tensor], lower: list[Tensor], a: int, b: int) -> Tensor:
    """The 2 x 2 determinant of columns a and b of two rows."""
    return (upper[a] * lower[b]).addcmul_(upper[b], lower[a], value=-1)


def folding_mask(u: Tensor) -> Tensor:
    """Where `id + u` folds: bool `(B, *spatial)`, determinant <= 0 (or not a number) at a voxel, border included."""
    return ~(jacobian_determinant(u) > 0)


def folding_fraction(u: Tensor, mask: Tensor | None = None) -> Tensor:
    """Folded part of the voxels of each field: `(B,)` in [0, 1]; within the bool mask `(B, *spatial)` where given."""
    folded = folding_mask(u)
    mask = torch.ones_like(folded) if mask is None else mask.expand_as(folded)
    return (folded & mask).flatten(1).sum(1) / mask.flatten(1).sum(1)


def sd_log_jacobian(u: Tensor, mask: Tensor | None = None, *, floor: float = DETERMINANT_FLOOR) -> Tensor:
    """Standard deviation of the logarithm of the determinant, of each field: `(B,)` (population form, divisor N).

    The determinant is raised to `floor` before the logarithm; `folding_mask` counts on the determinant as it is.
    """
    logs = jacobian_determinant(u).clamp(min=floor).log()
    if mask is None:
        return logs.flatten(1).std(1, correction=0)
    mask = mask.expand_as(logs)
    return torch.stack([line[inside].std(correction=0) for line, inside in zip(logs, mask, strict=True)])
