"""Correspondences at keypoints by a discrete search on MIND features: what paper 10 takes from corrField.

After Heinrich, Handels, Simpson 2015 (MICCAI, "Estimating large lung motion in COPD patients by symmetric regularised
correspondence fields"): features around each keypoint are compared for every displacement of a dense window, the choices
are made to agree along a minimum spanning tree (`tree_matching`), coarse to fine, in both directions, and keypoints at
which the two directions disagree are left out. Not that program: its own parameters, sampling and tree weights.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.warping import sample
from wbir.registration.tree_matching import min_marginals, soft_displacement, spanning_tree

BLOCK_NUMBERS = 1 << 25  # features of moving blocks held at once


@dataclass(frozen=True)
class Search:
    """How correspondences are sought, one entry a level, coarse to fine; lengths in voxels.

    radii: the window's reach along each axis. steps: between its displacements, and between the voxels of a patch.
    patches: the patch's reach, in steps. smoothness: weight of squared differences along the tree, divided by the edge's
    length. sharpness: of the mean over the window; per unit of cost. tolerance: how far the two directions may disagree.
    """

    radii: Sequence[float] = (16.0, 8.0)
    steps: Sequence[float] = (2.0, 1.0)
    patches: Sequence[int] = (3, 2)
    smoothness: float = 0.3
    sharpness: float = 5.0
    tolerance: float = 2.0

    def __post_init__(self) -> None:
        if not len(self.radii) == len(self.steps) == len(self.patches) or not self.radii:
            raise InputError("as many radii as steps and patches", f"{self}", "match the lists")
        if min(self.radii) <= 0 or min(self.steps) <= 0 or min(self.patches) < 0:
            raise InputError("positive radii and steps, patches of 0 or more", f"{self}", "correct them")
        if any(step > radius for radius, step in zip(self.radii, self.steps, strict=True)):
            raise InputError("steps not above their radii", f"{self}", "correct them")


class Correspondences(NamedTuple):
    """points: fixed keypoints `(K, dim)`. displacement: to the moving image, `(K, dim)`. gap: by how much forward and
    backward disagree, `(K,)`. All in voxels.
    """

    points: Tensor
    displacement: Tensor
    gap: Tensor


def correspondences(fixed: Tensor, moving: Tensor, points: Tensor, search: Search) -> Correspondences:
    """Displacements of the keypoints `(K, dim)` between features `(1, C, *shape)`, those that both directions agree on.

    The displacement is the mean of both directions. Where fewer than `dim + 2` points agree within the tolerance, the
    best that many are kept. Raises InputError for fewer keypoints than that.
    """
    least = points.shape[1] + 2
    if len(points) < least:
        raise InputError(f"at least {least} keypoints", f"{len(points)}", "check the mask and the number asked for")
    forward = matched(fixed, moving, points, search)
    backward = matched(moving, fixed, points + forward, search)
    gap = (forward + backward).norm(dim=1)
    limit = max(search.tolerance, float(gap.sort().values[least - 1]))
    kept = gap <= limit
    return Correspondences(points[kept], 0.5 * (forward - backward)[kept], gap[kept])


def matched(fixed: Tensor, moving: Tensor, points: Tensor, search: Search) -> Tensor:
    """The displacements `(K, dim)` of the points, regularised along their tree, level by level from none."""
    tree = spanning_tree(points)
    weights = search.smoothness / tree.length.clamp_min(1.0)
    found = torch.zeros_like(points)
    for radius, step, patch in zip(search.radii, search.steps, search.patches, strict=True):
        costs = patch_costs(fixed, moving, points, found, radius=radius, step=step, patch=patch)
        marginals = min_marginals(costs, found, tree, step=step, weights=weights)
        found = soft_displacement(marginals, found, step=step, sharpness=search.sharpness)
    return found


def patch_costs(
    fixed: Tensor, moving: Tensor, points: Tensor, offsets: Tensor, *, radius: float, step: float, patch: int
) -> Tensor:
    """Mean over a patch of the sum over channels of `(fixed(x + p) - moving(x + p + o + d))^2`: `(K, n, …, n)`.

    d runs over multiples of `step` up to `radius`, p over multiples of `step` up to `patch` of them, along each axis.
    Features are read linearly, the border continued. The square is multiplied out, so that most of the work is one
    product of matrices for each point.
    """
    dim, reach = points.shape[1], int(radius / step + 1e-6)
    size, wide = 2 * reach + 1, 2 * (reach + patch) + 1
    inner, outer = _mesh(patch, step, points), _mesh(reach + patch, step, points)
    chunk = max(1, BLOCK_NUMBERS // (max(fixed.shape[1], (2 * patch + 1) ** dim) * wide**dim))
    found = []
    for x, o in zip(points.split(chunk), offsets.split(chunk), strict=True):
        here, there = _read(fixed, x, inner), _read(moving, x + o, outer)
        products = (here.transpose(1, 2) @ there).unflatten(1, (2 * patch + 1,) * dim).unflatten(-1, (wide,) * dim)
        squares = there.square().sum(1).unflatten(1, (wide,) * dim)
        cost = here.square().flatten(1).sum(1).view(-1, *(1,) * dim).expand(-1, *(size,) * dim).clone()
        for place in itertools.product(range(2 * patch + 1), repeat=dim):
            cost += _cut(squares, place, size).sub(_cut(products[(slice(None), *place)], place, size), alpha=2)
        found.append(cost.clamp_min_(0) / (2 * patch + 1) ** dim)
    return torch.cat(found)


def _cut(x: Tensor, begin: Sequence[int], size: int) -> Tensor:
    """`size` voxels from `begin` on along each axis of `(K, *spatial)`."""
    for axis, low in enumerate(begin, start=1):
        x = x.narrow(axis, low, size)
    return x


def _mesh(reach: int, step: float, like: Tensor) -> Tensor:
    """Multiples of `step` up to `reach` of them along each axis: `(M, dim)`, last axis fastest."""
    line = torch.arange(-reach, reach + 1, device=like.device, dtype=like.dtype) * step
    return torch.stack(torch.meshgrid(*[line] * like.shape[1], indexing="ij"), -1).reshape(-1, like.shape[1])


def _read(features: Tensor, points: Tensor, mesh: Tensor) -> Tensor:
    """Features at `points + mesh`: `(K, C, M)`."""
    places = (points.unsqueeze(1) + mesh).movedim(-1, 0).unsqueeze(0)
    return sample(features, places, padding="border")[0].movedim(0, 1)
