"""Voxel grids and the checks that every tensor of this room shares."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor

from wbir.errors import InputError


def identity_grid(
    shape: Sequence[int], *, device: torch.device | str | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Voxel coordinates of a grid: `(1, dim, *shape)`, component `c` is the index along array axis `c`."""
    axes = [torch.arange(n, device=device, dtype=dtype) for n in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij")).unsqueeze(0)


def check_image(image: Tensor, name: str = "image") -> int:
    """The spatial dimension of a tensor `(B, C, *spatial)`. Raises InputError where it is not 2 or 3."""
    if image.ndim not in (4, 5):
        raise InputError(f"{name} as (B, C, *spatial), 2D or 3D", f"shape {tuple(image.shape)}", "add the missing axes")
    return image.ndim - 2


def check_field(field: Tensor, name: str = "displacement") -> int:
    """The dimension of a vector field `(B, dim, *spatial)`. Raises InputError where channels and axes disagree."""
    dim = check_image(field, name)
    if field.shape[1] != dim:
        raise InputError(f"{name} as (B, {dim}, *spatial)", f"shape {tuple(field.shape)}", "check the axis order")
    return dim


def per_axis(value: float | Sequence[float], dim: int, name: str) -> tuple[float, ...]:
    """One number for each axis, from a number or a sequence of `dim` numbers. Raises InputError for another length."""
    numbers = [value] * dim if isinstance(value, Real) else value
    values = tuple(float(v) for v in numbers)  # type: ignore[union-attr]  # numpy's numbers are Real, not float
    if len(values) != dim:
        raise InputError(f"one {name} or {dim} of them", f"{len(values)}", "give one for each axis")
    return values
