"""Random changes of a training sample, drawn on its device from torch's global generator (the engine seeds it each step)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.rigid import homogeneous, matrix_displacement
from wbir.geometry.warping import warp
from wbir.training.samples import SIDES, Sample


def random_affine(scale: float) -> Callable[[Sample], Sample] | None:
    """A change of samples that reads each side (fixed, moving) through an affine map of its own; None for scale 0.

    The map is that of DeepReg's augmentation (Fu et al. 2020, JOSS 5), about the centre: `dim + 1` corners of the grid
    move towards it, each coordinate by a share of its own from [0, scale), so that little is read from outside the grid,
    whose border goes on there.
    Images are read linearly, labels (whole numbers) and masks by the nearest voxel. Points and truth are not changed:
    a sample that has any raises InputError, as does a scale outside [0, 1).
    """
    if not 0 <= scale < 1:
        raise InputError("a scale of augmentation in [0, 1)", f"{scale}", "correct it")
    if scale == 0:
        return None

    def change(sample: Sample) -> Sample:
        changed = dict(sample)
        for side in SIDES:
            names = [name for name, value in sample.items() if name.startswith(side) and isinstance(value, Tensor)]
            matrix = None
            for name in names:
                image = sample[name]
                if matrix is None:
                    matrix = draw_affine(image.shape[2:], len(image), scale, image.device)
                changed[name] = _read(name, image, matrix)
        return changed

    return change


def draw_affine(shape: Sequence[int], count: int, scale: float, device: torch.device | str) -> Tensor:
    """`count` maps `(count, dim + 1, dim + 1)` float32, voxel to voxel, by torch's global generator; see `random_affine`."""
    dim = len(shape)
    centre = (torch.tensor(list(shape), device=device, dtype=torch.float32) - 1) / 2
    corners = (
        torch.eye(dim + 1, device=device)[:, :dim] * 2 - 1
    )  # of the cube [-1, 1]^dim: one for each axis, and the first
    moved = corners * (1 - scale * torch.rand(count, dim + 1, dim, device=device))
    solved = torch.linalg.solve(torch.cat([corners, torch.ones(dim + 1, 1, device=device)], 1), moved).mT
    linear = solved[:, :, :dim] * centre.unsqueeze(1) / centre  # from the cube to voxels
    shift = solved[:, :, dim] * centre
    return homogeneous(linear, centre + shift - linear @ centre)


def _read(name: str, image: Tensor, matrix: Tensor) -> Tensor:
    if image.ndim != matrix.shape[-1] + 1 or image.shape[1] != 1:
        got = f"{name} of shape {tuple(image.shape)}"
        raise InputError("images and labels (B, 1, *spatial) to augment", got, "train without augmentation")
    field = matrix_displacement(matrix, image.shape[2:])
    return warp(image, field, mode="linear" if image.is_floating_point() else "nearest")
