"""Linear operators along one axis: small dense matrices applied by a matrix product.

A separable filter or interpolation is one `(m, n)` matrix for each axis. The border rule sits in the matrix, the
gradient is the product with its transpose, and for the sizes of images the product is fast on a CPU and on a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from wbir.errors import InputError

PADDINGS = ("replicate", "zeros")


def apply_along(x: Tensor, matrix: Tensor, axis: int) -> Tensor:
    """Multiply every line of `x` along `axis` (length n) by `matrix` `(m, n)`; the axis then has length m."""
    axis = axis % x.ndim
    matrix = matrix.to(device=x.device, dtype=x.dtype)
    if axis == x.ndim - 1:
        return x @ matrix.T
    lines = x.reshape(*x.shape[: axis + 1], -1)
    return (matrix @ lines).reshape(*x.shape[:axis], matrix.shape[0], *x.shape[axis + 1 :])


def apply_separably(x: Tensor, matrices: Sequence[Tensor | None]) -> Tensor:
    """Apply one matrix along each spatial axis of `(B, C, *spatial)`; None leaves an axis as it is."""
    for axis, matrix in enumerate(matrices):
        if matrix is not None:
            x = apply_along(x, matrix, axis + 2)
    return x


def gaussian_matrix(size: int, sigma: float, *, padding: str = "replicate", truncate: float = 4.0) -> Tensor:
    """Gaussian smoothing of a line of `size` voxels: `(size, size)` float64.

    sigma: standard deviation in voxels; the sampled kernel is cut at `truncate * sigma` and sums to one.
    padding: `replicate` continues the last voxel, `zeros` takes zero outside. Raises InputError for another word.
    """
    if padding not in PADDINGS:
        raise InputError(f"padding of {PADDINGS}", repr(padding), "take one of them")
    radius = max(1, int(truncate * sigma + 0.5))
    offsets = torch.arange(-radius, radius + 1)
    weights = torch.exp(-0.5 * (offsets.double() / sigma) ** 2)
    weights /= weights.sum()
    rows = torch.arange(size).unsqueeze(1).expand(size, len(offsets))
    columns = rows + offsets
    values = weights.expand(size, -1)
    if padding == "zeros":
        values = values * ((columns >= 0) & (columns < size))
    columns = columns.clamp(0, size - 1)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    return matrix.index_put_((rows, columns), values, accumulate=True)


def linear_matrix(new: int, old: int) -> Tensor:
    """Linear interpolation of `old` voxels at `new` points: `(new, old)` float64; the first and last centres stay."""
    positions = resized_positions(new, old)
    lower = positions.floor().clamp(max=max(old - 2, 0)).long()
    fraction = positions - lower
    matrix = torch.zeros(new, old, dtype=torch.float64)
    rows = torch.arange(new)
    matrix[rows, lower] = 1 - fraction
    if old > 1:
        matrix[rows, lower + 1] = fraction
    return matrix


def resized_positions(new: int, old: int) -> Tensor:
    """Where the `new` voxels of a resized axis lie among the `old` ones: `(new,)` float64, from 0 to old - 1."""
    return torch.arange(new, dtype=torch.float64) * ((old - 1) / max(new - 1, 1))


def sine_matrix(size: int) -> Tensor:
    """Discrete sine transform I of `size` points, `(size, size)` float64: orthonormal, symmetric, its own inverse."""
    index = torch.arange(1, size + 1, dtype=torch.float64)
    # reduced modulo the period in exact integers, so that the sine of a large argument keeps its digits
    phase = torch.remainder(torch.outer(index, index), 2 * (size + 1)) * (math.pi / (size + 1))
    return torch.sin(phase) * math.sqrt(2 / (size + 1))
