"""Minimise a loss of the displacement over the control of the variational principle, keeping the map a diffeomorphism.

The paper (22, Sect. 2) says "gradient-based algorithms" and leaves the rest open. Taken here: limited-memory BFGS directions
(Nocedal and Wright, Numerical Optimization, Algorithm 7.4) from the gradients of Eq. 4, and backtracking until the loss falls
enough (Armijo); an objective is infinite where the map is not to be taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from wbir.registration.variational_principle import adjoint, control_gradient, displacement_of

ARMIJO = 1e-4
MEMORY = 10
HALVINGS = 12

Objective = Callable[[torch.Tensor], tuple[float, torch.Tensor]]
"""A displacement `(1, dim, *spatial)` to its loss and `dLoss/du` of the same shape; the loss is infinite where the displacement
must not be taken (and the derivative then means nothing)."""


@dataclass(frozen=True)
class Search:
    """How to search. minimum: J_min of Eq. 4. iterations: at most so many steps. tolerance: stop once ten steps together lowered
    the loss by less than this part of it. step, largest: change of `u` that a step along the bare gradient tries first, and that no
    step exceeds, voxels."""

    minimum: float
    iterations: int
    tolerance: float
    step: float = 0.5
    largest: float = 2.0


@dataclass
class State:
    """Where a search stands. control `(1, 1 + m, *spatial)`, displacement `(1, dim, *spatial)` voxels; losses, one a step."""

    control: torch.Tensor
    displacement: torch.Tensor
    loss: float
    gradient: torch.Tensor
    losses: list[float] = field(default_factory=list)


def evaluate(control: torch.Tensor, objective: Objective, minimum: float) -> State:
    """Displacement, loss and gradient (Eqs. 1, 2, 4) at a control."""
    displacement = displacement_of(control, minimum)
    loss, slope = objective(displacement)
    return State(control, displacement, loss, control_gradient(control, adjoint(slope)), [loss])


def descend(control: torch.Tensor, objective: Objective, search: Search) -> State:
    """Search from `control`; returns the last state."""
    state = evaluate(control, objective, search.minimum)
    pairs: list[tuple[torch.Tensor, torch.Tensor]] = []
    for _ in range(search.iterations):
        found = _line_search(state, _direction(state.gradient, pairs), 1.0, objective, search) if pairs else None
        if found is None:
            pairs.clear()
            found = _line_search(state, -state.gradient, _bare_step(state, search), objective, search)
        if found is None:
            break
        difference, change = found.control - state.control, found.gradient - state.gradient
        if inner(difference, change) > 1e-10 * inner(change, change):
            pairs.append((difference, change))
            del pairs[:-MEMORY]
        found.losses = [*state.losses, found.loss]
        state = found
        if len(state.losses) > 10 and state.losses[-11] - state.loss < search.tolerance * abs(state.losses[-11]):
            break
    return state


def _bare_step(state: State, search: Search) -> float:
    """The length at which a step along the bare gradient changes `u` by `search.step` voxels, to first order."""
    size = float(state.gradient.abs().max())
    if size == 0:
        return 0.0
    small = 1e-4 / size
    moved = displacement_of(state.control - small * state.gradient, search.minimum) - state.displacement
    return search.step * small / max(float(moved.abs().max()), 1e-30)


def _line_search(
    state: State,
    direction: torch.Tensor,
    length: float,
    objective: Objective,
    search: Search,
) -> State | None:
    """The first of `length`, `length / 2`, ... that lowers the loss enough; None if none does."""
    slope = inner(state.gradient, direction)
    if not slope < 0:
        return None
    for _ in range(HALVINGS):
        control = state.control + length * direction
        displacement = displacement_of(control, search.minimum)
        change = float((displacement - state.displacement).abs().max())
        if change > search.largest:
            length *= max(0.9 * search.largest / change, 0.05)
            continue
        loss, derivative = objective(displacement)
        if loss <= state.loss + ARMIJO * length * slope:
            return State(control, displacement, loss, control_gradient(control, adjoint(derivative)))
        length *= 0.5
    return None


def _direction(gradient: torch.Tensor, pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """The L-BFGS direction: minus the approximate inverse Hessian times the gradient (two-loop recursion)."""
    q, weights = gradient.clone(), []
    for s, y in reversed(pairs):
        weight = inner(s, q) / inner(s, y)
        weights.append(weight)
        q -= weight * y
    s, y = pairs[-1]
    q *= inner(s, y) / inner(y, y)
    for (s, y), weight in zip(pairs, reversed(weights), strict=True):
        q += s * (weight - inner(y, q) / inner(s, y))
    return -q


def inner(left: torch.Tensor, right: torch.Tensor) -> float:
    """The inner product of two controls: the sum over all cells."""
    return float((left * right).sum())
