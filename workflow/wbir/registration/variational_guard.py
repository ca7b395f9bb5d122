"""Keeping the maps of the variational principle diffeomorphisms (paper 22 expects it of f >= J_min, which does not ensure it)."""

from __future__ import annotations

import torch

from wbir.geometry.jacobians import jacobian
from wbir.registration.variational_principle import cell_jacobian, displacement_of, initial_control
from wbir.registration.variational_search import Objective

DRAWS = 50


def with_barrier(objective: Objective, weight: float, floor: float, distortion: float = 0.0) -> Objective:
    """`objective + weight * sum(-log(det J - floor) + distortion * (|J|^2 / (dim det J^(2 / dim)) - 1))`.

    The sum runs over voxels and cells, J is the Jacobian of `id + u`; infinite where a determinant is not above `floor`. The
    first term is the barrier of an interior-point method. The second is the conformal distortion, zero for a similarity and the
    same for a map and its inverse: without it the search escapes from the barrier into shears that no pixel grid resolves.
    """

    def guarded(displacement: torch.Tensor) -> tuple[float, torch.Tensor]:
        u = displacement.detach().requires_grad_(weight > 0)
        matrices = jacobians(u)
        determinant = determinant_of(matrices)
        margin = determinant - floor
        if not float(margin.detach().min()) > 0:
            return float("inf"), torch.zeros_like(displacement)
        loss, slope = objective(displacement)
        if weight == 0:
            return loss, slope
        barrier = -margin.log().sum()
        if distortion > 0:
            dim = matrices.shape[0]
            spread = matrices.square().sum((0, 1)) / (dim * determinant ** (2 / dim))
            barrier = barrier + distortion * (spread - 1).sum()
        return loss + weight * float(barrier.detach()), slope + weight * torch.autograd.grad(barrier, u)[0]

    return guarded


def jacobians(u: torch.Tensor) -> torch.Tensor:
    """The Jacobians of `id + u`, `(1, dim, *spatial)`, at the voxels and then at the cells: `(dim, dim, points)`."""
    return torch.cat([jacobian(u)[0].flatten(2), cell_jacobian(u)[0].flatten(2)], 2)


def smallest_determinant(u: torch.Tensor) -> float:
    """The smallest Jacobian determinant of `id + u`, `(1, dim, *spatial)`, over voxels and cells."""
    return float(determinant_of(jacobians(u)).min())


def drawn_in(control: torch.Tensor, minimum: float, floor: float) -> torch.Tensor:
    """The control, drawn towards the identity's until its determinants are above `floor` (a change of grid may bring them below)."""
    identity = initial_control(tuple(n + 1 for n in control.shape[2:]), minimum, like=control)
    for _ in range(DRAWS):
        if smallest_determinant(displacement_of(control, minimum)) > floor:
            return control
        control = identity + 0.95 * (control - identity)
    return identity


def determinant_of(j: torch.Tensor) -> torch.Tensor:
    """The determinant of `(dim, dim, ...)` over its first two axes: `(...)`."""
    if j.shape[0] == 2:
        return j[0, 0] * j[1, 1] - j[0, 1] * j[1, 0]
    return (j[0] * torch.linalg.cross(j[1], j[2], dim=0)).sum(0)
