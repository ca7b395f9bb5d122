"""Bending energy and its gradient on a CPU, compiled: one pass over the field.

The same value and gradient as `regularity.bending` to rounding (a test holds them to it), float32, 2D and 3D, without
autograd. With `D` the first and `S` the second difference along an axis, the gradient of the mean squares is
`2 sum_j S_j'S_j u / n_jj + 4 sum_(j<k) (D_j'D_j)(D_k'D_k) u / n_jk`; the bands of `S'S` (five) and `D'D` (three) at each
voxel of an axis carry the borders.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from wbir.geometry.compiled import OPTIONS, as_volumes, use_torch_threads
from wbir.geometry.grids import check_field

SUMS = {**OPTIONS, "fastmath": OPTIONS["fastmath"] | {"reassoc"}}  # the sum over a row may be taken in any order
PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


def bending_with_gradient(field: Tensor, *, out: Tensor | None = None) -> tuple[float, Tensor]:
    """The bending energy of `(B, dim, *spatial)` in voxels (1 / voxel^2), and its gradient (in `out` where given).

    Raises InputError for a field that is not contiguous float32 on the CPU.
    """
    check_field(field, "field")
    out = torch.empty_like(field) if out is None else out
    volumes, gradients = as_volumes(field, "field"), as_volumes(out, "out")
    shape = volumes.shape[2:]
    factors = np.array([_factor(pair, shape) for pair in PAIRS]) / len(field)
    first = [_bands(n, np.array([-1.0, 1.0])) for n in shape]
    second = [_bands(n, np.array([1.0, -2.0, 1.0])) * (2 * factors[axis]) for axis, n in enumerate(shape)]
    use_torch_threads()
    value = sum(
        float(_bending(volume, *first, *second, factors, gradient).sum())
        for volume, gradient in zip(volumes, gradients, strict=True)
    )
    return value, out


def _factor(pair: tuple[int, int], shape: tuple[int, ...]) -> float:
    """The weight of one squared difference: 1 (pure) or 2 (mixed) over the number of places; 0 where it fits nowhere."""
    places = 1
    for axis, size in enumerate(shape):
        places *= max(size - pair.count(axis), 0)
    return 0.0 if places == 0 else (1.0 if pair[0] == pair[1] else 2.0) / places


def _bands(size: int, stencil: np.ndarray) -> np.ndarray:
    """The bands of `D'D`, `D` a difference by `stencil` (length k) along a line: `(2k - 1, size)`, lowest first."""
    k = len(stencil)
    index = np.arange(size)
    bands = np.zeros((2 * k - 1, size))
    for own, weight in enumerate(stencil):
        fits = (index - own >= 0) & (index - own <= size - k)
        for other, partner in enumerate(stencil):
            bands[other - own + k - 1] += fits * (weight * partner)
    return bands


@njit(**SUMS)
def _bending(u, ax, ay, az, bx, by, bz, factors, out):  # type: ignore[no-untyped-def]
    """The value of each plane of each component `(C, X)`; writes the gradient."""
    channels, nx, ny, nz = u.shape
    parts = np.zeros(channels * nx, dtype=np.float64)
    for job in prange(channels * nx):
        c, x = job // nx, job % nx
        rows = np.zeros((2, nz + 4), dtype=np.float32)  # a border of two zeros: no band reaches beyond it
        terms = np.zeros((2, nz + 4), dtype=np.float32)
        for y in range(ny):
            _cross_terms(u[c], x, y, ax[:, x], ay[:, y], bx[:, x], by[:, y], factors, rows, terms)
            _finish_row(rows[0], terms, az, bz, out[c, x, y])
            parts[job] += _row_value(u[c], x, y, factors)
    return parts


@njit(cache=True, error_model="numpy", fastmath=SUMS["fastmath"])
def _cross_terms(u, x, y, ax, ay, bx, by, factors, rows, terms):  # type: ignore[no-untyped-def]
    """A row's own values, what it takes as it is, and what is still to be differenced along the last axis."""
    nx, ny, nz = u.shape
    own, plain, mixed = rows[0, 2 : nz + 2], terms[0, 2 : nz + 2], terms[1, 2 : nz + 2]
    for z in range(nz):
        own[z], plain[z], mixed[z] = u[x, y, z], 0, 0
    for dx in range(-2, 3):
        for dy in range(-2, 3):
            if abs(dx) + abs(dy) > 2 or not (0 <= x + dx < nx and 0 <= y + dy < ny):
                continue
            as_is, later = 0.0, 0.0
            if dy == 0:
                as_is += bx[dx + 2]
            if dx == 0:
                as_is += by[dy + 2]
            if abs(dx) <= 1 and abs(dy) <= 1:
                as_is += 2 * factors[3] * ax[dx + 1] * ay[dy + 1]
                later += 2 * factors[4] * ax[dx + 1] if dy == 0 else 0.0
                later += 2 * factors[5] * ay[dy + 1] if dx == 0 else 0.0
            row, weight, weight_later = u[x + dx, y + dy], np.float32(as_is), np.float32(later)
            if later == 0:
                for z in range(nz):
                    plain[z] += weight * row[z]
            else:
                for z in range(nz):
                    plain[z] += weight * row[z]
                    mixed[z] += weight_later * row[z]


@njit(cache=True, error_model="numpy", fastmath=SUMS["fastmath"])
def _finish_row(own, terms, az, bz, out):  # type: ignore[no-untyped-def]
    """Add what lies along the last axis."""
    plain, mixed = terms[0], terms[1]
    for z in range(len(out)):
        pure = (
            bz[0, z] * own[z]
            + bz[1, z] * own[z + 1]
            + bz[2, z] * own[z + 2]
            + bz[3, z] * own[z + 3]
            + bz[4, z] * own[z + 4]
        )
        out[z] = plain[z + 2] + pure + az[0, z] * mixed[z + 1] + az[1, z] * mixed[z + 2] + az[2, z] * mixed[z + 3]


@njit(cache=True, error_model="numpy", fastmath=SUMS["fastmath"])
def _row_value(u, x, y, factors):  # type: ignore[no-untyped-def]
    """The weighted squares of the differences that start on a row."""
    nx, ny, nz = u.shape
    row, two = u[x, y], np.float32(2)
    total = 0.0
    pure = mixed = np.float32(0)
    for z in range(nz - 2):
        pure += (row[z + 2] - two * row[z + 1] + row[z]) ** 2
    total += factors[2] * pure
    if x + 2 < nx:
        pure, near, far = np.float32(0), u[x + 1, y], u[x + 2, y]
        for z in range(nz):
            pure += (far[z] - two * near[z] + row[z]) ** 2
        total += factors[0] * pure
    if y + 2 < ny:
        pure, near, far = np.float32(0), u[x, y + 1], u[x, y + 2]
        for z in range(nz):
            pure += (far[z] - two * near[z] + row[z]) ** 2
        total += factors[1] * pure
    if x + 1 < nx and y + 1 < ny:
        mixed, right, below, corner = np.float32(0), u[x + 1, y], u[x, y + 1], u[x + 1, y + 1]
        for z in range(nz):
            mixed += (corner[z] - right[z] - below[z] + row[z]) ** 2
        total += factors[3] * mixed
    for step in range(2):
        if (x + 1 < nx and step == 0) or (y + 1 < ny and step == 1):
            mixed, other = np.float32(0), u[x + 1 - step, y + step]
            for z in range(nz - 1):
                mixed += (other[z + 1] - other[z] - row[z + 1] + row[z]) ** 2
            total += factors[4 + step] * mixed
    return total
