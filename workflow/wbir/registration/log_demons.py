"""Symmetric log-domain diffeomorphic demons: one stationary velocity field that registers two images.

Vercauteren, Pennec, Perchant, Ayache, "Symmetric log-domain diffeomorphic registration: a demons-based approach",
MICCAI 2008; the engine of paper 06 (Sect. 2). The transformation is `exp(v)`; each iteration
1. warps both ways, `moving o exp(v)` against `fixed` and `fixed o exp(-v)` against `moving`,
2. takes the demons force of each, `u = diff grad / (|grad|^2 + (sigma_i / sigma_x)^2 diff^2)`, so that
   `|u| <= sigma_x / (2 sigma_i)` voxels, and smooths it by a Gaussian `sigma_fluid`,
3. updates in the log domain by Baker-Campbell-Hausdorff, `Z(v, u) = v + u (+ [v, u] / 2)`, averages the two,
   `(Z(v, forward) - Z(-v, backward)) / 2`, and smooths the average by a Gaussian `sigma_diffusion`.
The averaged step is exactly antisymmetric: swapping the images gives `-v`. `diff^2` in the denominator is the locally
estimated noise of that paper, `sigma_i` its factor. The energy that is followed is the mean squared difference,
averaged over both directions; the smoothing is the regulariser. Coarse to fine, factor 2 per level; all sigmas are in
voxels of their level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from wbir.errors import InputError
from wbir.geometry.derivatives import gradient
from wbir.geometry.flows import exponential
from wbir.geometry.kernels import gaussian_pyramid, gaussian_smooth
from wbir.geometry.resampling import resize_displacement
from wbir.geometry.warping import warp

MINIMUM_SIDE = 8  # voxels: a coarser level holds no anatomy, and border effects reach all of it
FLOOR = 1e-6  # squared intensity, images in [0, 1]: a difference below 0.1 % of the range is interpolation noise
COARSE_STEP = 0.5  # voxels: within the iterations exp(v / 2^n) is taken as id + v / 2^n below this
FINE_STEP = 1 / 16  # the same for a result: exp(v) then errs by interpolation more than by this
FORCES = ("warped", "mean")


@dataclass(frozen=True)
class DemonsSettings:
    """What the text of paper 06 leaves open; the first six as in the demons literature.

    iterations: at most so many per level, coarsest first; its length is the number of levels.
    sigma_fluid, sigma_diffusion: Gaussians on the update and on the velocity, voxels of the level; 0 switches one off.
    sigma_i, sigma_x: noise and step weights; the step is at most `sigma_x / (2 sigma_i)` voxels.
    bracket: with the Lie bracket term of the Baker-Campbell-Hausdorff formula.
    force: whose gradient drives: `warped` (the warped image) or `mean` (mean of warped and target:
    efficient second order).
    tolerance, window: a level ends when the energy fell by less than the fraction `tolerance` over `window` iterations.
    """

    iterations: Sequence[int]
    sigma_fluid: float
    sigma_diffusion: float
    sigma_i: float
    sigma_x: float
    bracket: bool
    force: str
    tolerance: float
    window: int

    def __post_init__(self) -> None:
        if not self.iterations or min(self.iterations) < 0:
            raise InputError(
                "iterations per level, coarsest first", str(self.iterations), "give one number >= 0 per level"
            )
        if min(self.sigma_fluid, self.sigma_diffusion) < 0 or min(self.sigma_i, self.sigma_x) <= 0:
            raise InputError(
                "sigma_fluid, sigma_diffusion >= 0 and sigma_i, sigma_x > 0", str(self), "correct the sigmas"
            )
        if self.force not in FORCES:
            raise InputError(f"a force of {', '.join(FORCES)}", repr(self.force), "take one of these")
        if self.window < 1:
            raise InputError("a window of at least 1 iteration", str(self.window), "correct it")


@dataclass(frozen=True)
class LogDemons:
    """velocity: `(1, dim, *shape)`, voxels; energies: per level (coarsest first), one value before each update and
    one at the end."""

    velocity: torch.Tensor
    energies: tuple[tuple[float, ...], ...]


@torch.no_grad()
def log_demons(fixed: torch.Tensor, moving: torch.Tensor, settings: DemonsSettings) -> LogDemons:
    """Register `moving` to `fixed`, both `(1, 1, *shape)` with intensities in about [0, 1]: `moving o exp(v)` ~
    `fixed`.

    Of each level the velocity of the lowest energy goes on. Levels with a side under 8 voxels are left out.
    Raises InputError for images that are not `(1, 1, *shape)` on one grid.
    """
    if fixed.shape != moving.shape or fixed.dim() not in (4, 5) or fixed.shape[:2] != (1, 1):
        raise InputError(
            "fixed and moving (1, 1, *shape) on one grid", f"{tuple(fixed.shape)}, {tuple(moving.shape)}", "resample"
        )
    pyramid = gaussian_pyramid(torch.cat([fixed, moving]), len(settings.iterations))
    used = [k for k, images in enumerate(pyramid) if min(images.shape[2:]) >= MINIMUM_SIDE] or [len(pyramid) - 1]
    velocity = fixed.new_zeros(1, fixed.dim() - 2, *pyramid[used[0]].shape[2:])
    energies = []
    for k in used:
        velocity = resize_displacement(velocity, pyramid[k].shape[2:])
        velocity, trace = _register_level(pyramid[k], velocity, settings, settings.iterations[k])
        energies.append(tuple(trace))
    return LogDemons(velocity, tuple(energies))


def squarings_of(velocity: torch.Tensor, first_step: float) -> int:
    """How often to square so that the first step `v / 2^n` stays under `first_step` voxels."""
    largest = float(velocity.square().sum(1).max().sqrt())
    return max(0, math.ceil(math.log2(largest / first_step))) if largest > first_step else 0


def adaptive_exponential(velocity: torch.Tensor, first_step: float = FINE_STEP) -> torch.Tensor:
    """`exp(v)` as a displacement by scaling and squaring, with only as many squarings as max |v| and `first_step` ask
    for."""
    return exponential(velocity, squarings=squarings_of(velocity, first_step))


def _register_level(
    targets: torch.Tensor, velocity: torch.Tensor, settings: DemonsSettings, iterations: int
) -> tuple[torch.Tensor, list[float]]:
    """One level. `targets` is `(2, 1, *shape)`: fixed, moving; both directions go through every step as one batch of
    two."""
    sources = targets.flip(0)
    target_gradient = gradient(targets) if settings.force == "mean" else None
    best, lowest, energies = velocity, math.inf, []
    for iteration in range(iterations + 1):
        warped = warp(sources, adaptive_exponential(torch.cat([velocity, -velocity]), COARSE_STEP))
        difference = targets - warped
        energies.append(float(difference.square().mean()))
        if energies[-1] < lowest:
            best, lowest = velocity, energies[-1]
        if iteration == iterations or _converged(energies, settings):
            break
        slope = gradient(warped)
        if target_gradient is not None:
            slope = slope.add_(target_gradient).mul_(0.5)
        velocity = update_velocity(
            velocity, demons_force(difference, slope, settings.sigma_i, settings.sigma_x), settings
        )
    return best, energies


def demons_force(difference: torch.Tensor, slope: torch.Tensor, sigma_i: float, sigma_x: float) -> torch.Tensor:
    """`u = diff grad / (|grad|^2 + (sigma_i / sigma_x)^2 diff^2)`, voxels: diff `(B, 1, *shape)`, grad `(B, dim,
    *shape)` per voxel."""
    noise = (sigma_i / sigma_x) ** 2
    weight = difference / (slope.square().sum(1, keepdim=True) + noise * difference.square()).clamp_min_(FLOOR)
    return slope * weight


def update_velocity(velocity: torch.Tensor, forces: torch.Tensor, settings: DemonsSettings) -> torch.Tensor:
    """The averaged log-domain update by `forces` `(2, dim, *shape)`, smoothed.

    Smoothing and bracket are linear in the force, so the two directions are averaged first:
    `(Z(v, f) - Z(-v, b)) / 2 = v + (f - b) / 2 + [v, (f + b) / 2] / 2`.
    """
    forward, backward = forces[:1], forces[1:]
    update = _smooth(0.5 * (forward - backward), settings.sigma_fluid)
    if settings.bracket:
        update = update + 0.5 * lie_bracket(velocity, _smooth(0.5 * (forward + backward), settings.sigma_fluid))
    return _smooth(velocity + update, settings.sigma_diffusion)


def lie_bracket(v: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """`[v, u] = (Dv) u - (Du) v`, fields `(B, dim, *shape)` in voxels: `exp(v) o exp(u) = exp(v + u + [v, u] / 2 +
    ...)`."""
    return _derivative_along(v, u) - _derivative_along(u, v)


def _derivative_along(field: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    batch, dim, *shape = field.shape
    return (gradient(field).reshape(batch, dim, dim, *shape) * direction[:, None]).sum(2)


def _smooth(field: torch.Tensor, sigma: float) -> torch.Tensor:
    return gaussian_smooth(field, sigma) if sigma > 0 else field


def _converged(energies: list[float], settings: DemonsSettings) -> bool:
    if energies[-1] == 0.0:
        return True
    if len(energies) <= settings.window:
        return False
    before = energies[-1 - settings.window]
    return before - energies[-1] < settings.tolerance * before
