"""The NGF similarity as a measure of the global search (paper 17, Sect. 3, Eqs. 1 to 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from wbir.energies.ngf import normalized_gradients
from wbir.errors import InputError
from wbir.geometry.grids import identity_grid
from wbir.geometry.warping import sample
from wbir.registration.cross_similarity import CrossMap, CrossSimilarity

BORDERS = ("one-sided", "zeros")


@dataclass(frozen=True)
class GradientMeasure:
    """Average squared or unsquared product of normalised gradients, over displacements.

    epsilon: of Eq. 1, intensity per voxel of the level. squared: Eq. 2, else Eq. 3.
    border: the text does not say what the gradient sees outside an image. `one-sided`: the image goes on linearly, so
    that the end of the field of view is no edge; `zeros`: the masked image in zeros, as in the released code, which
    makes it one.
    """

    epsilon: float = 1e-5
    squared: bool = True
    border: str = "one-sided"
    mode = "linear"
    channels = 2  # the products are made one at a time

    def __post_init__(self) -> None:
        if self.border not in BORDERS:
            raise InputError(f"a border of {BORDERS}", repr(self.border), "take one of them")

    @property
    def padding(self) -> str:
        return "zeros" if self.border == "zeros" else "border"

    def prepare(self, image: Tensor, mask: Tensor) -> Tensor:
        """The image with one more voxel on every side: what the gradient at its border reads."""
        return pad(image * mask, (1, 1) * (image.ndim - 2)) if self.border == "zeros" else extrapolated(image)

    def field(self, prepared: Tensor) -> Tensor:
        """Normalised gradients on the image's own grid, of a prepared (or a rotated prepared) image: `(B, dim,
        *spatial)`."""
        field = normalized_gradients(prepared, self.epsilon)
        for axis in range(2, field.ndim):
            field = field.narrow(axis, 1, field.shape[axis] - 2)
        return field

    def pulled_back(self, prepared: Tensor, mask: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised gradients and mask of `image o matrix` on the image's own grid, for a prepared 3D image.

        matrix: `(4, 4)`, voxel to voxel; the field is differentiable in it. Voxels whose point lies outside are not in
        the mask.
        """
        shape = mask.shape[2:]
        grid = identity_grid([n + 2 for n in shape], device=mask.device, dtype=mask.dtype) - 1
        matrix = matrix.to(grid)
        points = (matrix[:3, :3] @ grid.flatten(2) + matrix[:3, 3:]).unflatten(2, tuple(grid.shape[2:]))
        field = self.field(sample(prepared, points + 1, padding=self.padding))  # a prepared image begins at voxel -1
        return field, sample(mask, points[:, :, 1:-1, 1:-1, 1:-1], mode="nearest", padding="zeros")

    def against(self, prepared: Tensor, mask: Tensor, overlap: float) -> Callable[[Tensor, Tensor], CrossMap]:
        similarity = CrossSimilarity(self.field(prepared), mask, mask.shape[2:], overlap=overlap, squared=self.squared)
        return lambda moving, moving_mask: similarity(self.field(moving), moving_mask)


def extrapolated(image: Tensor) -> Tensor:
    """`(B, C, *spatial)` continued linearly by one voxel on every side: central differences become one-sided ones
    there."""
    for axis in range(2, image.ndim):
        n = image.shape[axis]
        first = 2 * image.narrow(axis, 0, 1) - image.narrow(axis, 1, 1)
        last = 2 * image.narrow(axis, n - 1, 1) - image.narrow(axis, n - 2, 1)
        image = torch.cat([first, image, last], axis)
    return image
