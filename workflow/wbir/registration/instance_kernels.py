"""Compiled adjoint of one squaring of the exponential; arrays and threads as in `geometry/compiled.py`."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from wbir.geometry.compiled import OPTIONS
from wbir.geometry.fused_kernels import bracket, mix


@njit(**OPTIONS)
def pulled_gradient_kernel(u, g, out):  # type: ignore[no-untyped-def]
    """`out_a(x) = g_a(x) + sum_c g_c(x) (d_a u_c)(x + u(x))`, fields `(3, X, Y, Z)`: all that stays at a voxel."""
    _, nx, ny, nz = u.shape
    for x in prange(nx):
        for y in range(ny):
            for z in range(nz):
                x0, x1, fx, in_x = bracket(np.float32(x) + u[0, x, y, z], nx)
                y0, y1, fy, in_y = bracket(np.float32(y) + u[1, x, y, z], ny)
                z0, z1, fz, in_z = bracket(np.float32(z) + u[2, x, y, z], nz)
                sx, sy, sz = np.float32(0.0), np.float32(0.0), np.float32(0.0)
                for channel in range(3):
                    m, weight = u[channel], g[channel, x, y, z]
                    a, b, c, d = m[x0, y0, z0], m[x0, y0, z1], m[x0, y1, z0], m[x0, y1, z1]
                    e, f, h, i = m[x1, y0, z0], m[x1, y0, z1], m[x1, y1, z0], m[x1, y1, z1]
                    ab, cd, ef, hi = mix(a, b, fz), mix(c, d, fz), mix(e, f, fz), mix(h, i, fz)
                    sx += weight * (mix(ef, hi, fy) - mix(ab, cd, fy))
                    sy += weight * mix(cd - ab, hi - ef, fx)
                    sz += weight * mix(mix(b - a, d - c, fy), mix(f - e, i - h, fy), fx)
                out[0, x, y, z] = g[0, x, y, z] + in_x * sx
                out[1, x, y, z] = g[1, x, y, z] + in_y * sy
                out[2, x, y, z] = g[2, x, y, z] + in_z * sz


@njit(**OPTIONS)
def splat_kernel(u, g, out, jobs):  # type: ignore[no-untyped-def]
    """Add the transpose of linear interpolation at `x + u(x)` of g to out.

    The components are dealt to the jobs, so that no two threads write to one place and the sums keep their order.
    """
    channels, nx, ny, nz = g.shape
    for job in prange(jobs):
        start, stop = job * channels // jobs, (job + 1) * channels // jobs
        for x in range(nx):
            for y in range(ny):
                for z in range(nz):
                    x0, x1, fx, _ = bracket(np.float32(x) + u[0, x, y, z], nx)
                    y0, y1, fy, _ = bracket(np.float32(y) + u[1, x, y, z], ny)
                    z0, z1, fz, _ = bracket(np.float32(z) + u[2, x, y, z], nz)
                    for channel in range(start, stop):
                        target = out[channel]
                        far = fx * g[channel, x, y, z]
                        near = g[channel, x, y, z] - far
                        near_y, far_y = fy * near, fy * far
                        near -= near_y
                        far -= far_y
                        near_z, near_yz, far_z, far_yz = fz * near, fz * near_y, fz * far, fz * far_y
                        target[x0, y0, z0] += near - near_z
                        target[x0, y0, z1] += near_z
                        target[x0, y1, z0] += near_y - near_yz
                        target[x0, y1, z1] += near_yz
                        target[x1, y0, z0] += far - far_z
                        target[x1, y0, z1] += far_z
                        target[x1, y1, z0] += far_y - far_yz
                        target[x1, y1, z1] += far_yz
