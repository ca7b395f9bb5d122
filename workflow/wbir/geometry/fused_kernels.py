"""Compiled loops of `fused.py`: float32 arrays of three spatial axes, one pass each, threads over the first axis.

A point outside the grid is moved to its border; a NaN stays a NaN. Images `(C, X, Y, Z)`, fields `(3, X, Y, Z)` in
voxels. Every kernel writes into arrays that it is given, and gives the same bytes on any number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from wbir.geometry.compiled import INLINED, OPTIONS


@njit(**INLINED)
def bracket(position, size):  # type: ignore[no-untyped-def]
    """The voxels below and above a position, the fraction between them, and 1 where moving it moves the value."""
    last = np.float32(size - 1)
    inside = np.float32(1.0) if position > 0 and position < last else np.float32(0.0)
    held = np.float32(0.0) if position < 0 else position
    held = last if held > last else held
    lower = int(held if held > 0 else np.float32(0.0))  # of a NaN: 0
    upper = lower + 1 if lower < size - 1 else lower
    return lower, upper, held - np.float32(lower), inside


@njit(**INLINED)
def mix(a, b, t):  # type: ignore[no-untyped-def]
    return a + t * (b - a)


@njit(**INLINED)
def _read(m, x0, x1, fx, y0, y1, fy, z0, z1, fz):  # type: ignore[no-untyped-def]
    near = mix(mix(m[x0, y0, z0], m[x0, y0, z1], fz), mix(m[x0, y1, z0], m[x0, y1, z1], fz), fy)
    far = mix(mix(m[x1, y0, z0], m[x1, y0, z1], fz), mix(m[x1, y1, z0], m[x1, y1, z1], fz), fy)
    return mix(near, far, fx)


@njit(**OPTIONS)
def warp_kernel(m, field, out):  # type: ignore[no-untyped-def]
    """`out(x) = m(x + field(x))` of one channel `(X, Y, Z)`."""
    nx, ny, nz = m.shape
    for x in prange(nx):
        for y in range(ny):
            for z in range(nz):
                x0, x1, fx, _ = bracket(np.float32(x) + field[0, x, y, z], nx)
                y0, y1, fy, _ = bracket(np.float32(y) + field[1, x, y, z], ny)
                z0, z1, fz, _ = bracket(np.float32(z) + field[2, x, y, z], nz)
                out[x, y, z] = _read(m, x0, x1, fx, y0, y1, fy, z0, z1, fz)


@njit(**OPTIONS)
def warp_gradient_kernel(m, field, out, gradient):  # type: ignore[no-untyped-def]
    """`out(x) = m(x + field(x))` of one channel `(X, Y, Z)`, and the derivative of that value in `field(x)`."""
    nx, ny, nz = m.shape
    for x in prange(nx):
        for y in range(ny):
            for z in range(nz):
                x0, x1, fx, in_x = bracket(np.float32(x) + field[0, x, y, z], nx)
                y0, y1, fy, in_y = bracket(np.float32(y) + field[1, x, y, z], ny)
                z0, z1, fz, in_z = bracket(np.float32(z) + field[2, x, y, z], nz)
                a, b, c, d = m[x0, y0, z0], m[x0, y0, z1], m[x0, y1, z0], m[x0, y1, z1]
                e, f, g, h = m[x1, y0, z0], m[x1, y0, z1], m[x1, y1, z0], m[x1, y1, z1]
                ab, cd, ef, gh = mix(a, b, fz), mix(c, d, fz), mix(e, f, fz), mix(g, h, fz)
                near, far = mix(ab, cd, fy), mix(ef, gh, fy)
                out[x, y, z] = mix(near, far, fx)
                gradient[0, x, y, z] = in_x * (far - near)
                gradient[1, x, y, z] = in_y * mix(cd - ab, gh - ef, fx)
                gradient[2, x, y, z] = in_z * mix(mix(b - a, d - c, fy), mix(f - e, h - g, fy), fx)


@njit(**OPTIONS)
def compose_kernel(u, v, out):  # type: ignore[no-untyped-def]
    """`out(x) = v(x) + u(x + v(x))`. The components are written out: a loop over them costs twice the time."""
    _, nx, ny, nz = u.shape
    first, second, third = u[0], u[1], u[2]
    for x in prange(nx):
        for y in range(ny):
            for z in range(nz):
                vx, vy, vz = v[0, x, y, z], v[1, x, y, z], v[2, x, y, z]
                x0, x1, fx, _ = bracket(np.float32(x) + vx, nx)
                y0, y1, fy, _ = bracket(np.float32(y) + vy, ny)
                z0, z1, fz, _ = bracket(np.float32(z) + vz, nz)
                out[0, x, y, z] = vx + _read(first, x0, x1, fx, y0, y1, fy, z0, z1, fz)
                out[1, x, y, z] = vy + _read(second, x0, x1, fx, y0, y1, fy, z0, z1, fz)
                out[2, x, y, z] = vz + _read(third, x0, x1, fx, y0, y1, fy, z0, z1, fz)


@njit(**INLINED)
def _neighbours(index, size):  # type: ignore[no-untyped-def]
    """Central difference inside, one-sided at the border, none on an axis of one voxel: two indices and a weight."""
    before = index - 1 if index > 0 else index
    after = index + 1 if index < size - 1 else index
    return before, after, np.float32(0.5) if after - before == 2 else np.float32(1.0)


@njit(**OPTIONS)
def determinant_kernel(u, out):  # type: ignore[no-untyped-def]
    """Determinant of the Jacobian of `id + u`."""
    _, nx, ny, nz = u.shape
    one = np.float32(1.0)
    for x in prange(nx):
        xa, xb, wx = _neighbours(np.int64(x), nx)  # prange counts unsigned
        for y in range(ny):
            ya, yb, wy = _neighbours(y, ny)
            for z in range(nz):
                za, zb, wz = _neighbours(z, nz)
                a = one + wx * (u[0, xb, y, z] - u[0, xa, y, z])
                b = wy * (u[0, x, yb, z] - u[0, x, ya, z])
                c = wz * (u[0, x, y, zb] - u[0, x, y, za])
                d = wx * (u[1, xb, y, z] - u[1, xa, y, z])
                e = one + wy * (u[1, x, yb, z] - u[1, x, ya, z])
                f = wz * (u[1, x, y, zb] - u[1, x, y, za])
                g = wx * (u[2, xb, y, z] - u[2, xa, y, z])
                h = wy * (u[2, x, yb, z] - u[2, x, ya, z])
                i = one + wz * (u[2, x, y, zb] - u[2, x, y, za])
                out[x, y, z] = a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g)


@njit(**OPTIONS)
def smooth_plane_kernel(image, wy, wz, out):  # type: ignore[no-untyped-def]
    """Symmetric filters along the last two axes of `(N, Y, Z)`, border voxel repeated; half-kernels, centre first."""
    n, ny, nz = image.shape
    ry, rz = len(wy) - 1, len(wz) - 1
    for i in prange(n):
        line = np.empty(nz + 2 * rz, dtype=np.float32)
        for y in range(ny):
            inner = line[rz : rz + nz]
            for z in range(nz):
                inner[z] = wy[0] * image[i, y, z]
            for k in range(1, ry + 1):
                above, below, w = image[i, max(y - k, 0)], image[i, min(y + k, ny - 1)], wy[k]
                for z in range(nz):
                    inner[z] += w * (above[z] + below[z])
            for z in range(rz):
                line[z], line[rz + nz + z] = line[rz], line[rz + nz - 1]
            row = out[i, y]
            for z in range(nz):
                row[z] = wz[0] * inner[z]
            for k in range(1, rz + 1):
                left, right, w = line[rz - k : rz - k + nz], line[rz + k : rz + k + nz], wz[k]
                for z in range(nz):
                    row[z] += w * (left[z] + right[z])


@njit(**OPTIONS)
def smooth_first_kernel(image, weights, out):  # type: ignore[no-untyped-def]
    """A symmetric filter along the second axis of `(C, X, M)`, border voxel repeated; half-kernel, centre first."""
    channels, nx, m = image.shape
    block = 2048
    for job in prange(channels * nx):
        c, x = job // nx, job % nx
        for start in range(0, m, block):
            stop = min(start + block, m)
            row, centre, w = out[c, x, start:stop], image[c, x, start:stop], weights[0]
            for j in range(stop - start):
                row[j] = w * centre[j]
            for k in range(1, len(weights)):
                before, after = image[c, max(x - k, 0), start:stop], image[c, min(x + k, nx - 1), start:stop]
                w = weights[k]
                for j in range(stop - start):
                    row[j] += w * (before[j] + after[j])
