"""Cubic B-splines as one small matrix for each axis: synthesis from control points, refinement, reading between lattices.

Control point j of an axis lies at voxel `(j - 1) * spacing`, so that four of them reach every voxel. Lattices of other sizes
are laid on the image as in `geometry.resampling`: their corner points stay in place.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wbir.geometry.axes import resized_positions

HALVING = {0: 0.75, 1: 0.5, 2: 0.125}  # a cubic B-spline by those of half its width


def control_count(size: int, spacing: float) -> int:
    """The control points that reach the voxels `0 … size - 1`."""
    return int((size - 1) / spacing) + 4


def synthesis_matrix(points: int, size: int, spacing: float) -> Tensor:
    """`(points, controls)` float64: the spline over an axis of `size` voxels read at `points` evenly spaced places."""
    places = resized_positions(points, size)
    controls = (torch.arange(control_count(size, spacing), dtype=torch.float64) - 1) * spacing
    return cubic_spline((places[:, None] - controls) / spacing)


def cubic_spline(x: Tensor) -> Tensor:
    """The centred cubic B-spline, support (-2, 2), at x in knots."""
    a = x.abs()
    inner, outer = 2 / 3 - a.square() + a.pow(3) / 2, (2 - a).clamp(min=0).pow(3) / 6
    return torch.where(a < 1, inner, outer)


def refinement_matrix(size: int, spacing: float) -> Tensor:
    """`(finer, coarser)` float64: the same spline over half the spacing (knot insertion)."""
    finer, coarser = control_count(size, spacing / 2), control_count(size, spacing)
    distance = (torch.arange(finer) - 1)[:, None] - 2 * (torch.arange(coarser) - 1)
    matrix = torch.zeros(finer, coarser, dtype=torch.float64)
    for step, weight in HALVING.items():
        matrix[distance.abs() == step] = weight
    return matrix


def upsampling_matrix(new: int, old: int) -> Tensor:
    """`(new, old)` float64: a line of `old` points read at `new` by Catmull-Rom cubics, the border continued."""
    matrix = torch.zeros(new, old, dtype=torch.float64)
    places = resized_positions(new, old)
    base = places.floor().clamp(max=max(old - 2, 0))
    t = places - base
    weights = (
        0.5 * t * (-1 + t * (2 - t)),
        0.5 * (2 + t * t * (3 * t - 5)),
        0.5 * t * (1 + t * (4 - 3 * t)),
        0.5 * t * t * (t - 1),
    )
    rows = torch.arange(new)
    for step, weight in enumerate(weights):
        columns = (base.long() + (step - 1)).clamp(0, old - 1)
        matrix.index_put_((rows, columns), weight, accumulate=True)
    return matrix
