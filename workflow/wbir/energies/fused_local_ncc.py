"""Local normalised cross-correlation and its gradient on a CPU, compiled: `local_ncc` in four passes over memory.

The same value and gradient as `LocalNCC` to rounding (a test holds it to it), for images of one channel, float32, 2D
and 3D, without autograd. A box sum runs along the first two axes (in double precision: one voxel enters, one leaves)
and doubles along the last. The window's sums lie in one buffer of three volumes: the second pass, which turns them into
the gradient's terms, writes plane x over the plane of sums that it has just needed for the last time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from wbir.energies.local_ncc import EPSILON
from wbir.errors import InputError
from wbir.geometry.compiled import OPTIONS, as_volumes, use_torch_threads

ROW_NUMBERS = 1024  # numbers of one image plane that a job works on: its running sums stay in the nearest cache
LOOP: dict[str, Any] = {"cache": True, "error_model": "numpy", "fastmath": OPTIONS["fastmath"]}


class FusedLocalNCC:
    """The similarity to one fixed image `(1, 1, *spatial)`, whose window sums are kept, and its gradient.

    window: odd, voxels. epsilon: variance of intensity below which a window counts as flat. The working memory (five
    images) is kept from call to call. Raises InputError for an even window or images that do not fit.
    """

    def __init__(self, fixed: Tensor, window: int = 9, epsilon: float = EPSILON) -> None:
        if window < 1 or window % 2 == 0:
            raise InputError("an odd window", str(window), "give 3, 5, 7, 9, …")
        self.shape, self.radius, self.epsilon = fixed.shape, window // 2, np.float32(epsilon)
        self._fixed = self._volume(fixed, "fixed")
        self._weights = [_inverse_counts(n, self.radius) for n in self._fixed.shape]
        planes, *plane = self._fixed.shape
        self._sums = np.empty((3, planes + self.radius + 1, *plane), dtype=np.float32)
        self._mean, self._precision = np.empty_like(self._fixed), np.empty_like(self._fixed)
        use_torch_threads()
        _sum_products(self._fixed, self._fixed, self.radius, self._sums)
        _fixed_moments(self._sums, self.radius, *self._weights, self.epsilon, self._mean, self._precision)

    def value(self, moving: Tensor) -> float:
        """The similarity, in [0, 1], higher is more alike."""
        return self._forward(self._volume(moving, "moving"), False)

    def value_and_gradient(self, moving: Tensor, *, out: Tensor | None = None) -> tuple[float, Tensor]:
        """The similarity and its derivative in `moving`, of moving's shape (in `out` where given)."""
        volume = self._volume(moving, "moving")
        out = torch.empty_like(moving) if out is None else out
        value = self._forward(volume, True)
        _sum_planes(self._sums, self.radius)
        _gradient(self._fixed, volume, self._sums, self.radius, self._volume(out, "out"))
        return value, out

    def _forward(self, moving: np.ndarray, gradient: bool) -> float:
        use_torch_threads()
        _sum_products(self._fixed, moving, self.radius, self._sums)
        parts = _correlation(
            self._sums, self.radius, *self._weights, self.epsilon, self._mean, self._precision, gradient
        )
        return float(parts.sum() / moving.size)

    def _volume(self, image: Tensor, name: str) -> np.ndarray:
        if image.shape != self.shape or image.shape[:2] != (1, 1):
            wanted = f"{name} as (1, 1, *spatial) of the fixed image's shape {tuple(self.shape)}"
            raise InputError(wanted, f"shape {tuple(image.shape)}", "resample it to the fixed grid")
        return as_volumes(image, name)[0, 0]


def _inverse_counts(size: int, radius: int) -> np.ndarray:
    """One over the number of a window's voxels inside a line, at each voxel: `(size,)` float64."""
    index = np.arange(size)
    return 1.0 / (np.minimum(index + radius, size - 1) - np.maximum(index - radius, 0) + 1)


@njit(**LOOP)
def _box_plane(plane, radius, total, lines, out):  # type: ignore[no-untyped-def]
    """Sums over squares of a plane `(Y, Z)`, zero outside. Scratch: total `(Z,)`, lines `(2, Z + 2 radius)`."""
    ny, nz = plane.shape
    total[:] = 0
    for y in range(min(radius, ny)):
        for z in range(nz):
            total[z] += plane[y, z]
    for y in range(ny):
        if y + radius < ny:
            for z in range(nz):
                total[z] += plane[y + radius, z]
        if y > radius:
            for z in range(nz):
                total[z] -= plane[y - radius - 1, z]
        line = lines[0]
        line[:radius] = 0
        line[radius + nz :] = 0
        for z in range(nz):
            line[radius + z] = total[z]
        _window_sum(lines, 2 * radius + 1, out[y])


@njit(**LOOP)
def _window_sum(lines, window, out):  # type: ignore[no-untyped-def]
    """`out[z] = sum of lines[0, z : z + window]`: sums of 1, 2, 4, … are doubled from one line into the other."""
    nz, reach = len(out), lines.shape[1]
    line, other = lines[0], lines[1]
    out[:] = 0
    done, size = 0, 1
    while True:
        if window & size:
            for z in range(nz):
                out[z] += line[done + z]
            done += size
        if done == window:
            break
        reach -= size
        for z in range(reach):
            other[z] = line[z] + line[z + size]
        line, other = other, line
        size *= 2


@njit(**OPTIONS)
def _sum_products(fixed, moving, radius, sums):  # type: ignore[no-untyped-def]
    """Plane sums of m, m^2 and f m; plane x lies at `sums[:, x + radius + 1]`."""
    nx, ny, nz = fixed.shape
    for x in prange(nx):
        plane = np.empty((3, ny, nz), dtype=np.float32)
        total, lines = np.empty(nz, dtype=np.float64), np.empty((2, nz + 2 * radius), dtype=np.float32)
        for y in range(ny):
            for z in range(nz):
                m = moving[x, y, z]
                plane[0, y, z] = m
                plane[1, y, z] = m * m
                plane[2, y, z] = fixed[x, y, z] * m
        for k in range(3):
            _box_plane(plane[k], radius, total, lines, sums[k, x + radius + 1])


@njit(**OPTIONS)
def _sum_planes(terms, radius):  # type: ignore[no-untyped-def]
    """Plane sums of the three terms, in place."""
    nx, nz = terms.shape[1] - radius - 1, terms.shape[3]
    for x in prange(nx):
        total, lines = np.empty(nz, dtype=np.float64), np.empty((2, nz + 2 * radius), dtype=np.float32)
        for k in range(3):
            _box_plane(terms[k, x].copy(), radius, total, lines, terms[k, x])


@njit(**LOOP)
def _advance(total, planes, x, radius, offset, count, rows):  # type: ignore[no-untyped-def]
    """Move running sums over `planes` `(K, X, Y, Z)` to plane x: one enters, one leaves. total `(K, rows, Z)`."""
    start, stop = rows
    nz = planes.shape[3]
    for k in range(total.shape[0]):
        for y in range(start, stop):
            if x + radius < count:
                for z in range(nz):
                    total[k, y - start, z] += planes[k, x + radius + offset, y, z]
            if x > radius:
                for z in range(nz):
                    total[k, y - start, z] -= planes[k, x - radius - 1 + offset, y, z]


@njit(**LOOP)
def _started(planes, number, radius, offset, count, rows):  # type: ignore[no-untyped-def]
    """Running sums of the first `number` arrays, just before plane 0."""
    start, stop = rows
    total = np.zeros((number, stop - start, planes.shape[3]), dtype=np.float64)
    for x in range(min(radius, count)):
        for k in range(number):
            for y in range(start, stop):
                for z in range(planes.shape[3]):
                    total[k, y - start, z] += planes[k, x + offset, y, z]
    return total


@njit(**OPTIONS)
def _fixed_moments(sums, radius, weight_x, weight_y, weight_z, epsilon, mean, precision):  # type: ignore[no-untyped-def]
    """The fixed image's window mean and `1 / (variance + epsilon)`."""
    nx, ny, nz = mean.shape
    step = max(1, ROW_NUMBERS // nz)
    for job in prange((ny + step - 1) // step):
        rows = (job * step, min(job * step + step, ny))
        total = _started(sums, 2, radius, radius + 1, nx, rows)
        for x in range(nx):
            _advance(total, sums, x, radius, radius + 1, nx, rows)
            for y in range(rows[0], rows[1]):
                weight = weight_x[x] * weight_y[y]
                for z in range(nz):
                    centre = total[0, y - rows[0], z] * (weight * weight_z[z])
                    variance = total[1, y - rows[0], z] * (weight * weight_z[z]) - centre * centre
                    mean[x, y, z] = centre
                    precision[x, y, z] = np.float32(1) / (np.float32(max(variance, 0.0)) + epsilon)


@njit(**OPTIONS)
def _correlation(sums, radius, weight_x, weight_y, weight_z, epsilon, mean, precision, gradient):  # type: ignore[no-untyped-def]
    """The sum of the squared correlations for each job; where `gradient`, its three terms in place of the sums.

    With `weight = 2 cov / ((var f + e)(var m + e)) / n / voxels` these are `weight`, `own = weight cov / (var m + e)`
    and `weight mean_f - own mean_m`.
    """
    nx, ny, nz = mean.shape
    step = max(1, ROW_NUMBERS // nz)
    parts = np.zeros((ny + step - 1) // step, dtype=np.float64)
    for job in prange(len(parts)):
        rows = (job * step, min(job * step + step, ny))
        total = _started(sums, 3, radius, radius + 1, nx, rows)
        squares = np.empty(nz, dtype=np.float32)
        for x in range(nx):
            _advance(total, sums, x, radius, radius + 1, nx, rows)
            for y in range(rows[0], rows[1]):
                weight_xy = weight_x[x] * weight_y[y]
                first, second, third = total[0, y - rows[0]], total[1, y - rows[0]], total[2, y - rows[0]]
                for z in range(nz):
                    share = weight_xy * weight_z[z]
                    centre = first[z] * share
                    variance = max(second[z] * share - centre * centre, 0.0)
                    covariance = np.float32(third[z] * share - mean[x, y, z] * centre)
                    own_precision = np.float32(1) / (np.float32(variance) + epsilon)
                    slope = covariance * precision[x, y, z] * own_precision
                    squares[z] = slope * covariance
                    if gradient:
                        term = np.float32(2 * share / mean.size) * slope
                        own = term * covariance * own_precision
                        sums[0, x, y, z] = term
                        sums[1, x, y, z] = own
                        sums[2, x, y, z] = term * mean[x, y, z] - own * np.float32(centre)
                for z in range(nz):
                    parts[job] += squares[z]
    return parts


@njit(**OPTIONS)
def _gradient(fixed, moving, terms, radius, out):  # type: ignore[no-untyped-def]
    """`f S(weight) - m S(own) - S(rest)` from the plane sums of the three terms."""
    nx, ny, nz = fixed.shape
    step = max(1, ROW_NUMBERS // nz)
    for job in prange((ny + step - 1) // step):
        rows = (job * step, min(job * step + step, ny))
        total = _started(terms, 3, radius, 0, nx, rows)
        for x in range(nx):
            _advance(total, terms, x, radius, 0, nx, rows)
            for y in range(rows[0], rows[1]):
                first, second, third = total[0, y - rows[0]], total[1, y - rows[0]], total[2, y - rows[0]]
                for z in range(nz):
                    out[x, y, z] = fixed[x, y, z] * first[z] - moving[x, y, z] * second[z] - third[z]
