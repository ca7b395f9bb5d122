"""Global similarity of two images `(B, C, *spatial)`: means over voxels, batch and channels.

`ssd` is a distance (lower is more alike); `ncc`, `mutual_information` and `normalized_mutual_information` are
similarities (higher is more alike): a registration minimises `ssd` or `-ncc`. All are differentiable in both images.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from wbir.errors import InputError

CHUNK = 1 << 15  # voxels worked on at a time on a CPU
Range = tuple[float, float]


def ssd(fixed: Tensor, moving: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean over voxels (where `mask`, broadcastable, is set) of the squared difference. Scalar, squared intensity."""
    _check(fixed, moving)
    squared = (fixed - moving).square()
    if mask is None:
        return squared.mean()
    weight = mask.to(fixed.dtype).expand_as(fixed)
    return (weight * squared).sum() / weight.sum().clamp(min=1e-12)


def ncc(fixed: Tensor, moving: Tensor, epsilon: float = 1e-10) -> Tensor:
    """Pearson's correlation over the voxels of each image and channel, then the mean: in [-1, 1], 0 for a flat image.

    epsilon: added to the product of the two variances, squared intensity each.
    """
    _check(fixed, moving)
    centred = [image.flatten(2) - image.flatten(2).mean(dim=2, keepdim=True) for image in (fixed, moving)]
    covariance = (centred[0] * centred[1]).mean(dim=2)
    variances = centred[0].square().mean(dim=2) * centred[1].square().mean(dim=2)
    return (covariance / (variances + epsilon).sqrt()).mean()


def mutual_information(
    fixed: Tensor,
    moving: Tensor,
    *,
    bins: int = 32,
    fixed_range: Range | None = None,
    moving_range: Range | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Mutual information in nats, mean over the batch: at least 0 (Mattes et al. 2003, Parzen windows on both axes).

    The joint histogram has `bins` x `bins` bins and cubic B-spline Parzen windows of four bins. A range is mapped onto
    the bins (default: the image's own extremes, taken as constants); values outside are clamped. mask: bool,
    `(B, 1 or C, *spatial)`, the voxels that count. The result is smooth in both images; first derivatives only.
    """
    terms = _entropies(fixed, moving, bins, fixed_range, moving_range, mask)
    return torch.stack([of_fixed + of_moving - joint for of_fixed, of_moving, joint in terms]).mean()


def normalized_mutual_information(
    fixed: Tensor,
    moving: Tensor,
    *,
    bins: int = 32,
    fixed_range: Range | None = None,
    moving_range: Range | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Studholme's `(H(fixed) + H(moving)) / H(fixed, moving)`, in [1, 2], mean over the batch.

    Arguments as for `mutual_information`. Parzen windows widen the joint histogram: an image and
    itself stay below 2.
    """
    terms = _entropies(fixed, moving, bins, fixed_range, moving_range, mask)
    return torch.stack([(of_fixed + of_moving) / joint for of_fixed, of_moving, joint in terms]).mean()


def joint_histogram(fixed: Tensor, moving: Tensor, bins: int, fixed_range: Range, moving_range: Range) -> Tensor:
    """Joint probabilities `(bins, bins)` (rows: fixed) of two sets of values `(N,)`, cubic B-spline Parzen windows."""
    return _JointHistogram.apply(_positions(fixed, fixed_range, bins), _positions(moving, moving_range, bins), bins)


def _check(fixed: Tensor, moving: Tensor) -> None:
    if fixed.shape != moving.shape:
        wanted = f"two images of shape {tuple(fixed.shape)}"
        raise InputError(wanted, f"shape {tuple(moving.shape)}", "resample one to the other's grid")


def _entropies(
    fixed: Tensor, moving: Tensor, bins: int, fixed_range: Range | None, moving_range: Range | None, mask: Tensor | None
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """For each item of the batch the entropies of fixed, moving and both, in nats."""
    _check(fixed, moving)
    if bins < 4:
        raise InputError("at least 4 bins", str(bins), "a cubic window spans four")
    entropies = []
    for index, pair in enumerate(zip(fixed, moving, strict=True)):
        a, b = (image.flatten() if mask is None else image[mask[index].expand_as(image)] for image in pair)
        joint = joint_histogram(a, b, bins, fixed_range or _extremes(a), moving_range or _extremes(b))
        entropies.append((_entropy(joint.sum(dim=1)), _entropy(joint.sum(dim=0)), _entropy(joint)))
    return entropies


def _entropy(probability: Tensor) -> Tensor:
    return -(probability * probability.clamp(min=torch.finfo(probability.dtype).tiny).log()).sum()


def _extremes(values: Tensor) -> Range:
    low, high = values.detach().aminmax()
    return float(low), float(high)


def _positions(values: Tensor, limits: Range, bins: int) -> Tensor:
    """Values to positions on the bin axis, in [1, bins - 2]: there all four windows lie inside."""
    low, high = limits
    scale = (bins - 3) / max(high - low, 1e-12)
    return ((values - low) * scale + 1.0).clamp(1.0, bins - 2.0)


def _windows(positions: Tensor, bins: int) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """First bin of each position's window, its four cubic B-spline weights (they sum to one) and their derivatives."""
    base = positions.floor().clamp(max=bins - 3)
    t = positions - base
    s = 1.0 - t
    weights = [s**3 / 6, (4 - 6 * t**2 + 3 * t**3) / 6, (4 - 6 * s**2 + 3 * s**3) / 6, t**3 / 6]
    slopes = [-(s**2) / 2, (3 * t**2 - 4 * t) / 2, (4 * s - 3 * s**2) / 2, t**2 / 2]
    return base.long() - 1, weights, slopes


class _JointHistogram(torch.autograd.Function):
    """Sixteen weighted counts forward, sixteen gathers backward: no `(N, bins)` array is ever made."""

    @staticmethod
    def forward(ctx: Any, fixed: Tensor, moving: Tensor, bins: int) -> Tensor:
        ctx.bins = bins
        ctx.save_for_backward(fixed, moving)
        counts = torch.zeros(bins * bins, dtype=torch.float64, device=fixed.device)
        for a, b in _chunks(fixed, moving):
            (first, weights, _), (second, others, _) = _windows(a, bins), _windows(b, bins)
            corner = first * bins + second
            for i, weight in enumerate(weights):
                for j, other in enumerate(others):
                    counts += torch.bincount(corner + (i * bins + j), weights=weight * other, minlength=bins * bins)
        return (counts / fixed.numel()).to(fixed.dtype).reshape(bins, bins)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        fixed, moving = ctx.saved_tensors
        table = outer[0] / fixed.numel()
        to_fixed = _pulled(fixed, moving, table) if ctx.needs_input_grad[0] else None
        to_moving = _pulled(moving, fixed, table.T) if ctx.needs_input_grad[1] else None
        return to_fixed, to_moving, None


def _pulled(own: Tensor, other: Tensor, table: Tensor) -> Tensor:
    """The gradient in the positions `own` `(N,)` for a gradient `table` `(bins, bins)` (rows: own) of the counts."""
    bins, flat, parts = len(table), table.reshape(-1), []
    for a, b in _chunks(own, other):
        (first, _, slopes), (second, weights, _) = _windows(a, bins), _windows(b, bins)
        corner, part = first * bins + second, torch.zeros_like(a)
        for i, slope in enumerate(slopes):
            lines = [flat[corner + (i * bins + j)] * weight for j, weight in enumerate(weights)]
            part.addcmul_(slope, sum(lines[1:], lines[0]))
        parts.append(part)
    return torch.cat(parts)


def _chunks(first: Tensor, second: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Both `(N,)` in pieces that a CPU's cache holds; on another device whole."""
    size = CHUNK if first.device.type == "cpu" else max(len(first), 1)
    return zip(first.split(size), second.split(size), strict=True)
