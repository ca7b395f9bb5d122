"""Local rigid registration by the squared NGF similarity: Adam over a pyramid (LO-NGF of paper 17, Sect. 4.2).

The paper runs AIRLab: 5 levels, a schedule of iterations, factors and smoothing, learning rate 0.01. It gives no
parametrisation; taken here, after AIRLab's rigid transformation: three angles in radians (`Rz Ry Rx` about the image's
centre) and three translations in half extents of the image, one learning rate for both, a new Adam at each level, the
start at the identity. Voxels whose point leaves the moving image do not count. The moving image is warped before its
gradient is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.rigid import about_centre, rotation_from_euler
from wbir.registration.cross_similarity import average_similarity
from wbir.registration.global_search import Level, make_level
from wbir.registration.ngf_measure import GradientMeasure


@dataclass(frozen=True)
class Descent:
    """Schedule, one entry for each level: iterations, smoothing sigmas and factors in voxels of the reference spacing.

    patience: a level ends when its best similarity has not risen for so many iterations; 0 runs them all.
    """

    iterations: Sequence[int]
    sigmas: Sequence[float]
    downsampling: Sequence[float]
    learning_rate: float = 0.01
    patience: int = 0

    def __post_init__(self) -> None:
        lengths = [len(self.iterations), len(self.sigmas), len(self.downsampling)]
        if len(set(lengths)) != 1 or not lengths[0]:
            raise InputError("as many iterations as sigmas and factors", f"{lengths}", "give each level its numbers")


@dataclass(frozen=True)
class Descended:
    """matrix: fixed voxel to moving voxel, `(4, 4)` float64. value: the last similarity. steps: iterations that ran."""

    matrix: Tensor
    value: float
    steps: int


def descend_rigidly(
    images: tuple[Tensor, Tensor],
    masks: tuple[Tensor | None, Tensor | None],
    schedule: Descent,
    measure: GradientMeasure,
    *,
    scale: float = 1.0,
) -> Descended:
    """Follow the gradient of the average NGF similarity (Eq. 4) from the identity.

    images, masks: fixed and moving `(1, 1, X, Y, Z)` on one isotropic grid. scale: reference spacing over voxel size.
    """
    motion = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    shape = images[0].shape[2:]
    value, steps = -math.inf, 0
    for iterations, sigma, factor in zip(schedule.iterations, schedule.sigmas, schedule.downsampling, strict=True):
        level = make_level(images, masks, sigma * scale, max(1.0, factor * scale))
        value, done = _run_level(level, motion, shape, schedule, measure, iterations)
        steps += done
    return Descended(motion_matrix(motion.detach(), shape), value, steps)


def motion_matrix(
    motion: Tensor, shape: Sequence[int], factor: float = 1.0, full: Sequence[int] | None = None
) -> Tensor:
    """The matrix `(4, 4)` of six numbers on a grid of `shape`: angles (radians), translations in half extents of `full`
    (default `shape`), on a grid whose voxels are `factor` of the full one's."""
    extent = motion.new_tensor([(n - 1) / 2 for n in full or shape]) / factor
    return about_centre(rotation_from_euler(motion[:3]), shape, motion[3:] * extent)


def _run_level(
    level: Level, motion: Tensor, full: Sequence[int], schedule: Descent, measure: GradientMeasure, iterations: int
) -> tuple[float, int]:
    optimiser = torch.optim.Adam([motion], lr=schedule.learning_rate)
    with torch.no_grad():
        field = measure.field(measure.prepare(level.fixed, level.fixed_mask))
        moving = measure.prepare(level.moving, level.moving_mask)
    best, waited, value, steps = -math.inf, 0, -math.inf, 0
    while steps < iterations and not (schedule.patience and waited >= schedule.patience):
        matrix = motion_matrix(motion, level.fixed.shape[2:], level.factor, full)
        warped, mask = measure.pulled_back(moving, level.moving_mask, matrix)
        similarity = average_similarity(field, warped, level.fixed_mask, mask)[0]
        optimiser.zero_grad()
        (-similarity).backward()
        optimiser.step()
        steps, value = steps + 1, float(similarity.detach())
        waited = 0 if value > best else waited + 1
        best = max(best, value)
    return value, steps
