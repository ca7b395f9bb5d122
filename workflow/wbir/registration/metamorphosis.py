"""Geodesics of weighted metamorphosis, and of its special cases LDDMM and metamorphosis.

Paper 02, Eqs. 1 to 4 and Theorem 1. The source image I is moved by the velocity v and changed by the residual z where the weight M
lets it:

    v = -(rho/mu) K_sigma * (z grad I),   dz/dt = -div(z v),   dI/dt = -<grad I, v> + mu M z

They are Hamilton's equations of `H = 1/2 (||v||_V^2 + rho <z, M z>)`, `||v||_V^2 = (rho/mu)^2 <z grad I, K * (z grad I)>`, in I and
p = (rho/mu) z. So `||v||_V^2 + rho ||z||_M^2` stays along a geodesic where M does not change in time, and otherwise changes at the
rate `rho <z, dM/dt z>`; `||v||_V^2` alone stays only where M = 0. That is LDDMM by its scalar momentum z; M = 1 is metamorphosis
(Trouve and Younes 2005).

Central differences and their negative adjoint stand for grad and div, so that the equations on the grid are Hamilton's too. Time
runs over [0, 1]. Images and residuals are `(B, 1, *spatial)`, velocities `(B, dim, *spatial)` in voxels per unit time, 2D or 3D.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.axes import apply_along, apply_separably, gaussian_matrix
from wbir.geometry.derivatives import partial
from wbir.geometry.flows import compose
from wbir.geometry.grids import check_image, identity_grid
from wbir.geometry.warping import normalised_scale, sample_normalised

TRUNCATE = 3.0  # the kernel is cut at this many sigmas, and sums to one
Weight = Callable[[float], Tensor | float]  # time in [0, 1] -> M, `(B, 1, *spatial)` or a number


@dataclass(frozen=True)
class Model:
    """The constants of the equations, and what is computed once for a grid.

    `lines` is the kernel, `slopes` the derivative, as a matrix for each axis; `places` the voxels and `scale` a voxel's size in
    `sample_normalised`'s units.

    rho, mu: numbers, or tensors `(B, 1, *1)` for a batch in which each image has its own.
    """

    rho: float | Tensor
    mu: float | Tensor
    lines: tuple[Tensor, ...]
    slopes: tuple[Tensor, ...]
    places: Tensor
    scale: Tensor

    @classmethod
    def of(cls, like: Tensor, *, sigma: float, rho: float | Tensor = 1.0, mu: float | Tensor = 1.0) -> Model:
        """For images like `like`; sigma in voxels. Raises InputError where sigma, rho or mu is not positive."""
        check_image(like)
        least = [float(torch.as_tensor(value).min()) for value in (sigma, rho, mu)]
        if not min(least) > 0:
            raise InputError("sigma, rho and mu above 0", f"{least}", "correct the parameters")
        lines = [gaussian_matrix(n, sigma, padding="zeros", truncate=TRUNCATE) for n in like.shape[2:]]
        slopes = [partial(torch.eye(n, dtype=torch.float64), 0) for n in like.shape[2:]]
        grid = identity_grid(like.shape[2:], device=like.device, dtype=like.dtype)
        scale = normalised_scale(like.shape[2:], grid)
        places = grid * scale + (scale / 2 - 1)
        return cls(rho, mu, tuple(a.to(like) for a in lines), tuple(a.to(like) for a in slopes), places, scale)

    def fetch(self, values: Tensor, displacement: Tensor) -> Tensor:
        """`values(x + displacement(x))`, linear, border values outside: `warping.warp` without its checks."""
        return sample_normalised(values, torch.addcmul(self.places, displacement, self.scale), "border")

    def gradient(self, image: Tensor) -> Tensor:
        """`grad I`: `(B, dim, *spatial)` of an image `(B, 1, *spatial)`; as `derivatives.gradient`, faster with its gradient."""
        return torch.cat([apply_along(image, slope, axis + 2) for axis, slope in enumerate(self.slopes)], 1)

    def divergence(self, field: Tensor) -> Tensor:
        """`div v`: `(B, 1, *spatial)` of a field `(B, dim, *spatial)`."""
        parts = [
            apply_along(part, slope, axis + 2)
            for axis, (part, slope) in enumerate(zip(field.split(1, 1), self.slopes, strict=True))
        ]
        return torch.stack(parts).sum(0)

    def smooth(self, field: Tensor) -> Tensor:
        """`K_sigma * field`, zero outside the grid."""
        return apply_separably(field, self.lines)

    def driven(self, force: Tensor) -> Tensor:
        """`v` of Eq. 4 from the force `z grad I`."""
        return -(self.rho / self.mu) * self.smooth(force)

    def velocity(self, image: Tensor, residual: Tensor) -> Tensor:
        """`v` of Eq. 4."""
        return self.driven(residual * self.gradient(image))

    def rates(self, image: Tensor, residual: Tensor, weight: Tensor | float) -> tuple[Tensor, Tensor]:
        """`dI/dt` and `dz/dt` of Eq. 4."""
        slope = self.gradient(image)
        velocity = self.driven(residual * slope)
        change = self.mu * weight * residual - (slope * velocity).sum(1, keepdim=True)
        return change, -self.divergence(residual * velocity)

    def norms(self, image: Tensor, residual: Tensor, weight: Tensor | float) -> tuple[Tensor, Tensor]:
        """`||v||_V^2` and `rho ||z||_M^2` of each image, `(B,)`; their sum is what Eq. 3 integrates."""
        force = residual * self.gradient(image)
        ratio = torch.as_tensor(self.rho / self.mu).to(image).flatten()
        adding = (self.rho * weight * residual.square()).expand_as(residual)
        return ratio**2 * (force * self.smooth(force)).flatten(1).sum(1), adding.flatten(1).sum(1)


def constant(value: Tensor | float) -> Weight:
    """A weight that does not change: 0 is LDDMM, 1 metamorphosis."""
    return lambda time: value


def evolving(frames: Tensor) -> Weight:
    """A weight through `frames` `(n + 1, 1, *spatial)` at times 0, 1/n, ..., 1, linear between them."""
    last = frames.shape[0] - 1

    def at(time: float) -> Tensor:
        place = min(max(time, 0.0), 1.0) * last
        low = min(int(place), max(last - 1, 0))
        part = place - low
        return frames[low : low + 1] if part == 0 else torch.lerp(frames[low : low + 1], frames[low + 1 :][:1], part)

    return at


@dataclass(frozen=True)
class Path:
    """A geodesic: images and residuals at times 0, 1/n, ..., 1."""

    images: Sequence[Tensor]
    residuals: Sequence[Tensor]


def shoot(
    model: Model,
    image: Tensor,
    residual: Tensor,
    weight: Weight,
    *,
    steps: int,
    integrator: str = "semi_lagrangian",
    checkpoint: bool = False,
) -> Path:
    """The geodesic from `image` with the initial residual. Differentiable.

    integrator: `semi_lagrangian` (first order; stable for long steps), `euler` (first order, on the grid), `runge_kutta` (fourth
    order, on the grid). checkpoint: keep only the states between steps for the gradient, and compute each step again.
    Raises InputError for an unknown integrator or no step.
    """
    if integrator not in INTEGRATORS or steps < 1:
        raise InputError(
            f"an integrator of {sorted(INTEGRATORS)} and a step", f"{integrator!r}, {steps}", "correct them"
        )
    step = INTEGRATORS[integrator]
    images, residuals = [image], [residual]
    for number in range(steps):
        arguments = (model, images[-1], residuals[-1], weight, number / steps, 1 / steps)
        if checkpoint:
            from torch.utils.checkpoint import checkpoint as again

            image, residual = again(step, *arguments, use_reentrant=False)
        else:
            image, residual = step(*arguments)
        images.append(image)
        residuals.append(residual)
    return Path(images, residuals)


def _semi_lagrangian(
    model: Model, image: Tensor, residual: Tensor, weight: Weight, time: float, step: float
) -> tuple[Tensor, Tensor]:
    """Values are fetched from where they were a step before. M is that of the end of the step, as in the authors' program."""
    velocity = model.velocity(image, residual)
    fetched = model.fetch(torch.cat([image, residual], 1), -step * velocity)
    image = fetched[:, :1] + step * model.mu * weight(time + step) * residual
    return image, fetched[:, 1:] - step * residual * model.divergence(velocity)


def _euler(
    model: Model, image: Tensor, residual: Tensor, weight: Weight, time: float, step: float
) -> tuple[Tensor, Tensor]:
    image_rate, residual_rate = model.rates(image, residual, weight(time + step))
    return image + step * image_rate, residual + step * residual_rate


def _runge_kutta(
    model: Model, image: Tensor, residual: Tensor, weight: Weight, time: float, step: float
) -> tuple[Tensor, Tensor]:
    """The classical method of fourth order."""
    first = model.rates(image, residual, weight(time))
    total = [first[0] / 6, first[1] / 6]
    last = first
    for part, share in ((0.5, 1 / 3), (0.5, 1 / 3), (1.0, 1 / 6)):
        place = part * step
        last = model.rates(image + place * last[0], residual + place * last[1], weight(time + place))
        total = [sum_ + share * rate for sum_, rate in zip(total, last, strict=True)]
    return image + step * total[0], residual + step * total[1]


INTEGRATORS = {"semi_lagrangian": _semi_lagrangian, "euler": _euler, "runge_kutta": _runge_kutta}


@contextlib.contextmanager
def tiny_numbers_as_zero() -> Iterator[None]:
    """Let the CPU take numbers below 1e-38 as zero: the far tails of kernels times slopes are many, and a CPU is slow with them."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def displacements(model: Model, path: Path) -> list[Tensor]:
    """For each time of a path the displacement u with `(image moved so far)(x) = source(x + u(x))`, `(B, dim, *spatial)` voxels.

    The steps are those of the semi-Lagrangian integrator.
    """
    steps = len(path.images) - 1
    total = [torch.zeros_like(model.gradient(path.images[0]))]
    for image, residual in zip(path.images[:-1], path.residuals[:-1], strict=True):
        total.append(compose(total[-1], -model.velocity(image, residual) / steps))
    return total


def norms_along(model: Model, path: Path, weight: Weight) -> tuple[Tensor, Tensor]:
    """`||v_t||_V^2` and `rho ||z_t||_M^2` at every time of a path: each `(times, B)`."""
    times = [number / (len(path.images) - 1) for number in range(len(path.images))]
    pairs = [model.norms(i, z, weight(t)) for i, z, t in zip(path.images, path.residuals, times, strict=True)]
    moving, adding = zip(*pairs, strict=True)
    return torch.stack(moving), torch.stack(adding)
