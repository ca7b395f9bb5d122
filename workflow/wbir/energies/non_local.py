"""Energies of displacements that are known at keypoints only (paper 10, Sect. 2).

The non-local loss compares the fixed features of a keypoint with the mean of the moving features around it, weighted by the
probability of each displacement (Eq. 3; Heinrich et al. 2020 in 2D): no image is warped, and all displacements of the window
take part at once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.warping import sample


def expected_features(features: Tensor, points: Tensor, window: Tensor, probabilities: Tensor) -> Tensor:
    """`sum_d P(x, d) features(c, x + d)` (Eq. 3): `(K, C)`.

    features: `(1, C, *shape)`. points: `(K, dim)` and window: `(M, dim)` or `(K, M, dim)`, voxels of the features.
    probabilities: `(K, M)`. The border is continued.
    """
    if features.shape[0] != 1 or probabilities.shape != (len(points), window.shape[-2]):
        got = f"{tuple(features.shape)}, {tuple(points.shape)}, {tuple(window.shape)}, {tuple(probabilities.shape)}"
        raise InputError(
            "features (1, C, *shape), points (K, dim), window (M, dim), probabilities (K, M)", got, "check"
        )
    places = points.unsqueeze(1) + window
    values = sample(features, places.movedim(-1, 0).unsqueeze(0), padding="border")[0]
    return torch.einsum("ckm,km->kc", values, probabilities.to(values.dtype))


def features_at(features: Tensor, points: Tensor) -> Tensor:
    """Features `(1, C, *shape)` read linearly at `(K, dim)` voxels, the border continued: `(K, C)`."""
    return sample(features, points.T.unsqueeze(0), padding="border")[0].T


def nearest_neighbours(points: Tensor, k: int) -> Tensor:
    """The k nearest other points of each of `(K, dim)`: indices `(K, k)`; fewer where there are not so many."""
    if len(points) < 2 or k < 1:
        raise InputError("two or more points and k of 1 or more", f"{len(points)} and {k}", "give more")
    distances = torch.cdist(points.double(), points.double())
    distances.fill_diagonal_(torch.inf)
    return distances.topk(min(k, len(points) - 1), dim=1, largest=False).indices


def graph_diffusion(values: Tensor, neighbours: Tensor) -> Tensor:
    """Mean over points of `1/k sum_j |v_i - v_j|^2` over the neighbours j of i. Scalar, squared units of the values.

    values: `(K, C)`. neighbours: `(K, k)`. It is the quadratic form `2 v^T L v / (K k)` of the Laplacian L of the graph
    in which an edge counts half for each of its ends that has the other among its nearest (paper 10: k = 7).
    """
    return (values.unsqueeze(1) - values[neighbours]).square().sum(2).mean()
