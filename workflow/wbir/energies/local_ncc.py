"""Local normalised cross-correlation (squared) in a cubic window, with its gradient in closed form.

At every voxel, over the window's voxels that lie inside the image (their number is `n`; no padding values enter):
`cc = cov(f, m)^2 / ((var f + e)(var m + e))`, between 0 and 1, invariant to locally affine changes of intensity.
The result is the mean of `cc` over voxels: a similarity, to be maximised.
With `P = 2 cc' cov / ((var f + e)(var m + e))` (`cc'` the outer gradient) and `Q = P cov / (var m + e)` the gradient in
`m` is `f S(P/n) - m S(Q/n) - S(P mean_f / n - Q mean_m / n)`, where `S` sums over the window: three box sums beside the
forward's five.
Box sums are shifted adds, doubling: log-many adds per axis.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from wbir.errors import InputError

SLAB = 1 << 18  # numbers worked on at a time on a CPU: what its cache holds
EPSILON = 1e-5  # variance of intensity (images in [0, 1]) below which a window counts as flat


def local_ncc(fixed: Tensor, moving: Tensor, window: int = 9, epsilon: float = EPSILON) -> Tensor:
    """Mean over voxels of the squared local correlation, in [0, 1], higher is more alike. Differentiable once.

    fixed, moving: `(B, C, *spatial)`, 2D or 3D, intensities of order one. window: odd, voxels.
    Raises InputError for unequal shapes or an even window.
    """
    return LocalNCC(fixed, window, epsilon)(moving)


class LocalNCC:
    """`local_ncc` for many moving images against one fixed image: the fixed image's sums are kept."""

    def __init__(self, fixed: Tensor, window: int = 9, epsilon: float = EPSILON) -> None:
        if window < 1 or window % 2 == 0:
            raise InputError("an odd window", str(window), "give 3, 5, 7, 9, …")
        self.fixed, self.window, self.epsilon = fixed, window, epsilon
        with torch.no_grad():
            self.inverse_count = _inverse_count(fixed, window)
            self.mean, self.precision = _moments(fixed.detach(), window, epsilon, self.inverse_count)

    def __call__(self, moving: Tensor) -> Tensor:
        """The similarity to `moving` `(B, C, *spatial)`: a scalar in [0, 1]."""
        if moving.shape != self.fixed.shape:
            wanted = f"a moving image of shape {tuple(self.fixed.shape)}"
            raise InputError(wanted, f"shape {tuple(moving.shape)}", "resample it to the fixed grid")
        return _LocalNCC.apply(self.fixed, moving, self)


class _LocalNCC(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, fixed: Tensor, moving: Tensor, known: LocalNCC) -> Tensor:
        mean, precision = _moments(moving, known.window, known.epsilon, known.inverse_count)
        products = box_sum(fixed * moving, known.window)
        covariance = products.mul_(known.inverse_count).addcmul_(known.mean, mean, value=-1)
        slope = (covariance * precision).mul_(known.precision)  # cov / ((var f + e)(var m + e))
        ctx.known = known
        ctx.save_for_backward(fixed, moving, mean, precision, covariance, slope)
        return torch.dot(slope.reshape(-1), covariance.reshape(-1)) / fixed.numel()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        fixed, moving, mean, precision, covariance, slope = ctx.saved_tensors
        known: LocalNCC = ctx.known
        weight = slope * (2.0 * outer[0] / fixed.numel()) * known.inverse_count
        summed = box_sum(weight, known.window)
        gradients: list[Tensor | None] = [None, None]
        roles = ((moving, mean, fixed, known.mean, known.precision), (fixed, known.mean, moving, mean, precision))
        for i, (other, other_mean, own, own_mean, own_precision) in enumerate(roles):
            if ctx.needs_input_grad[i]:
                own_weight = (weight * covariance).mul_(own_precision)
                rest = (weight * other_mean).addcmul_(own_weight, own_mean, value=-1)
                gradient = box_sum(rest, known.window).neg_().addcmul_(other, summed)
                gradients[i] = gradient.addcmul_(own, box_sum(own_weight, known.window), value=-1)
        return gradients[0], gradients[1], None


def box_sum(image: Tensor, window: int) -> Tensor:
    """The sum over a cube of `window` (odd) voxels about each voxel, zero outside: same shape `(B, C, *spatial)`."""
    if image.device.type != "cpu":
        return _box_sum(image, window, 0, image.shape[2])
    total = torch.empty_like(image)
    step = max(window, SLAB // image[:, :, 0].numel())
    for start in range(0, image.shape[2], step):
        stop = min(start + step, image.shape[2])
        total[:, :, start:stop] = _box_sum(image, window, start, stop)
    return total


def _box_sum(image: Tensor, window: int, start: int, stop: int) -> Tensor:
    """`box_sum` at the planes `start` to `stop` of the first spatial axis."""
    radius, planes = window // 2, image.shape[2]
    low, high = start - radius, stop + radius
    inside = image[:, :, max(low, 0) : min(high, planes)]
    current = pad(inside, (radius, radius) * (image.ndim - 3) + (max(-low, 0), max(high - planes, 0)))
    for axis in range(2, image.ndim):
        current = running_sum(current, axis, window)
    return current


def running_sum(image: Tensor, axis: int, window: int) -> Tensor:
    """`out[i] = sum of image[i : i + window]` along an axis, `window - 1` shorter: sums of 1, 2, 4, … are doubled."""
    length = image.shape[axis] - window + 1
    total, done, power, size = None, 0, image, 1
    while True:
        if window & size:
            part = power.narrow(axis, done, length)
            total = part if total is None else total + part
            done += size
        if done == window:
            return total if total is not None else image
        reach = power.shape[axis] - size
        power = power.narrow(axis, 0, reach) + power.narrow(axis, size, reach)
        size *= 2


def _inverse_count(image: Tensor, window: int) -> Tensor:
    """One over the number of window voxels inside the image: `(1, 1, *spatial)`."""
    return box_sum(torch.ones_like(image[:1, :1]), window).reciprocal_()


def _moments(image: Tensor, window: int, epsilon: float, inverse_count: Tensor) -> tuple[Tensor, Tensor]:
    """The window's mean and `1 / (variance + epsilon)`; rounding below zero variance is cut."""
    mean = box_sum(image, window).mul_(inverse_count)
    variance = box_sum(image * image, window).mul_(inverse_count).addcmul_(mean, mean, value=-1)
    return mean, variance.clamp_(min=0.0).add_(epsilon).reciprocal_()
