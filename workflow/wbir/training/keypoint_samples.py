"""Training samples of keypoints: images, points, and what supervises them; affine changes of both.

All is in voxels of the network's grid, which is that of the image pooled `n` times by 2: voxel j covers the image's voxels
`2^n j` to `2^n (j + 1) - 1`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from wbir.cases import Case
from wbir.errors import InputError
from wbir.files import written_whole
from wbir.geometry.grids import identity_grid
from wbir.geometry.rigid import homogeneous, transform_points
from wbir.geometry.warping import sample
from wbir.registration.adam_refinement import coarse
from wbir.registration.case_keypoints import (
    SIDES,
    case_correspondences,
    case_keypoints,
    case_mind,
    mask_of,
    scaled_image,
    true_error_mm,
)

SUPERVISIONS = ("keypoints", "mind")


def pooled(image: Tensor, times: int) -> Tensor:
    """`(1, C, *shape)` averaged over 2^dim voxels `times` times."""
    return coarse(image, 2**times)


def to_pooled(points: Tensor, times: int) -> Tensor:
    """Points in voxels of the image, in voxels of the grid pooled `times` times."""
    return (points + 0.5) / 2**times - 0.5


@dataclass(frozen=True)
class Preparation:
    """What is prepared of a case, and how; parameters of the method `voxelmorph_plus_plus`.

    cache: a folder in which correspondences are kept, so that a run that goes on need not seek them again.
    """

    supervision: str
    intensity: Sequence[float] | None
    pooling: Mapping[str, int]
    mind: Mapping[str, int]
    keypoints: Mapping[str, Any]
    search: Mapping[str, Any]
    cache: Path
    device: str
    errors: dict[str, float] = field(
        default_factory=dict
    )  # filled: mean error in mm of each case's correspondences, where its truth is known

    def __call__(self, case: Case) -> dict[str, Tensor]:
        """`images` (2, *pooled), `points` (K, dim), and `targets` (K, dim) or `minds` (2, C, *pooled)."""
        if self.supervision not in SUPERVISIONS:
            raise InputError(f"supervision of {SUPERVISIONS}", repr(self.supervision), "take one of them")
        times = self.pooling["image"]
        found = {"images": network_images(case, self.intensity, times)[0]}
        if self.supervision == "keypoints":
            points, displacement = self._correspondences(case)
            self.errors[case.id] = true_error_mm(case, points, displacement)
            return found | {"points": to_pooled(points, times), "targets": displacement / 2**times}
        points = self._keypoints(case).cpu()
        minds = case_mind(case, self.intensity, self.mind, self.device)
        found["minds"] = torch.cat([pooled(features, self.pooling["mind"]).cpu() for features in minds])
        return found | {"points": to_pooled(points, times)}

    def _keypoints(self, case: Case) -> Tensor:
        options = {key: self.keypoints[key] for key in ("sigma", "distance")}
        return case_keypoints(case, self.intensity, self.keypoints["number"], self.device, **options)

    def _correspondences(self, case: Case) -> tuple[Tensor, Tensor]:
        """Points and displacements `(K, dim)` in voxels of the image, from the cache or by the search."""
        path = self.cache / f"{case.id}.npz"
        if not path.is_file():
            points = self._keypoints(case)
            pairs = case_correspondences(case, points, self.intensity, self.mind, self.search, self.device)
            path.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(path) as temporary, temporary.open("wb") as stream:
                np.savez(stream, points=pairs.points.numpy(), displacement=pairs.displacement.numpy())
        with np.load(path) as kept:
            return torch.from_numpy(kept["points"]), torch.from_numpy(kept["displacement"])


def network_images(case: Case, intensity: Sequence[float] | None, times: int, device: str = "cpu") -> Tensor:
    """Both images, masked and pooled: `(1, 2, *pooled)`."""
    parts = [scaled_image(case, side, intensity, device) * mask_of(case, side, device) for side in SIDES]
    return pooled(torch.cat(parts, 1), times)


def random_affine(shape: Sequence[int], scale: float, device: torch.device) -> Tensor:
    """A homogeneous matrix in voxels of a grid: identity plus N(0, scale) in each entry, half the grid being 1 (paper 10's
    program). Drawn by torch's global generator of the CPU.
    """
    dim = len(shape)
    change = torch.eye(dim, dim + 1) + scale * torch.randn(dim, dim + 1)
    half = torch.tensor([float(n) for n in shape]) / 2
    linear = half[:, None] * change[:, :dim] / half
    centre = half - 0.5
    return homogeneous(linear, centre + half * change[:, dim] - linear @ centre).to(device)


class Changed(NamedTuple):
    """A sample after an affine change of one image.

    images: `(1, 2, *shape)`. points: keypoints `(K, dim)` in the changed fixed image. targets: displacements to the changed
    moving image, or None. unmove: takes points of the changed moving image to the moving image as it was.
    """

    images: Tensor
    points: Tensor
    targets: Tensor | None
    unmove: Callable[[Tensor], Tensor]


def changed(images: Tensor, points: Tensor, targets: Tensor | None, step: int, scale: float) -> Changed:
    """The fixed image changed at even steps, the moving one at odd steps: it is read at the affine map of its voxels.

    A keypoint of the fixed image goes where the inverse map takes it, and so does its partner of the moving image.
    """
    if not scale:
        return Changed(images, points, targets, lambda x: x)
    matrix, side = random_affine(images.shape[2:], scale, images.device), step % 2
    inverse = torch.linalg.inv(matrix)
    shape = images.shape[2:]
    places = transform_points(matrix, identity_grid(shape, device=images.device)[0].flatten(1).T)
    read = sample(images[:, side : side + 1], places.T.reshape(1, len(shape), *shape), padding="border")
    parts = [read if side == index else images[:, index : index + 1] for index in range(2)]
    partners = None if targets is None else points + targets
    if side == 0:
        points = transform_points(inverse, points)
    elif partners is not None:
        partners = transform_points(inverse, partners)

    def unmove(x: Tensor) -> Tensor:
        return x if side == 0 else transform_points(matrix, x)

    return Changed(torch.cat(parts, 1), points, None if partners is None else partners - points, unmove)
