"""What paper 10 takes from a case: scaled images, keypoints in the lungs, correspondences, masked MIND features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wbir.cases import Case
from wbir.errors import InputError
from wbir.registration.adam_refinement import masked_mind
from wbir.registration.discrete_correspondence import Correspondences, Search, correspondences
from wbir.registration.keypoints import foerstner_keypoints

SIDES = ("fixed", "moving")


def scaled_image(case: Case, side: str, intensity: Sequence[float] | None, device: str = "cpu") -> Tensor:
    """The image `(1, 1, *shape)` with the two intensities at 0 and 1 (as it is for None); nothing is clipped."""
    low, high = intensity or (0.0, 1.0)
    array = (getattr(case, side) - low) / (high - low)
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)[None, None]


def mask_of(case: Case, side: str, device: str = "cpu") -> Tensor:
    """The case's mask of a side, bool `(*shape)`; everywhere where it has none. Raises InputError for an empty one."""
    mask = getattr(case, f"{side}_mask")
    mask = np.ones(case.frame.shape, dtype=bool) if mask is None else mask
    if not mask.any():
        raise InputError(f"a {side}_mask with voxels in case {case.id}", "an empty one", "repair or remove it")
    return torch.from_numpy(mask).to(device)


def case_mind(case: Case, intensity: Sequence[float] | None, mind: Mapping[str, int], device: str) -> list[Tensor]:
    """MIND features of both images `(1, C, *shape)`, zero outside their masks."""
    images = [scaled_image(case, side, intensity, device) for side in SIDES]
    masks = [mask_of(case, side, device)[None, None] for side in SIDES]
    return [masked_mind(image, mask, **mind) for image, mask in zip(images, masks, strict=True)]


def case_keypoints(
    case: Case, intensity: Sequence[float] | None, number: int, device: str, *, sigma: float, distance: int
) -> Tensor:
    """Foerstner keypoints of the fixed image inside its mask: `(K, dim)` voxels.

    Raises InputError for fewer than `dim + 2`, from which no spline could be made.
    """
    image, mask = scaled_image(case, "fixed", intensity, device), mask_of(case, "fixed", device)
    points = foerstner_keypoints(image, mask, number, sigma=sigma, distance=distance)
    if len(points) < case.frame.dim + 2:
        got = f"{len(points)} in {int(mask.sum())} voxels"
        raise InputError(f"at least {case.frame.dim + 2} keypoints in case {case.id}", got, "take a smaller distance")
    return points


def case_correspondences(
    case: Case, points: Tensor, intensity: Sequence[float] | None, mind: Mapping[str, int], search: Mapping[str, Any], device: str
) -> Correspondences:  # fmt: skip
    """Correspondences of the keypoints `(K, dim)` by the discrete search, on the CPU."""
    fixed, moving = case_mind(case, intensity, mind, device)
    found = correspondences(fixed, moving, points.to(device), Search(**search))
    return Correspondences(*(part.cpu() for part in found))


def true_error_mm(case: Case, points: Tensor, displacement: Tensor) -> float:
    """Mean distance in mm of displacements `(K, dim)` at points from the case's truth; NaN where it has none."""
    if case.truth is None:
        return float("nan")
    from scipy.ndimage import map_coordinates

    places = points.cpu().double().numpy()
    true = np.stack([map_coordinates(c, places.T, order=1, mode="nearest") for c in case.truth.astype(float)], 1)
    errors = (displacement.cpu().double().numpy() - true) @ case.frame.affine[:-1, :-1].T
    return float(np.linalg.norm(errors, axis=1).mean())
