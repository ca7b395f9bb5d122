"""Modality independent neighbourhood descriptor with self-similarity context, MIND-SSC (Heinrich et al. 2013, MICCAI).

The squared difference of two of a voxel's face neighbours that lie at a right angle, averaged over a patch, is compared
with that of the other such pairs: what is left is the local structure, not the contrast. Where the paper leaves it open
(borders, the bounds of the local variance, the order of the pairs) its author's public code is followed, so that
features agree with those in use: the border voxel is repeated for the neighbours and again for the patches.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from wbir.energies.local_ncc import SLAB, running_sum
from wbir.errors import InputError

Pair = tuple[tuple[int, int], tuple[int, int]]
# (axis, side) of both neighbours, in the order of the public code; the first four are those of a 2D image
PAIRS: tuple[Pair, ...] = (
    ((0, 1), (1, -1)),
    ((1, 1), (0, -1)),
    ((1, -1), (0, -1)),
    ((1, 1), (0, 1)),
    ((1, -1), (2, -1)),
    ((1, 1), (2, 1)),
    ((2, -1), (0, -1)),
    ((0, 1), (2, 1)),
    ((1, 1), (2, -1)),
    ((2, 1), (1, -1)),
    ((0, 1), (2, -1)),
    ((2, 1), (0, -1)),
)
VARIANCE_RANGE = 1e3  # the local variance is held within this factor of its mean over the image


def mind_ssc(image: Tensor, radius: int = 1, dilation: int = 2) -> Tensor:
    """Features in (0, 1] of `(B, 1, *spatial)`: `(B, 12, *spatial)` in 3D, `(B, 4, *spatial)` in 2D. Differentiable.

    radius: of the patch, voxels. dilation: distance of the neighbours, voxels.
    `exp(-(d - min d) / v)`, `d` the mean squared difference of each pair, `v` the mean of `d - min d` over the pairs.
    Raises InputError for another number of channels or a radius or dilation below one.
    """
    dim, planes = check_arguments(image, radius, dilation), image.shape[2]
    pairs = pairs_of(dim)
    padded = pad(image, (dilation,) * (2 * dim), mode="replicate")
    step = max(4 * radius, SLAB // image[:, :, 0].numel()) if image.device.type == "cpu" else planes
    starts = range(0, planes, step)
    slabs = [_distances(padded, pairs, radius, dilation, (a, min(a + step, planes))) for a in starts]
    variances = [slab.mean(1, keepdim=True) for slab in slabs]
    # of each image, without a gradient: a scale, not a feature
    centre = torch.cat([v.detach().flatten(1) for v in variances], 1).mean(1).view(-1, *(1,) * (dim + 1))
    bounds = (centre / VARIANCE_RANGE, centre * VARIANCE_RANGE)
    features = []
    for slab, variance in zip(slabs, variances, strict=True):
        features.append(torch.exp(slab / -variance.clamp(*bounds)))
    return torch.cat(features, 2)


def check_arguments(image: Tensor, radius: int, dilation: int) -> int:
    """The image's dimension. Raises InputError as `mind_ssc` says."""
    if image.ndim not in (4, 5) or image.shape[1] != 1:
        raise InputError("an image (B, 1, *spatial) in 2D or 3D", f"shape {tuple(image.shape)}", "give one channel")
    if radius < 1 or dilation < 1:
        raise InputError("a radius and dilation of 1 or more", f"{radius} and {dilation}", "give whole voxels")
    return image.ndim - 2


def pairs_of(dim: int) -> tuple[Pair, ...]:
    """The pairs of neighbours of a 2D or 3D image."""
    return PAIRS if dim == 3 else PAIRS[:4]


def _distances(
    padded: Tensor,
    pairs: tuple[Pair, ...],
    radius: int,
    dilation: int,
    planes: tuple[int, int],
) -> Tensor:
    """`d - min d` `(B, pairs, *slab)` for planes of the first axis of the image that `padded` pads by `dilation`."""
    sizes = [n - 2 * dilation for n in padded.shape[2:]]
    low, high = max(planes[0] - radius, 0), min(planes[1] + radius, sizes[0])

    def neighbour(axis: int, side: int) -> Tensor:
        view = padded
        for other, size in enumerate(sizes):
            start = dilation + (side * dilation if other == axis else 0) + (low if other == 0 else 0)
            view = view.narrow(other + 2, start, high - low if other == 0 else size)
        return view

    missing = (low - (planes[0] - radius), planes[1] + radius - high)
    border = (*(radius,) * (2 * len(sizes) - 2), *missing)
    window = 2 * radius + 1
    distances = []
    for first, second in pairs:
        squares = pad((neighbour(*first) - neighbour(*second)).square(), border, mode="replicate")
        for axis in range(2, squares.ndim):
            squares = running_sum(squares, axis, window)
        distances.append(squares)
    stacked = torch.cat(distances, 1) / window ** len(sizes)
    return stacked - stacked.amin(1, keepdim=True)
