"""The head of paper 10's VoxelMorph baseline: displacements of keypoints by three 1^3 convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wbir.errors import InputError
from wbir.nets.heatmap import SparseMaps
from wbir.nets.maps import lengthened


class RegressionHead(nn.Module):
    """Displacements `(K, dim)` from features `(K, channels)` of keypoints: two hidden layers with norm and ReLU, one to dim.

    The paper's instance norm would act on one voxel of each keypoint, where it leaves nothing. Here the keypoints of a
    pair are its voxels: mean and variance are taken over all K, so that the outcome depends on which points are asked
    for together. The output counts in `reach` times half the image, as the heat map's range does, and starts near no
    motion (weights from N(0, 1e-5), as VoxelMorph's; the paper does not say).
    """

    def __init__(self, *, dim: int = 3, channels: int = 64, reach: float = 0.3, head_std: float = 1e-5) -> None:
        super().__init__()
        self.reach = reach
        hidden = [
            layer
            for _ in range(2)
            for layer in (nn.Conv1d(channels, channels, 1), nn.InstanceNorm1d(channels), nn.ReLU(inplace=True))
        ]
        last = nn.Conv1d(channels, dim, 1)
        nn.init.normal_(last.weight, 0, head_std)
        last.bias.data.zero_()  # type: ignore[union-attr]  # Conv1d has one by default
        self.layers = nn.Sequential(*hidden, last)

    def forward(self, features: Tensor, shape: Sequence[int]) -> SparseMaps:
        """Displacements in voxels of an image of `shape`. Raises InputError for fewer than two keypoints."""
        if features.ndim != 2 or features.shape[0] < 2:
            raise InputError("features of two or more keypoints (K, C)", f"shape {tuple(features.shape)}", "give more")
        unit = lengthened(self.layers(features.T.unsqueeze(0)))[0].T
        return SparseMaps(unit * (self.reach / 2 * torch.tensor([float(n) for n in shape]).to(unit)))


def build(**kwargs: Any) -> RegressionHead:
    """A regression head; keywords as of `RegressionHead`."""
    return RegressionHead(**kwargs)
