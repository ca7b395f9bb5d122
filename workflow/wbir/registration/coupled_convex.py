"""Discrete registration by coupled convex optimisation (Heinrich, Papiez, Schnabel, Handels 2014, WBIR).

Every displacement of a window is tried at every point, and the field is found by turns: take each point's best
displacement under `cost + coupling |d - u|^2`, smooth it to the new `u`, and raise the coupling. The schedule and the
averages are those of ConvexAdam (Siebert et al. 2021, Learn2Reg).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from wbir.errors import InputError
from wbir.geometry.grids import check_image
from wbir.geometry.warping import warp
from wbir.registration.adam_refinement import smoothed

COUPLINGS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def displacement_window(radius: int, dim: int) -> Tensor:
    """The whole displacements within `radius` voxels along every axis: `((2 radius + 1)^dim, dim)`, last axis fastest."""
    if radius < 1:
        raise InputError("a radius of 1 voxel or more", f"{radius}", "raise it")
    steps = range(-radius, radius + 1)
    return torch.tensor(list(itertools.product(steps, repeat=dim)), dtype=torch.float32)


def cost_volume(fixed: Tensor, moving: Tensor, radius: int) -> Tensor:
    """Sum over channels of `(fixed(x) - moving(x + d))^2` for each d of the window: `(1, M, *shape)`.

    fixed, moving: features `(1, C, *shape)`; zero outside the grid.
    """
    dim, shape = check_image(fixed), fixed.shape[2:]
    padded = pad(moving, (radius,) * (2 * dim))
    window = displacement_window(radius, dim).long() + radius
    costs = fixed.new_empty((1, len(window), *shape))
    for index, offset in enumerate(window.tolist()):
        view = padded
        for axis, (begin, size) in enumerate(zip(offset, shape, strict=True), start=2):
            view = view.narrow(axis, begin, size)
        torch.sum((fixed - view).square_(), 1, out=costs[:, index])
    return costs


def coupled_convex(
    fixed: Tensor, moving: Tensor, *, radius: int, couplings: Sequence[float] = COUPLINGS, smoothings: int = 2
) -> Tensor:
    """The displacement `(1, dim, *shape)` in voxels of the features' grid, within `radius` along each axis.

    fixed, moving: features `(1, C, *shape)`. smoothings: averages over 3^dim neighbours of the cost before the search.
    Raises InputError for unlike shapes.
    """
    if fixed.shape != moving.shape or fixed.shape[0] != 1:
        raise InputError(
            "features (1, C, *shape) of one shape", f"{tuple(fixed.shape)} and {tuple(moving.shape)}", "resample them"
        )
    costs = smoothed(cost_volume(fixed, moving, radius), smoothings)
    window = displacement_window(radius, fixed.ndim - 2).to(costs)
    u = smoothed(_best(costs, window), 1)
    for coupling in couplings:
        u = smoothed(_best(_coupled(costs, window, u, coupling), window), 1)
    return u


def _coupled(costs: Tensor, window: Tensor, u: Tensor, coupling: float) -> Tensor:
    """`cost + coupling |d - u|^2`, less what is the same for all d."""
    shape = (1, -1, *(1,) * (costs.ndim - 2))
    total = costs + coupling * window.square().sum(1).view(shape)
    for axis in range(window.shape[1]):
        total.addcmul_(window[:, axis].view(shape), u[:, axis : axis + 1], value=-2 * coupling)
    return total


def _best(costs: Tensor, window: Tensor) -> Tensor:
    """The displacement of least cost at each point: `(1, dim, *shape)`."""
    return window[costs.argmin(1)].movedim(-1, 1)


def inverse_consistent(forward: Tensor, backward: Tensor, iterations: int = 15) -> tuple[Tensor, Tensor]:
    """Two displacements `(1, dim, *shape)` brought towards being each other's inverse, by turns of
    `u <- (u - w(x + u)) / 2`, both at once (ConvexAdam's step).
    """
    for _ in range(iterations):
        forward, backward = (
            0.5 * (forward - warp(backward, forward)),
            0.5 * (backward - warp(forward, backward)),
        )
    return forward, backward
