"""Cross mutual information (CMIF): mutual information of two images for every whole-voxel displacement at once.

Oefverstedt, Lindblad and Sladoje, the reference method [10] of paper 17 (Sect. 4.2), which uses it with k = 16 clusters
and the same global search. Both images' intensities are cut into k clusters by k-means; the joint count of clusters (i,
j) at a displacement is the cross-correlation of their indicator masks, and the mutual information follows from the k^2
joint counts, with marginals over the overlap only. That takes k^2 inverse transforms for each rotation.

What the text leaves open, and what is taken: a level's images are clustered after blur and shrinking, on up to
`samples` voxels inside the mask; the moving image's clusters are rotated to the nearest voxel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wbir.registration.cross_similarity import FORBIDDEN, CrossMap, ShiftWindow, enough


@dataclass(frozen=True)
class MutualInformationMeasure:
    """Mutual information in nats over displacements. clusters: k of k-means. seed: of the k-means. samples: voxels it
    sees."""

    clusters: int = 16
    seed: int = 0
    samples: int = 10000
    mode = "nearest"
    padding = "border"

    @property
    def channels(self) -> int:
        return self.clusters

    def prepare(self, image: Tensor, mask: Tensor) -> Tensor:
        return quantised(image, mask, self.clusters, samples=self.samples, seed=self.seed)

    def against(self, prepared: Tensor, mask: Tensor, overlap: float) -> Callable[[Tensor, Tensor], CrossMap]:
        return CrossMutualInformation(prepared, mask, mask.shape[2:], self.clusters, overlap=overlap)


def quantised(image: Tensor, mask: Tensor, clusters: int, *, samples: int = 10000, seed: int = 0) -> Tensor:
    """Number of the nearest k-means centre for each voxel of `(1, 1, *spatial)`: whole numbers below `clusters`, in
    order of intensity. Fewer where the image has fewer values."""
    from sklearn.cluster import KMeans

    inside = image[mask > 0].double().cpu().numpy()
    if len(inside) > samples:
        inside = np.random.default_rng(seed).choice(inside, samples, replace=False)
    different = np.unique(inside)
    if len(different) > clusters:
        found = KMeans(clusters, n_init=1, random_state=seed).fit(inside[:, None])
        different = np.sort(found.cluster_centers_[:, 0])
    borders = torch.from_numpy((different[1:] + different[:-1]) / 2).to(image)
    return torch.bucketize(image.contiguous(), borders).to(image.dtype)


class CrossMutualInformation:
    """Maps of the mutual information of one fixed label image with many moving ones.

    fixed, mask: `(1, 1, *spatial)`, labels 0 to `clusters - 1` and zeros and ones. The fixed spectra are computed once.
    """

    def __init__(
        self, fixed: Tensor, mask: Tensor, moving_shape: tuple[int, ...], clusters: int, *, overlap: float = 0.5
    ) -> None:
        self.window = ShiftWindow.between(fixed.shape[2:], moving_shape, overlap)
        self.clusters, self.overlap = clusters, overlap
        self.spectra = self.window.fixed_spectrum(_indicators(fixed, mask, clusters)[0])

    def __call__(self, moving: Tensor, mask: Tensor) -> CrossMap:
        """The maps of label images `(B, 1, *spatial)` with masks of that shape: mutual information in nats."""
        moving_spectra = self.window.moving_spectrum(_indicators(moving, mask, self.clusters))
        joint_sum = mask.new_zeros(len(mask), *self.window.shape)
        fixed_sum = torch.zeros_like(joint_sum)
        columns = mask.new_zeros(len(mask), self.clusters, *self.window.shape)
        for spectrum in self.spectra:
            joint = self.window.correlation(moving_spectra * spectrum).round_().clamp_(min=0)
            row = joint.sum(1)
            fixed_sum += torch.xlogy(row, row)
            columns += joint
            joint_sum += torch.xlogy(joint, joint).sum(1)
        counts = columns.sum(1)
        moving_sum = torch.xlogy(columns, columns).sum(1)
        allowed = enough(counts, self.overlap)
        several = counts.clamp(min=1)
        information = (joint_sum - fixed_sum - moving_sum) / several + several.log()
        return CrossMap(torch.where(allowed, information, FORBIDDEN), counts, self.window)


def _indicators(labels: Tensor, mask: Tensor, clusters: int) -> Tensor:
    """One mask for each cluster: `(B, clusters, *spatial)`, zero outside the mask."""
    numbers = torch.arange(clusters, device=labels.device, dtype=labels.dtype)
    return (labels == numbers.view(1, -1, *(1,) * (labels.ndim - 2))).to(labels.dtype) * mask
