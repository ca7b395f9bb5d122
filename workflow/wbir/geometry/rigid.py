"""Rotations, homogeneous matrices and the displacements they make.

Axes x, y, z are the array axes 0, 1, 2; angles are in radians. A homogeneous matrix
`(..., dim + 1, dim + 1)` takes fixed voxel indices to moving voxel indices, as a pull-back does.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.grids import check_field, identity_grid


def rotation_2d(angle: Tensor) -> Tensor:
    """Rotations `(..., 2, 2)` that turn array axis 0 towards axis 1 by `angle` `(...)`."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)


def rotation_from_euler(angles: Tensor, order: str = "xyz") -> Tensor:
    """Rotations `(..., 3, 3)` from angles `(..., 3)`; `angles[..., i]` turns about axis `order[i]`.

    Lower case turns about the fixed axes, one after another (`xyz` is `Rz Ry Rx`); upper case about the axes that turn
    along (`XYZ` is `Rx Ry Rz`). Same words as scipy's `Rotation.from_euler`. Raises InputError for another order.
    """
    if len(order) != 3 or set(order.lower()) - set("xyz") or not (order.islower() or order.isupper()):
        raise InputError("three of x, y, z, all lower or all upper case", repr(order), "give an order such as 'xyz'")
    first, second, third = (_about_axis(angles[..., i], "xyz".index(axis)) for i, axis in enumerate(order.lower()))
    return third @ second @ first if order.islower() else first @ second @ third


def _about_axis(angle: Tensor, axis: int) -> Tensor:
    plane = [(axis + 1) % 3, (axis + 2) % 3]
    matrix = torch.eye(3, device=angle.device, dtype=angle.dtype).expand(*angle.shape, 3, 3).clone()
    turn = rotation_2d(angle)
    for i, row in enumerate(plane):
        for j, column in enumerate(plane):
            matrix[..., row, column] = turn[..., i, j]
    return matrix


def rotation_from_quaternion(quaternion: Tensor) -> Tensor:
    """Rotations `(..., 3, 3)` from quaternions `(..., 4)`, scalar first; they need not have unit length."""
    w, x, y, z = (quaternion / quaternion.norm(dim=-1, keepdim=True)).unbind(-1)
    entries = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(entries, -1).unflatten(-1, (3, 3))


def random_rotations(n: int, generator: torch.Generator, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """`n` rotations `(n, 3, 3)`, uniform on SO(3): four normal numbers are a uniform direction of quaternions.

    They lie on the generator's device; the same seed gives the same rotations.
    """
    quaternion = torch.randn(n, 4, generator=generator, device=generator.device, dtype=torch.float64)
    return rotation_from_quaternion(quaternion).to(dtype)


def rotation_angle(rotation: Tensor) -> Tensor:
    """Angle `(...)` in [0, pi] of rotations `(..., 3, 3)`: the geodesic distance to the identity.

    From sine and cosine together, which keeps the digits near 0 and pi. The distance of R from S is that of `R @ S.mT`.
    """
    turned = rotation - rotation.mT
    sine = torch.stack([turned[..., 2, 1], turned[..., 0, 2], turned[..., 1, 0]], -1).norm(dim=-1) / 2
    cosine = (rotation.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    return torch.atan2(sine, cosine)


def homogeneous(linear: Tensor, translation: Tensor) -> Tensor:
    """`(..., dim + 1, dim + 1)` from a linear part `(..., dim, dim)` and a translation `(..., dim)`."""
    dim = linear.shape[-1]
    translation = translation.to(linear).expand(*linear.shape[:-2], dim)
    top = torch.cat([linear, translation.unsqueeze(-1)], -1)
    last = torch.eye(dim + 1, device=linear.device, dtype=linear.dtype)[dim:].expand(*linear.shape[:-2], 1, dim + 1)
    return torch.cat([top, last], -2)


def about_centre(
    linear: Tensor, shape: Sequence[int], translation: Tensor | None = None, *, spacing: Sequence[float] | None = None
) -> Tensor:
    """The homogeneous map `x -> c + linear (x - c) + translation` about the centre `c = (shape - 1) / 2`.

    linear: `(..., dim, dim)`. translation: `(..., dim)` or None for none. Without `spacing` both are in voxels; with it
    (mm per voxel along each axis) both are in millimetres along the array axes, so that a rotation is one in the world.
    The result takes voxels to voxels either way.
    """
    dim = len(shape)
    if linear.shape[-2:] != (dim, dim):
        raise InputError(f"a linear map of {dim} x {dim}", f"shape {tuple(linear.shape)}", "match it to the shape")
    shift = linear.new_zeros(dim) if translation is None else translation.to(linear)
    if spacing is not None:
        size = linear.new_tensor(list(spacing))
        linear, shift = linear * size / size.unsqueeze(-1), shift / size
    centre = (linear.new_tensor(list(shape)) - 1) / 2
    return homogeneous(linear, centre - linear @ centre + shift)


def compose_matrices(a: Tensor, b: Tensor) -> Tensor:
    """The map `a o b` (b first). As pull-backs: warping by it is warping by a first, then by b."""
    return a @ b


def invert_matrix(matrix: Tensor) -> Tensor:
    """Inverse of homogeneous matrices `(..., dim + 1, dim + 1)`; the last row stays exactly (0, ..., 0, 1)."""
    dim = matrix.shape[-1] - 1
    inverse = torch.linalg.inv(matrix[..., :dim, :dim])
    return homogeneous(inverse, -(inverse @ matrix[..., :dim, dim:]).squeeze(-1))


def transform_points(matrix: Tensor, points: Tensor) -> Tensor:
    """Points `(..., N, dim)` moved by homogeneous matrices `(..., dim + 1, dim + 1)`."""
    dim = matrix.shape[-1] - 1
    return points @ matrix[..., :dim, :dim].mT + matrix[..., :dim, dim].unsqueeze(-2)


def matrix_displacement(matrix: Tensor, shape: Sequence[int]) -> Tensor:
    """The displacement of a homogeneous matrix on a grid: `(B, dim, *shape)` in voxels; one matrix gives B = 1."""
    dim = len(shape)
    if matrix.shape[-2:] != (dim + 1, dim + 1):
        raise InputError(f"a matrix of {dim + 1} x {dim + 1}", f"shape {tuple(matrix.shape)}", "match it to the shape")
    matrix = matrix.reshape(-1, dim + 1, dim + 1)
    grid = identity_grid(shape, device=matrix.device, dtype=matrix.dtype).flatten(2)
    difference = matrix[:, :dim, :dim] - torch.eye(dim, device=matrix.device, dtype=matrix.dtype)
    return (difference @ grid + matrix[:, :dim, dim:]).unflatten(2, tuple(shape))


def displacement_matrix(u: Tensor) -> Tensor:
    """The affine map nearest to `id + u` in least squares over all voxels: `(B, dim + 1, dim + 1)`."""
    dim = check_field(u)
    grid = identity_grid(u.shape[2:], device=u.device, dtype=u.dtype).flatten(2)
    centre = grid.mean(2, keepdim=True)
    points = (grid - centre).mT
    targets = (grid + u.flatten(2)).mT
    linear = torch.linalg.lstsq(points.expand(u.shape[0], -1, -1), targets - targets.mean(1, keepdim=True)).solution.mT
    return homogeneous(linear, (targets.mean(1).unsqueeze(-1) - linear @ centre).squeeze(-1).view(-1, dim))


def corner_points(shape: Sequence[int]) -> Tensor:
    """Voxel indices of the corner voxels of a grid: `(2^dim, dim)` float64, the last axis fastest."""
    ends = [torch.tensor([0.0, n - 1.0], dtype=torch.float64) for n in shape]
    return torch.cartesian_prod(*ends)
