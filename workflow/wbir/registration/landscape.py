"""The similarity landscape over one rotation angle (paper 17, Sect. 4.1, Fig. 2), and what it says of local search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wbir.geometry.rigid import about_centre, rotation_from_euler
from wbir.registration.cross_similarity import average_similarity
from wbir.registration.ngf_measure import GradientMeasure


@dataclass(frozen=True)
class Landscape:
    """What a curve over a full turn shows. Angles and widths in degrees.

    sought: the true angle. local_maxima: how many on the circle. highest_at: angle of the greatest value. reached:
    where monotone ascent from the sought angle ends. region: width of the interval around `reached` from which monotone
    ascent ends there; 0 where `reached` is farther than `tolerance` from the sought angle, that is where ascent leads
    away from it.
    """

    sought: float
    local_maxima: int
    highest_at: float
    reached: float
    region: float


def describe_landscape(
    angles: np.ndarray, values: np.ndarray, *, sought: float = 0.0, tolerance: float = 5.0
) -> Landscape:
    """Describe `values` at evenly spaced `angles` of one turn, -180 included and 180 not; neighbours wrap around."""
    n, step = len(angles), 360.0 / len(angles)
    higher = values > np.roll(values, 1)
    peaks = higher & (values >= np.roll(values, -1))
    ends = np.array([_ascend(values, k) for k in range(n)])
    start = int(np.argmin(np.abs(_wrapped(angles - sought))))
    reached = int(ends[start])
    near = bool(np.abs(_wrapped(angles[reached] - sought)) <= tolerance)
    region = step * _run_around(ends == reached, start) if near else 0.0
    return Landscape(sought, int(peaks.sum()), float(angles[values.argmax()]), float(angles[reached]), float(region))


def _ascend(values: np.ndarray, k: int) -> int:
    """Index where steepest steps to a higher neighbour end."""
    n = len(values)
    while True:
        best = max((k - 1) % n, (k + 1) % n, key=lambda j: values[j])
        if values[best] <= values[k]:
            return k
        k = best


def _run_around(inside: np.ndarray, k: int) -> int:
    """Length of the circular run of True that holds index k."""
    if inside.all():
        return len(inside)
    turned = np.roll(inside, -k)
    return int(np.argmin(turned)) + int(np.argmin(turned[::-1]))


def _wrapped(angle: np.ndarray | float) -> np.ndarray | float:
    return (angle + 180.0) % 360.0 - 180.0


def rotation_curve(
    images: tuple[Tensor, Tensor],
    masks: tuple[Tensor, Tensor],
    truth: Tensor,
    angles: Sequence[float],
    measure: GradientMeasure,
    *,
    displaced: Tensor | None = None,
) -> np.ndarray:
    """`s_ANGF` (Eq. 4) of the aligned moving image, turned about axis y through the centre, and the fixed one: one
    value for each angle.

    images, masks: fixed and moving `(1, 1, X, Y, Z)`, already blurred. truth: `(4, 4)`, fixed voxel to moving voxel.
    angles: degrees. displaced: a `(4, 4)` map by which the fixed image is pulled back first (scenario b of Fig. 2).
    """
    shape = images[0].shape[2:]
    start = torch.eye(4, dtype=torch.float64) if displaced is None else displaced
    prepared = [measure.prepare(image, mask) for image, mask in zip(images, masks, strict=True)]
    fixed, fixed_mask = measure.pulled_back(prepared[0], masks[0], start)
    curve = []
    for angle in angles:
        turn = rotation_from_euler(torch.deg2rad(torch.tensor([0.0, angle, 0.0], dtype=torch.float64)))
        matrix = truth.double() @ about_centre(turn, shape)
        moving, moving_mask = measure.pulled_back(prepared[1], masks[1], matrix)
        curve.append(float(average_similarity(fixed, moving, fixed_mask, moving_mask, squared=measure.squared)))
    return np.array(curve)
