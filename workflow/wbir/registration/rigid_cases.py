"""From a case to the tensors of rigid registration, and from a global search to a prediction."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from wbir.cases import Case, Prediction, Reading
from wbir.errors import InputError
from wbir.registration.global_search import Measure, SearchPlan, global_rigid_search

SAME_SPACING = 0.01  # relative


def unit_image(
    image: np.ndarray, *, device: str = "cpu", dtype: torch.dtype = torch.float32, invert: bool = False
) -> Tensor:
    """`(1, 1, *shape)` with intensities scaled to [0, 1] by the image's extremes (zeros if flat); `1 -` that with
    invert."""
    x = torch.from_numpy(np.ascontiguousarray(image)).to(device=device, dtype=dtype)[None, None]
    extent = x.max() - x.min()
    scaled = (x - x.min()) / extent if extent > 0 else torch.zeros_like(x)
    return 1 - scaled if invert else scaled


def mask_of(mask: np.ndarray | None, like: Tensor) -> Tensor | None:
    """`(1, 1, *shape)` of zeros and ones; None stays None (all ones)."""
    return None if mask is None else torch.from_numpy(np.ascontiguousarray(mask)).to(like)[None, None]


def isotropic_spacing(case: Case) -> float:
    """Millimetres per voxel. Raises InputError where the axes differ: a rotation of voxels would then be none in the
    world."""
    spacing = case.frame.spacing
    if max(spacing) - min(spacing) > SAME_SPACING * max(spacing):
        raise InputError("isotropic voxels", f"spacing {spacing} mm", "resample the cohort to one spacing")
    return float(np.mean(spacing))


def search_case(
    case: Case,
    plan: SearchPlan,
    measure: Measure,
    *,
    seed: int,
    device: str,
    reference_spacing: float,
    invert_moving: bool = False,
) -> Prediction:
    """Run the global search on a case; its matrix, its similarity and how many rotations were tried."""
    fixed = unit_image(case.fixed, device=device)
    moving = unit_image(case.moving, device=device, invert=invert_moving)
    masks = (mask_of(case.fixed_mask, fixed), mask_of(case.moving_mask, moving))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        found = global_rigid_search(
            (fixed, moving), masks, plan, measure, generator, scale=reference_spacing / isotropic_spacing(case)
        )
    readings = [Reading("best_similarity", found.value), Reading("rotations_evaluated", float(found.evaluated))]
    return Prediction(matrix=found.matrix.numpy(), readings=readings)
