"""The Poisson equation on a grid, solved directly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.axes import apply_separably, sine_matrix
from wbir.geometry.grids import check_image


def solve_dirichlet(rhs: Tensor) -> Tensor:
    """Solve `laplacian(u) = rhs` with u = 0 on the border voxels: `(B, C, *spatial)`, each channel alone, spacing 1.

    The Laplacian is the compact stencil of `derivatives.laplacian`, diagonal in the discrete sine transform I of the
    inner voxels; rhs on the border voxels does not matter. Exact to rounding, linear, differentiable.
    Raises InputError where an axis has fewer than 3 voxels.
    """
    dim = check_image(rhs, "rhs")
    if min(rhs.shape[2:]) < 3:
        raise InputError("at least 3 voxels along each axis", f"shape {tuple(rhs.shape)}", "solve on a finer grid")
    inner = rhs[(slice(None), slice(None), *(slice(1, -1),) * dim)]
    sines = [sine_matrix(n) for n in inner.shape[2:]]
    eigenvalues = torch.zeros((), device=rhs.device, dtype=torch.float64)
    for axis, n in enumerate(inner.shape[2:]):
        angle = torch.arange(1, n + 1, device=rhs.device, dtype=torch.float64) * (math.pi / (n + 1))
        eigenvalues = eigenvalues + (2 * torch.cos(angle) - 2).view(-1, *(1,) * (dim - 1 - axis))
    modes = apply_separably(inner, sines) / eigenvalues.to(rhs.dtype)
    return torch.nn.functional.pad(apply_separably(modes, sines), (1, 1) * dim)
