"""From a case to a shooting problem and from its solution to a prediction: what the methods of paper 02 share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wbir.cases import Case, Prediction, Reading
from wbir.errors import InputError
from wbir.geometry.warping import warp
from wbir.registration.metamorphosis import (
    Model,
    Weight,
    constant,
    displacements,
    evolving,
    norms_along,
    shoot,
    tiny_numbers_as_zero,
)
from wbir.registration.metamorphosis_shooting import Found, Search, evolving_frames

MODELS = ("lddmm", "metamorphosis", "weighted")
MASKS = ("evolving", "constant")
NORM_TIMES = 5  # of a path, at which the norms are reported


@dataclass(frozen=True)
class Problem:
    """source, target, `(1, 1, *spatial)` in [0, 1]; weight: M; where: the part of the target that counts.

    low, scale: the images' own intensities are `low + scale * value`.
    """

    source: Tensor
    target: Tensor
    weight: Weight
    where: Tensor | float
    low: float
    scale: float


def problem_of(
    case: Case, *, model: str, mask: str, masking: bool, mask_sigma: float, mask_search: Search, device: str
) -> Problem:
    """The problem that a case poses. model: one of MODELS. mask: of a weighted model, one of MASKS. masking: leave the fixed mask
    out of the data term (cost-function masking).

    Images that leave [0, 1] are brought there by one shift and scale for both. Raises InputError for an unknown model or mask, and
    where a mask is asked for that the case does not have.
    """
    if model not in MODELS or mask not in MASKS:
        raise InputError(f"a model of {MODELS} and a mask of {MASKS}", f"{model!r}, {mask!r}", "correct them")
    low = min(float(case.fixed.min()), float(case.moving.min()), 0.0)
    scale = max(float(case.fixed.max()), float(case.moving.max()), 1.0 + low) - low
    source, target = (_tensor((image - low) / scale, device) for image in (case.moving, case.fixed))
    region = _tensor(_mask(case), device) if masking or model == "weighted" else None
    weight = constant(0.0 if model == "lddmm" else 1.0)
    if model == "weighted" and region is not None:
        frames = evolving_frames(region, sigma=mask_sigma, search=mask_search)
        weight = evolving(frames) if mask == "evolving" else constant(frames[-1:])
    return Problem(source, target, weight, 1.0 if not masking or region is None else 1.0 - region, low, scale)


def _mask(case: Case) -> np.ndarray:
    if case.fixed_mask is None:
        raise InputError(f"a fixed_mask in case {case.id}", "none", "take the model metamorphosis or lddmm")
    return case.fixed_mask


def prediction_of(case: Case, problem: Problem, model: Model, found: Found, *, norm_steps: int) -> Prediction:
    """The prediction of a solution; the method `metamorphosis` lists its readings and arrays."""
    with torch.no_grad():
        displacement = displacements(model, found.path)[-1]
        deformed = warp(problem.source, displacement)
        readings = norm_readings(model, problem, found.residual, norm_steps)
    steps = len(found.path.images) - 1
    weights = [_flat(problem.weight(k / steps), problem.source) for k in range(steps + 1)]
    frames = [problem.low + problem.scale * _middle(image) for image in found.path.images]
    return Prediction(
        displacement=displacement[0].cpu().numpy().astype(np.float32),
        warped=problem.low + problem.scale * _array(found.path.images[-1]),
        readings=[Reading("shooting_cost", min(found.costs)), Reading("first_cost", found.costs[0]), *readings],
        arrays={
            "frames": np.stack(frames),
            "weights": np.stack(weights),
            "deformed": problem.low + problem.scale * _middle(deformed),
        },
    )


@tiny_numbers_as_zero()
def norm_readings(model: Model, problem: Problem, residual: Tensor, steps: int) -> list[Reading]:
    """The norms along the geodesic of an initial residual, followed anew on the grid by Runge and Kutta's method.

    A drift is the largest difference from the value at t = 0, relative to it; NaN where that is zero or the path diverges.
    """
    path = shoot(model, problem.source, residual, problem.weight, steps=steps, integrator="runge_kutta")
    moving, adding = (norm[:, 0].double().cpu().numpy() for norm in norms_along(model, path, problem.weight))
    readings = []
    for name, values in (("velocity_norm", moving), ("total_norm", moving + adding)):
        drift = np.abs(values / values[0] - 1).max() if values[0] > 0 and np.isfinite(values).all() else np.nan
        readings.append(Reading(f"{name}_drift", float(drift)))
        for place in np.linspace(0, steps, NORM_TIMES).round().astype(int):
            readings.append(Reading(name, float(values[place]), label=f"{place / steps:g}"))
    return readings


def _tensor(image: np.ndarray, device: str) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None, None].to(device)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor[0, 0].cpu().numpy().astype(np.float32)


def _middle(tensor: Tensor) -> np.ndarray:
    """A 2D image, or the middle slice of a 3D one across its last axis: what figures need."""
    image = _array(tensor)
    return image[..., image.shape[-1] // 2] if image.ndim == 3 else image


def _flat(value: Tensor | float, like: Tensor) -> np.ndarray:
    return _middle(torch.as_tensor(value).to(like).expand_as(like))
