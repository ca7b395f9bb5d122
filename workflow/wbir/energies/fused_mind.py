"""MIND-SSC on a CPU, compiled: `mind.mind_ssc` in two passes, without autograd (a test holds it to the torch form)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from wbir.energies.mind import VARIANCE_RANGE, check_arguments, pairs_of
from wbir.geometry.compiled import OPTIONS, as_volumes, use_torch_threads

PLANES = 8  # of the first axis that a job works on
LOOP: dict[str, Any] = {"cache": True, "error_model": "numpy", "fastmath": OPTIONS["fastmath"]}


def mind_ssc(image: Tensor, radius: int = 1, dilation: int = 2, *, out: Tensor | None = None) -> Tensor:
    """The features of `mind.mind_ssc` (in `out` where given). Raises InputError for other than float32 on the CPU."""
    dim = check_arguments(image, radius, dilation)
    pairs = pairs_of(dim)
    out = image.new_empty(len(image), len(pairs), *image.shape[2:]) if out is None else out
    reach = np.array([dilation if axis >= 3 - dim else 0 for axis in range(3)])
    # the neighbours' offsets in (X, Y, Z), where a 2D image has X = 1
    offsets = np.zeros((len(pairs), 2, 3), dtype=np.int64)
    for k, pair in enumerate(pairs):
        for i, (axis, side) in enumerate(pair):
            offsets[k, i, axis + 3 - dim] = side * dilation
    variance = np.empty((image.shape[2] if dim == 3 else 1, *image.shape[-2:]), dtype=np.float32)
    radii = (radius if dim == 3 else 0, radius, radius)
    use_torch_threads()
    for volume, features in zip(as_volumes(image, "image")[:, 0], as_volumes(out, "out"), strict=True):
        padded = np.pad(volume, [(n, n) for n in reach], mode="edge")
        centre = _distances(padded, reach, offsets, radii, features, variance).sum() / variance.size
        _scale(features, variance, np.float32(centre / VARIANCE_RANGE), np.float32(centre * VARIANCE_RANGE))
    return torch.exp(out, out=out)


@njit(**LOOP)
def _plane_sums(padded, start, offset, radii, lines, squares, out):  # type: ignore[no-untyped-def]
    """Patch sums within one plane of the squared difference of two neighbours; the border's squares are repeated."""
    ny, nz = out.shape
    (xa, ya, za), (xb, yb, zb) = start + offset[0], start + offset[1]
    for y in range(ny):
        first, second = padded[xa, ya + y, za : za + nz], padded[xb, yb + y, zb : zb + nz]
        for z in range(nz):
            squares[y, z] = (first[z] - second[z]) ** 2
    ry, rz = radii[1], radii[2]
    for y in range(ny):
        line = lines[rz : rz + nz]
        line[:] = squares[y]
        for k in range(1, ry + 1):
            above, below = squares[max(y - k, 0)], squares[min(y + k, ny - 1)]
            for z in range(nz):
                line[z] += above[z] + below[z]
        for k in range(rz):
            lines[k], lines[rz + nz + k] = line[0], line[nz - 1]
        row = out[y]
        row[:] = line
        for k in range(1, rz + 1):
            left, right = lines[rz - k : rz - k + nz], lines[rz + k : rz + k + nz]
            for z in range(nz):
                row[z] += left[z] + right[z]


@njit(**LOOP)
def _less_the_least(features, variance):  # type: ignore[no-untyped-def]
    """Take the least of the distances `(pairs, Z)` from all; their mean into `variance` `(Z,)`; the sum of that."""
    pairs, nz = features.shape
    least = features[0].copy()
    for k in range(1, pairs):
        for z in range(nz):
            least[z] = min(least[z], features[k, z])
    variance[:] = 0
    for k in range(pairs):
        for z in range(nz):
            features[k, z] -= least[z]
            variance[z] += features[k, z]
    total = 0.0
    for z in range(nz):
        variance[z] /= pairs
        total += variance[z]
    return total


@njit(**OPTIONS)
def _distances(padded, reach, offsets, radii, features, variance):  # type: ignore[no-untyped-def]
    """`d - min d` into `features`, its mean over the pairs into `variance`, and the sum of that for each job."""
    pairs, nx, ny, nz = features.shape
    rx = radii[0]
    share = np.float32(1 / ((2 * radii[0] + 1) * (2 * radii[1] + 1) * (2 * radii[2] + 1)))
    parts = np.zeros((nx + PLANES - 1) // PLANES, dtype=np.float64)
    for job in prange(len(parts)):
        low, high = np.int64(job) * PLANES, min(np.int64(job) * PLANES + PLANES, nx)
        sums = np.empty((high - low + 2 * rx, ny, nz), dtype=np.float32)
        squares, lines = np.empty((ny, nz), dtype=np.float32), np.empty(nz + 2 * radii[2], dtype=np.float32)
        for k in range(pairs):
            for i in range(len(sums)):
                start = reach.copy()
                start[0] += min(max(low - rx + i, 0), nx - 1)
                _plane_sums(padded, start, offsets[k], radii, lines, squares, sums[i])
            for x in range(low, high):
                for y in range(ny):
                    row = features[k, x, y]
                    row[:] = 0
                    for i in range(2 * rx + 1):
                        for z in range(nz):
                            row[z] += share * sums[x - low + i, y, z]
        for x in range(low, high):
            for y in range(ny):
                parts[job] += _less_the_least(features[:, x, y], variance[x, y])
    return parts


@njit(**OPTIONS)
def _scale(features, variance, low, high):  # type: ignore[no-untyped-def]
    """Divide by minus the variance, held between its bounds."""
    pairs, nx, ny, nz = features.shape
    for x in prange(nx):
        for y in range(ny):
            for k in range(pairs):
                row, own = features[k, x, y], variance[x, y]
                for z in range(nz):
                    row[z] = -row[z] / min(max(own[z], low), high)
