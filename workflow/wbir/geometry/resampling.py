"""Images and displacements on a grid of another size.

Centres of corner voxels stay in place: voxel x of the new grid lies at `x * (n_old - 1) / (n_new - 1)` of the old.
So an affine displacement is an affine displacement on every grid, up to the border.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.axes import apply_separably, gaussian_matrix, linear_matrix, resized_positions
from wbir.geometry.grids import check_field, check_image, per_axis


def downsample(image: Tensor, factor: float | Sequence[float]) -> Tensor:
    """Shrink `(B, C, *spatial)` by a factor >= 1 (one, or one per axis) to `ceil(n / factor)` voxels along an axis.

    First smoothed with a Gaussian of sigma `factor / 2` voxels, the border continued; then read linearly. Both are one
    matrix for each axis. An axis keeps at least 2 voxels.
    """
    dim = check_image(image)
    matrices: list[Tensor | None] = []
    for size, shrink in zip(image.shape[2:], per_axis(factor, dim, "factor"), strict=True):
        if shrink < 1:
            raise InputError("a factor of 1 or more", f"{shrink}", "use resize to enlarge")
        new = max(-int(-size // shrink), min(size, 2))
        matrices.append(None if new == size else linear_matrix(new, size) @ gaussian_matrix(size, shrink / 2))
    return apply_separably(image, matrices)


def resize(image: Tensor, shape: Sequence[int], *, mode: str = "linear") -> Tensor:
    """Read `(B, C, *spatial)` on a grid of `shape`, without smoothing: `(B, C, *shape)`.

    mode: `linear`, or `nearest` for labels (any number type). Raises InputError for another mode or an unfit shape.
    """
    dim = check_image(image)
    _check_shape(image, shape, dim)
    if mode == "linear":
        sizes = zip(shape, image.shape[2:], strict=True)
        return apply_separably(image, [None if new == old else linear_matrix(new, old) for new, old in sizes])
    if mode != "nearest":
        raise InputError("a mode of ('linear', 'nearest')", repr(mode), "take one of them")
    for axis, new in enumerate(shape):
        index = torch.floor(resized_positions(new, image.shape[axis + 2]) + 0.5).long()
        image = image.index_select(axis + 2, index.to(image.device))
    return image


def resize_displacement(u: Tensor, shape: Sequence[int]) -> Tensor:
    """Read a displacement `(B, dim, *spatial)` on a grid of `shape`, its values rescaled to voxels of that grid."""
    check_field(u)
    scales = [(new - 1) / max(old - 1, 1) for new, old in zip(shape, u.shape[2:], strict=True)]
    scale = torch.tensor(scales, device=u.device, dtype=u.dtype)
    return resize(u, shape) * scale.view(1, -1, *(1,) * len(scales))


def _check_shape(image: Tensor, shape: Sequence[int], dim: int) -> None:
    if len(shape) != dim:
        raise InputError(f"a shape of {dim} sizes", f"{tuple(shape)}", "give one size for each axis")
    if any(new < 1 or (new == 1) != (old == 1) for new, old in zip(shape, image.shape[2:], strict=True)):
        got = f"{tuple(shape)} for an image of {tuple(image.shape[2:])}"
        raise InputError("at least 2 voxels along an axis that has more than one", got, "choose another shape")
