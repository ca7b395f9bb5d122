"""Registration by optimal control (paper 22, Eq. 1), with the paper's two strategies.

Loss(phi) = 1/2 sum (I_m(phi) - I_f)^2, `phi = id + u`, `Lap u = F(f_hat, g)`.
- multiresolution: grids from coarse to fine; the displacement of a grid, enlarged, gives the control at which the next starts.
- regridding: one grid; `phi = outer o (id + u)`. When the search stalls or its piece nears folding, `outer <- phi` and the
  control starts again at the identity, so that each piece is a moderate deformation in the form of the variational principle.

The paper expects diffeomorphisms because f stays above J_min. But f only stands for the determinant, and large deformations do
fold. Refusing the steps that fold is not enough: the search then ends where the first voxel reaches the floor. So the loss gets a
barrier (variational_guard.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from wbir.geometry.kernels import gaussian_smooth
from wbir.geometry.resampling import resize
from wbir.geometry.warping import warp
from wbir.registration.variational_guard import drawn_in, with_barrier
from wbir.registration.variational_principle import control_of, displacement_of, enlarged, initial_control
from wbir.registration.variational_search import Objective, Search, descend

COARSEST = 16  # voxels along the shortest axis of the coarsest grid


@dataclass(frozen=True)
class Stage:
    """One search of a registration. shape: its grid. sigma: Gaussian smoothing of both images, voxels of the finest grid.
    barrier: its weight, relative to the mean of Loss(id) over the voxels."""

    shape: tuple[int, ...]
    sigma: float
    barrier: float


@dataclass(frozen=True)
class Keeping:
    """What keeps the map a diffeomorphism. floor: all determinants stay above. distortion: its weight in the barrier."""

    floor: float
    distortion: float


@dataclass(frozen=True)
class Registered:
    """displacement `(1, dim, *spatial)` voxels. losses: Loss and barrier of each step of the last stage (multiresolution) or of
    all pieces (regridding). iterations: steps of all stages. pieces: maps composed."""

    displacement: torch.Tensor
    losses: Sequence[float]
    iterations: int
    pieces: int


def stages(shape: tuple[int, ...], levels: int, smoothing: float, barrier: float) -> list[Stage]:
    """`levels` grids, each half as fine as the next, images smoothed by `smoothing` voxels of the grid; then the finest grid
    again with the images as they are. Without smoothing: each grid once."""
    factors = [2**k for k in reversed(range(levels)) if k == 0 or min(shape) >= COARSEST * 2**k]
    coarse = [Stage(tuple(-(-n // f) for n in shape), smoothing * f, barrier) for f in factors]
    return [*(coarse if smoothing > 0 else coarse[:-1]), Stage(shape, 0.0, barrier)]


def register_multiresolution(
    fixed: torch.Tensor, moving: torch.Tensor, search: Search, plan: Sequence[Stage], keeping: Keeping
) -> Registered:
    """Search stage by stage. Images `(1, 1, *spatial)`."""
    control = initial_control(plan[0].shape, search.minimum, like=fixed)
    displacement, losses, iterations = displacement_of(control, search.minimum), [0.0], 0
    for stage in plan:
        if displacement.shape[2:] != stage.shape:
            control = control_of(enlarged(displacement, stage.shape), search.minimum)
        control = drawn_in(control, search.minimum, keeping.floor)
        state = descend(control, _objective(fixed, moving, stage, keeping), search)
        control, displacement, losses = state.control, state.displacement, state.losses
        iterations += len(losses) - 1
    return Registered(displacement, losses, iterations, 1)


def register_regridding(
    fixed: torch.Tensor,
    moving: torch.Tensor,
    search: Search,
    plan: Sequence[Stage],
    keeping: Keeping,
    *,
    piece_floor: float,
    pieces: int,
) -> Registered:
    """Compose up to `pieces` maps a stage (all stages on the images' grid). Images `(1, 1, *spatial)`.

    A piece ends when it stalls, which it does also where its determinants reach `piece_floor`; a stage ends when a piece
    brings next to nothing.
    """
    start = initial_control(tuple(fixed.shape[2:]), search.minimum, like=fixed)
    outer, iterations, count = displacement_of(start, search.minimum), 0, 0
    losses: list[float] = []
    for stage in plan:
        objective = _objective(fixed, moving, replace(stage, shape=tuple(fixed.shape[2:])), keeping)
        for _ in range(pieces):
            state = descend(start, with_barrier(behind(outer, objective), 0.0, piece_floor), search)
            outer = compose(outer, state.displacement)
            losses, iterations, count = losses + state.losses, iterations + len(state.losses) - 1, count + 1
            if state.losses[0] - state.loss <= search.tolerance * abs(state.losses[0]):
                break
    return Registered(outer, losses, iterations, count)


def image_difference(fixed: torch.Tensor, moving: torch.Tensor, mode: str = "linear") -> Objective:
    """Eq. 1 as a function of the displacement. Images `(1, 1, *spatial)`.

    `dLoss/du = (I_m(phi) - I_f) grad I_m(phi)` with the gradient of the interpolant (`mode`), so that it is the derivative of the
    discrete loss.
    """

    def objective(displacement: torch.Tensor) -> tuple[float, torch.Tensor]:
        u = displacement.detach().requires_grad_(True)
        loss = 0.5 * (warp(moving, u, mode=mode) - fixed).square().sum()
        (slope,) = torch.autograd.grad(loss, u)
        return float(loss.detach()), slope

    return objective


def behind(outer: torch.Tensor, objective: Objective) -> Objective:
    """`objective` of `outer o (id + u)` as a function of `u`; `dLoss/du` by the chain rule through the interpolated `outer`."""

    def composed(displacement: torch.Tensor) -> tuple[float, torch.Tensor]:
        u = displacement.detach().requires_grad_(True)
        both = compose(outer, u)
        loss, slope = objective(both.detach())
        return loss, torch.autograd.grad(both, u, slope)[0]

    return composed


def compose(outer: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """The displacement of `outer o (id + u)`, `outer` read by cubic interpolation: smooth at the voxels, where each piece starts
    (a linear interpolant has no derivative there)."""
    return u + warp(outer, u, mode="cubic")


def _objective(fixed: torch.Tensor, moving: torch.Tensor, stage: Stage, keeping: Keeping) -> Objective:
    fixed, moving = (resize(gaussian_smooth(image, stage.sigma), stage.shape) for image in (fixed, moving))
    at_identity = 0.5 * float((fixed - moving).square().mean())
    weight = 0.5 * stage.barrier * at_identity  # half: the barrier counts voxels and cells
    return with_barrier(image_difference(fixed, moving), weight, keeping.floor, keeping.distortion)
