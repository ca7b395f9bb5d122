"""Geodesic shooting: the initial residual z_0 that takes the source to the target (paper 02, Eq. 9), and the evolving weight.

Cost, with the constants of the authors' program (they differ from the printed Eq. 9, see `shooting_cost`), and PyTorch's Adadelta on
z_0 from zero, as in the paper. Tensors as in registration/metamorphosis.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.grids import identity_grid
from wbir.geometry.kernels import gaussian_smooth
from wbir.registration.metamorphosis import Model, Path, Weight, constant, shoot, tiny_numbers_as_zero

ADADELTA_DECAY = 0.9  # PyTorch's default
BALL_BLUR = 1.0  # voxels: how the first ball of an evolving weight is smoothed; ours
BALL_OVERLAP = 0.05  # of the region that the first ball covers


@dataclass(frozen=True)
class Search:
    """How z_0 is sought. regularity: lambda of Eq. 9. rate: Adadelta's factor. steps: of the time integration."""

    steps: int
    iterations: int
    rate: float
    regularity: float
    integrator: str = "semi_lagrangian"
    checkpoint: bool = False


@dataclass(frozen=True)
class Found:
    """The best z_0 met, its geodesic (without gradient), and the cost at each iteration."""

    residual: Tensor
    path: Path
    costs: Sequence[float]


def shooting_cost(
    model: Model, path: Path, target: Tensor, weight: Tensor | float, regularity: float, where: Tensor | float = 1.0
) -> Tensor:
    """`1/2 sum (I_1 - T)^2 + lambda [<z_0 grad S, K z_0 grad S> + rho <z_0, M z_0> / N]` of each image, `(B,)`; N voxels.

    The constants are the authors' program's. Eq. 9 prints no 1/2 and no 1/N; and its velocity term, printed as here, is ||v_0||_V^2 of
    Theorem 1 only up to (rho/mu)^2. where: the part of the image that counts (cost-function masking).
    """
    moving, adding = model.norms(path.images[0], path.residuals[0], weight)
    bare = moving * torch.as_tensor(model.mu / model.rho).to(moving).flatten() ** 2
    data = 0.5 * (where * (path.images[-1] - target).square()).flatten(1).sum(1)
    return data + regularity * (bare + adding / target[0, 0].numel())


@tiny_numbers_as_zero()
def register(
    model: Model, source: Tensor, target: Tensor, weight: Weight, search: Search, where: Tensor | float = 1.0
) -> Found:
    """Minimise the cost over z_0. The best of all iterations is kept: Adadelta does not go down at every one.

    Raises InputError where the very first steps diverge.
    """
    batch = torch.broadcast_shapes(source.shape, target.shape, torch.as_tensor(model.rho + 0 * model.mu).shape)
    source, target = source.expand(batch), target.expand(batch)
    residual = torch.zeros_like(source, requires_grad=True)
    optimiser = torch.optim.Adadelta([residual], lr=search.rate, rho=ADADELTA_DECAY)
    best, least, costs = residual.detach().clone(), None, []
    for number in range(search.iterations + 1):
        path = _shoot(model, source, residual, weight, search)
        cost = shooting_cost(model, path, target, weight(1 / search.steps), search.regularity, where)
        costs.append(float(cost.detach().sum()))
        reached = cost.detach()
        better = torch.ones_like(reached, dtype=torch.bool) if least is None else reached < least
        least = reached if least is None else torch.where(better, reached, least)
        best[better] = residual.detach()[better]
        if number == search.iterations or not torch.isfinite(cost).all():
            break
        optimiser.zero_grad()
        cost.sum().backward()
        optimiser.step()
    if len(costs) < 3 <= search.iterations:
        raise InputError("a cost that stays finite", f"{costs}", "lower the rate or raise sigma")
    with torch.no_grad():
        return Found(best, _shoot(model, source, best, weight, search), costs)


def _shoot(model: Model, source: Tensor, residual: Tensor, weight: Weight, search: Search) -> Path:
    return shoot(
        model, source, residual, weight, steps=search.steps, integrator=search.integrator, checkpoint=search.checkpoint
    )


def evolving_frames(region: Tensor, *, sigma: float, search: Search) -> Tensor:
    """The weight that grows from a small ball to a region: `(steps + 1, 1, *spatial)` in [0, 1].

    The frames of the LDDMM registration of `growth_ball(region)` to the region `(1, 1, *spatial)` (Sect. 2).
    """
    found = register(Model.of(region, sigma=sigma), growth_ball(region), region, constant(0.0), search)
    return torch.cat(list(found.path.images)).clamp(0.0, 1.0)


def growth_ball(region: Tensor) -> Tensor:
    """The ball from which a weight grows: about the middle of the region's bounding box, smoothed; `(1, 1, *spatial)`.

    As in the authors' program its radius starts at 1/48 of the longest side (5 voxels of 240) and is raised by 1/30 of it until
    the ball covers 5 % of the region. Raises InputError for an empty region.
    """
    inside = region > 0.5
    if not bool(inside.any()):
        raise InputError("a mask with voxels in it", "an empty one", "give the case a fixed_mask")
    shape = region.shape[2:]
    places = inside[0, 0].nonzero()
    middle = (places.amin(0) + places.amax(0)).to(region) / 2
    grid = identity_grid(shape, device=region.device, dtype=region.dtype)
    distance = (grid - middle.view(1, -1, *(1,) * len(shape))).square().sum(1, keepdim=True).sqrt()
    longest = max(shape)
    radius = longest / 48
    while int(((distance <= radius) & inside).sum()) < BALL_OVERLAP * int(inside.sum()) and radius < longest:
        radius += max(longest // 30, 1)
    return gaussian_smooth((distance <= radius).to(region), BALL_BLUR)
