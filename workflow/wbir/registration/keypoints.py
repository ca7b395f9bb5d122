"""Foerstner keypoints: distinct places of an image, at most one in a neighbourhood, well spread over a mask.

Foerstner and Guelch 1987, ISPRS Intercommission Workshop; in 3D as by Heinrich, Handels, Simpson 2015 (MICCAI), whose
correspondences paper 10 learns from. Distinctiveness is `1 / trace(S^-1)` of the structure tensor S: high where the
image changes along every direction, low along edges.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from wbir.errors import InputError
from wbir.geometry.derivatives import gradient
from wbir.geometry.grids import check_image
from wbir.geometry.kernels import gaussian_smooth

POOL = {2: functional.max_pool2d, 3: functional.max_pool3d}
SINGULAR = 1e-6  # added to the diagonal of S, relative to its mean: in a uniform region S has no inverse


def distinctiveness(image: Tensor, sigma: float = 1.4) -> Tensor:
    """`1 / trace(S^-1)` at every voxel of `(1, 1, *shape)`: `(*shape)`, squared intensity per voxel^2.

    S: the products of the gradient's components (central differences), smoothed by a Gaussian of `sigma` voxels.
    """
    dim = check_image(image)
    slopes = gradient(image)[0]
    products = torch.stack([slopes[i] * slopes[j] for i in range(dim) for j in range(dim)])
    tensor = gaussian_smooth(products.unsqueeze(0), sigma)[0].unflatten(0, (dim, dim)).movedim((0, 1), (-2, -1))
    tensor = tensor.double()
    floor = SINGULAR * tensor.diagonal(dim1=-2, dim2=-1).mean().clamp_min(torch.finfo(torch.float64).tiny)
    tensor = tensor + floor * torch.eye(dim, dtype=tensor.dtype, device=tensor.device)
    return 1 / torch.linalg.inv(tensor).diagonal(dim1=-2, dim2=-1).sum(-1)


def foerstner_keypoints(image: Tensor, mask: Tensor, number: int, *, sigma: float = 1.4, distance: int = 2) -> Tensor:
    """At most `number` keypoints of `(1, 1, *shape)` inside the bool mask `(*shape)`: `(K, dim)` whole voxel indices.

    A keypoint is the most distinct voxel within `distance` voxels along every axis. Where there are more than `number`,
    the most distinct `2 number` are thinned out by `spread`, beginning with the most distinct: strong ones are matched
    better, spread ones determine the map better. Sorted by their place in the array.
    Raises InputError for a mask of another grid or an empty one.
    """
    dim = check_image(image)
    if mask.shape != image.shape[2:] or not bool(mask.any()):
        got = f"a mask of shape {tuple(mask.shape)} with {int(mask.sum())} voxels"
        raise InputError(f"a mask with voxels on the grid {tuple(image.shape[2:])}", got, "check the case's mask")
    if number < 1 or distance < 0:
        raise InputError("a positive number and a distance of 0 or more", f"{number} and {distance}", "raise them")
    strength = distinctiveness(image, sigma).float()
    strength = torch.where(mask, strength, torch.full_like(strength, -torch.inf))
    window = 2 * distance + 1
    highest = POOL[dim](strength[None, None], window, stride=1, padding=distance)[0, 0]
    points = ((strength == highest) & mask).nonzero()
    if len(points) > number:
        order = strength[tuple(points.T)].argsort(descending=True, stable=True)[: 2 * number]
        points = points[order[spread(points[order].to(image.dtype), number)].sort().values]
    return points.to(image.dtype)


def spread(points: Tensor, number: int, *, first: int = 0) -> Tensor:
    """Indices of `number` of the points `(N, dim)`, each the farthest from all before it; `first` begins.

    Gonzalez 1985, Theor Comput Sci 38. Raises InputError where more are asked for than there are.
    """
    if not 1 <= number <= len(points):
        raise InputError(f"a number from 1 to {len(points)}", f"{number}", "ask for fewer points")
    chosen = [first]
    nearest = torch.full((len(points),), torch.inf, device=points.device, dtype=points.dtype)
    for _ in range(number - 1):
        nearest = torch.minimum(nearest, (points - points[chosen[-1]]).square().sum(1))
        chosen.append(int(nearest.argmax()))
    return torch.tensor(chosen, device=points.device)


def random_subset(count: int, number: int, generator: torch.Generator | None = None) -> Tensor:
    """Indices of `number` of `count` points (all, where there are not more), drawn without repetition, sorted."""
    if number >= count:
        return torch.arange(count)
    return torch.randperm(count, generator=generator)[:number].sort().values
