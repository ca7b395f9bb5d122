"""Features of a case's two images, and a dense start by the discrete search on them: what ConvexAdam begins with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from wbir.cases import Case
from wbir.registration.adam_refinement import coarse, fine, masked_mind
from wbir.registration.coupled_convex import coupled_convex, inverse_consistent


def case_features(
    case: Case, device: str, *, intensity: Sequence[float] | None, radius: int, dilation: int, masked: bool
) -> tuple[Tensor, Tensor]:
    """MIND features of the fixed and the moving image `(1, C, *shape)`.

    intensity: values that become 0 and 1, clipped between. masked: zero outside the case's masks, where it has them.
    """
    found = []
    for image, mask in ((case.fixed, case.fixed_mask), (case.moving, case.moving_mask)):
        inside = None if mask is None or not masked else torch.from_numpy(mask).to(device)[None, None]
        array = image if intensity is None else ((image - intensity[0]) / (intensity[1] - intensity[0])).clip(0, 1)
        tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)[None, None]
        found.append(masked_mind(tensor, inside, radius=radius, dilation=dilation))
    return found[0], found[1]


def search_start(
    fixed: Tensor, moving: Tensor, *, spacing: int, search: int, couplings: Sequence[float], symmetric: bool
) -> Tensor:
    """A displacement `(1, dim, *shape)` in voxels from features `(1, C, *shape)`, searched on a grid of `spacing` voxels.

    symmetric: both directions are searched and brought towards being each other's inverse.
    """
    small = [coarse(features, spacing) for features in (fixed, moving)]
    u = coupled_convex(*small, radius=search, couplings=couplings)
    if symmetric:
        u, _ = inverse_consistent(u, coupled_convex(small[1], small[0], radius=search, couplings=couplings))
    return fine(u, spacing, fixed.shape[2:])
