"""VoxelMorph++'s head that predicts a heat map of displacements for every keypoint (paper 10, Sect. 2, Eqs. 1 and 2)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from wbir.errors import InputError
from wbir.geometry.grids import identity_grid
from wbir.nets.backbone import scaled
from wbir.nets.blocks import INSTANCE, LINEAR, TRANSPOSED, check_dim, convolution
from wbir.nets.maps import lengthened

BEFORE, AFTER = (16, 32, 32), (32, 32, 16)


class SparseMaps(NamedTuple):
    """Displacements of K keypoints, `(K, dim)` voxels, and the probability `(K, M)` of each of M displacements."""

    displacement: Tensor
    probabilities: Tensor | None = None


class HeatmapHead(nn.Module):
    """Displacements as the mean of a distribution over `size^dim` of them, from features `(K, channels)` of keypoints.

    A feature vector is a tensor of one voxel and the keypoints are the batch: a transposed convolution makes it 7 voxels
    wide, and six convolutions follow, with one linear upsampling to `size` voxels after the second. The displacements
    are the centres of `size^dim` cells of [-reach, reach]^dim, in units of half the image (PyTorch's grid, -1 to 1).

    The text has kernels of 7 throughout. 462,417 parameters are met by the released code's plan, which is ours: kernel 7
    in the transposed convolution alone, then 3; channels 16 | 32, 32 | 32, 32, 16, 1; instance norm and ReLU after each
    but the convolution before the upsampling and the last. kernel 7 is the text's. width: factor on the channels.
    """

    parts = ("spread", "coarse", "fine")

    def __init__(
        self,
        *,
        dim: int = 3,
        channels: int = 64,
        size: int = 11,
        reach: float = 0.3,
        width: float = 1.0,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        check_dim(dim)
        self.dim, self.size, self.reach, self.channels = dim, size, reach, channels
        before, after = scaled(BEFORE, width), scaled(AFTER, width)
        whole: dict[str, Any] = {"kernel": kernel, "norm": "instance", "activation": "relu"}
        self.spread = nn.Sequential(
            TRANSPOSED[dim](channels, before[0], 7), INSTANCE[dim](before[0]), nn.ReLU(inplace=True)
        )
        self.coarse = nn.Sequential(
            convolution(dim, before[0], before[1], **whole), convolution(dim, before[1], before[2], kernel=kernel)
        )
        plan = (before[-1], *after)
        steps = [convolution(dim, i, o, **whole) for i, o in itertools.pairwise(plan)]
        self.fine = nn.Sequential(*steps, convolution(dim, plan[-1], 1, kernel=kernel))

    def mesh(self, shape: Sequence[int]) -> Tensor:
        """The M displacements `(M, dim)` in voxels of an image of `shape`, on the head's device."""
        weight = next(self.parameters())
        return displacement_mesh(self.size, self.reach, shape).to(weight)

    def logits(self, features: Tensor) -> Tensor:
        """The heat maps `(K, M)` before the softmax, displacements in the order of `mesh`."""
        if features.ndim != 2 or features.shape[1] != self.channels:
            raise InputError(
                f"features (K, {self.channels})", f"shape {tuple(features.shape)}", "give a row a keypoint"
            )
        x = self.coarse(self.spread(features.view(*features.shape, *(1,) * self.dim)))
        x = functional.interpolate(x, (self.size,) * self.dim, mode=LINEAR[self.dim], align_corners=False)
        return self.fine(x).flatten(1)

    def forward(self, features: Tensor, shape: Sequence[int]) -> SparseMaps:
        """Expected displacements in voxels of an image of `shape` (Eq. 2), and the probabilities (Eq. 1)."""
        probabilities = torch.softmax(lengthened(self.logits(features)), 1)
        # Component by component: a matrix product would be of a shorter type where the network runs in one.
        means = [(probabilities * component).sum(1) for component in self.mesh(shape).unbind(1)]
        return SparseMaps(torch.stack(means, 1), probabilities)


def displacement_mesh(size: int, reach: float, shape: Sequence[int]) -> Tensor:
    """The centres of `size^dim` cells of [-reach, reach]^dim, half an image of `shape` being 1: `(size^dim, dim)` voxels.

    Last axis fastest; component c along array axis c.
    """
    unit = ((2 * identity_grid((size,) * len(shape))[0].flatten(1) + 1) / size - 1).T
    return unit * (reach / 2 * torch.tensor([float(n) for n in shape]))


def build(**kwargs: Any) -> HeatmapHead:
    """A heat-map head; keywords as of `HeatmapHead`."""
    return HeatmapHead(**kwargs)
