"""Thin-plate splines: a smooth map through displacements that are known at scattered points.

Duchon 1977; Bookstein 1989, IEEE PAMI 11; smoothing as Wahba 1990. The kernel is `r^2 log r` in 2D and in 3D alike (the
exact thin plate of 3D would be `r`): so do the authors of paper 10, and so does scipy's `thin_plate_spline`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.grids import identity_grid
from wbir.geometry.resampling import resize

CHUNK = 1 << 22  # distances computed at once


class ThinPlate:
    """The spline `f(x) = a + B x + sum_k w_k |x - x_k|^2 log |x - x_k|` through values at points.

    points: `(K, dim)`, K > dim, not all on one line or plane. values: `(K, C)`. smoothing: lambda, added to the kernel's
    diagonal; 0 interpolates. Computed in float64. Raises InputError for too few points and for points that do not span.
    """

    def __init__(self, points: Tensor, values: Tensor, smoothing: float = 0.0) -> None:
        count, dim = points.shape
        if count <= dim or len(values) != count or smoothing < 0:
            got = f"{count} points, {len(values)} values, lambda {smoothing}"
            raise InputError(f"more than {dim} points, as many values, lambda of 0 or more", got, "give more points")
        self.points = points.double()
        affine = torch.cat([torch.ones_like(self.points[:, :1]), self.points], 1)
        eye = torch.eye(count, dtype=torch.float64, device=points.device)
        system = torch.zeros(count + dim + 1, count + dim + 1, dtype=torch.float64, device=points.device)
        system[:count, :count] = _kernel(self.points, self.points) + smoothing * eye
        system[:count, count:], system[count:, :count] = affine, affine.T
        known = torch.zeros(len(system), values.shape[1], dtype=torch.float64, device=points.device)
        known[:count] = values.double()
        if int(torch.linalg.matrix_rank(affine)) <= dim:
            raise InputError("points that span the space", "points on one line or plane", "give points elsewhere")
        solution, info = torch.linalg.solve_ex(system, known)
        if int(info) or not bool(torch.isfinite(solution).all()):
            raise InputError("points that differ", "equal points with lambda 0", "remove repeated points")
        self.weights, self.affine = solution[:count], solution[count:]

    def __call__(self, x: Tensor) -> Tensor:
        """The spline's values `(N, C)` float64 at `(N, dim)`."""
        parts = []
        for part in x.double().split(max(1, CHUNK // len(self.points))):
            parts.append(_kernel(part, self.points) @ self.weights + self.affine[0] + part @ self.affine[1:])
        return torch.cat(parts)


def dense_displacement(
    points: Tensor, displacement: Tensor, shape: Sequence[int], *, smoothing: float, stride: int = 4
) -> Tensor:
    """A displacement `(1, dim, *shape)` in voxels from those `(K, dim)` of points `(K, dim)`, both in voxels.

    The spline is computed in coordinates from -1 to 1 along each axis, to which `smoothing` refers, on a grid with
    `stride` times fewer voxels (its corners on the image's), and read linearly between.
    """
    half = torch.tensor([float(n) for n in shape], dtype=torch.float64, device=points.device) / 2
    small = [max(2, -(-n // stride)) for n in shape]
    step = torch.tensor(
        [(n - 1) / (m - 1) for n, m in zip(shape, small, strict=True)], dtype=torch.float64, device=points.device
    )
    grid = identity_grid(small, device=points.device, dtype=torch.float64)[0].flatten(1).T * step

    def unit(x: Tensor) -> Tensor:
        return (x + 0.5) / half - 1

    found = ThinPlate(unit(points.double()), displacement.double() / half, smoothing)(unit(grid)) * half
    return resize(found.T.reshape(1, len(small), *small).to(displacement.dtype), shape)


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    """`r^2 log r` of all distances, 0 at 0: `(len(x), len(y))`."""
    squares = (x.square().sum(1, keepdim=True) + y.square().sum(1) - 2 * x @ y.T).clamp_min_(0)
    return 0.5 * torch.xlogy(squares, squares)
