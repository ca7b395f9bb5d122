"""The inverse of a map by the variational principle (paper 22, Sect. 2.1, phi_vp^-1).

The map `psi = id + u` with a prescribed Jacobian determinant f0 and curl g0 is sought over the control (f, g): minimise
`1/2 sum (det grad psi - f0)^2 + 1/2 sum |curl psi - g0|^2` subject to `Lap psi = grad f - curl g`, `u = 0` on the boundary.
f0 and g0 are those of the inverse of phi, whose points `phi^-1(y)` come from Newton's method: `g0 = curl phi^-1`, and f0 is
`1 / det grad phi(phi^-1(y))` averaged over each cell of y, which is the volume of the cell's image under `phi^-1`. The search starts at
the identity and knows the inverse by these two fields alone. The paper says no more than "constructed by VP"; the search is that of
the registration, coarse to fine, with a faint barrier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from wbir.geometry.grids import identity_grid
from wbir.geometry.jacobians import jacobian
from wbir.geometry.kernels import gaussian_smooth
from wbir.geometry.resampling import resize_displacement
from wbir.geometry.warping import warp
from wbir.registration.variational_guard import determinant_of, drawn_in, with_barrier
from wbir.registration.variational_principle import (
    cell_curl,
    cell_jacobian,
    clamped,
    control_of,
    enlarged,
    initial_control,
)
from wbir.registration.variational_search import Objective, Search, State, descend, evaluate

NEWTON_STEPS = 40
FLOOR = 0.02  # of the determinants
SMALLEST = 0.05  # prescribed determinant: where a cell's image is thinner, or comes out folded, than the grid resolves
BARRIERS = (0.005, 0.0005)  # on all grids, then once more on the last; absolute: determinants have no unit


@dataclass(frozen=True)
class Prescribed:
    """What the inverse shall have, on the cells: determinant `(1, *(n - 1))` and curl `(1, m, *(n - 1))`."""

    determinant: torch.Tensor
    curl: torch.Tensor


def invert_by_variational_principle(
    displacement: torch.Tensor, search: Search, shapes: Sequence[tuple[int, ...]]
) -> State:
    """The inverse of `id + u`, `(1, dim, *spatial)` voxels, on grids from coarse to fine (`shapes`, the last that of u).

    The state's displacement is that of the inverse.
    """
    control = initial_control(shapes[0], search.minimum, like=displacement)
    state = evaluate(control, mismatch(prescribed(_on_grid(displacement, shapes[0]))), search.minimum)
    for shape, weight in [*((shape, BARRIERS[0]) for shape in shapes), (shapes[-1], BARRIERS[1])]:
        control = state.control
        if state.displacement.shape[2:] != shape:
            control = control_of(enlarged(state.displacement, shape), search.minimum)
        objective = with_barrier(mismatch(prescribed(_on_grid(displacement, shape))), weight, FLOOR)
        state = descend(drawn_in(control, search.minimum, FLOOR), objective, search)
    return state


def mismatch(target: Prescribed) -> Objective:
    """The loss of the variational principle as a function of the displacement."""

    def objective(displacement: torch.Tensor) -> tuple[float, torch.Tensor]:
        u = displacement.detach().requires_grad_(True)
        determinant = determinant_of(cell_jacobian(u)[0])
        loss = (
            0.5 * (determinant - target.determinant).square().sum() + 0.5 * (cell_curl(u) - target.curl).square().sum()
        )
        return float(loss.detach()), torch.autograd.grad(loss, u)[0]

    return objective


def prescribed(displacement: torch.Tensor) -> Prescribed:
    """Determinant and curl of the inverse of `id + u`, `(1, dim, *spatial)` voxels."""
    inverse = newton_inverse(displacement)
    volume = determinant_of(cell_jacobian(inverse)[0])[None]
    return Prescribed(volume.clamp(min=SMALLEST), cell_curl(inverse))


def newton_inverse(displacement: torch.Tensor) -> torch.Tensor:
    """The displacement w with `w(y) + u(y + w(y)) = 0`, `(1, dim, *spatial)` voxels, zero on the boundary if u is.

    For each voxel y, Newton's method from the voxel x whose image `x + u(x)` lies nearest to y; a step that does not lower the
    residual (or is no number) is halved. Unlike the fixed-point iteration it needs no bound on the slope of u.
    """
    from scipy.spatial import cKDTree

    shape, dim = displacement.shape[2:], displacement.shape[1]
    grid = identity_grid(shape, device=displacement.device, dtype=displacement.dtype)
    images = (grid + displacement).flatten(2)[0].T.cpu().numpy()
    _, nearest = cKDTree(images).query(grid.flatten(2)[0].T.cpu().numpy())
    index = torch.from_numpy(nearest).to(displacement.device)
    inverse = (grid.flatten(2)[..., index] - grid.flatten(2)).reshape(displacement.shape)
    slopes = jacobian(displacement).flatten(1, 2)
    residual = inverse + warp(displacement, inverse)
    length = torch.ones_like(residual[:, :1])
    for _ in range(NEWTON_STEPS):
        matrix = warp(slopes, inverse).unflatten(1, (dim, dim)).movedim((1, 2), (-2, -1))
        step = torch.linalg.solve_ex(matrix, residual.movedim(1, -1).unsqueeze(-1)).result.squeeze(-1).movedim(-1, 1)
        tried = inverse - length * step
        left = tried + warp(displacement, tried)
        better = left.square().sum(1, keepdim=True) < residual.square().sum(1, keepdim=True)
        inverse, residual = torch.where(better, tried, inverse), torch.where(better, left, residual)
        length = torch.where(better, torch.ones_like(length), 0.5 * length)
        if float(residual.abs().max()) < 1e-6:
            break
    return inverse


def _on_grid(displacement: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """The displacement on a coarser grid over the same domain, in its voxels, smoothed before it is sampled."""
    if tuple(displacement.shape[2:]) == tuple(shape):
        return displacement
    sigma = 0.5 * displacement.shape[2] / shape[0]
    return clamped(resize_displacement(gaussian_smooth(displacement, sigma), shape))
