"""The same geodesics by their vector momentum: EPDiff with the force of the intensity additions.

With `p = (rho/mu) z` and `m = -p grad I` the equations of registration/metamorphosis.py become

    v = K * m,   dm/dt = -ad*_v m - p grad(kappa M p),   dp/dt = -div(p v),   kappa = mu^2 / rho

`(ad*_v m)_i = div(m_i v) + sum_j m_j d_i v_j` is the coadjoint action. No image stands in them: it follows from v and p. For M = 0
this is EPDiff (Miller, Trouve and Younes 2006), for M = 1 the Euler-Poincare form of metamorphosis (Holm, Trouve and Younes 2009).
The discrete equations are not those of the scalar form, so the two check each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wbir.geometry.derivatives import divergence, gradient
from wbir.geometry.jacobians import jacobian_determinant
from wbir.geometry.warping import warp
from wbir.registration.metamorphosis import Model, Weight

State = tuple[Tensor, Tensor, Tensor]  # momentum m (B, dim, *spatial), p and image (B, 1, *spatial)


def coadjoint(velocity: Tensor, momentum: Tensor) -> Tensor:
    """`ad*_v m`, both `(B, dim, *spatial)`."""
    dim = velocity.shape[1]
    carried = [divergence(momentum[:, i : i + 1] * velocity) for i in range(dim)]
    slopes = gradient(velocity).unflatten(1, (dim, dim))  # [j, i] = d_i v_j
    return torch.cat(carried, 1) + (momentum.unsqueeze(2) * slopes).sum(1)


def shoot_momentum(
    model: Model, image: Tensor, residual: Tensor, weight: Weight, *, steps: int
) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """Images and momenta at times 0, 1/steps, ..., 1 from the same start as `metamorphosis.shoot`, by Runge and Kutta's method."""
    p = (model.rho / model.mu) * residual
    state: State = (-p * gradient(image), p, image)
    states, size = [state], 1 / steps
    for number in range(steps):
        time = number * size
        rates = [_rates(model, state, weight(time))]
        for part in (0.5, 0.5, 1.0):
            rates.append(_rates(model, _moved(state, rates[-1], part * size), weight(time + part * size)))
        for rate, share in zip(rates, (1 / 6, 1 / 3, 1 / 3, 1 / 6), strict=True):
            state = _moved(state, rate, share * size)
        states.append(state)
    return [s[2] for s in states], [s[0] for s in states]


def transported(momentum: Tensor, displacement: Tensor) -> Tensor:
    """The coadjoint transport in closed form: `det(J) J^T m(x + u(x))`, J the Jacobian of `id + u`, the map back to time 0.

    It solves `dm/dt = -ad*_v m`. Shapes `(B, dim, *spatial)`, voxels.
    """
    dim = displacement.shape[1]
    slopes = gradient(displacement).unflatten(1, (dim, dim))
    eye = torch.eye(dim, dtype=slopes.dtype, device=slopes.device).view(1, dim, dim, *(1,) * dim)
    fetched = warp(momentum, displacement)
    return jacobian_determinant(displacement).unsqueeze(1) * ((slopes + eye) * fetched.unsqueeze(2)).sum(1)


def _rates(model: Model, state: State, weight: Tensor | float) -> State:
    momentum, p, image = state
    velocity = model.smooth(momentum)
    added = (model.mu**2 / model.rho) * weight * p
    change = added - (gradient(image) * velocity).sum(1, keepdim=True)
    return -coadjoint(velocity, momentum) - p * gradient(added.expand_as(p)), -divergence(p * velocity), change


def _moved(state: State, rate: State, size: float) -> State:
    momentum, p, image = (s + size * r for s, r in zip(state, rate, strict=True))
    return momentum, p, image
