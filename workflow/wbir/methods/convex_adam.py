"""ConvexAdam: coupled convex optimisation on MIND features, then instance optimisation by Adam.

Siebert, Hansen, Heinrich (2021): "Fast 3D registration with accurate optimisation and little learning for Learn2Reg 2021".
Its winning label features come from a segmentation network; here the features are MIND, its unsupervised form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wbir.cases import Case, Prediction

SPEC = {
    "title": "ConvexAdam",
    "reference": "Siebert, Hansen, Heinrich 2021, MICCAI Learn2Reg; Heinrich et al. 2014, WBIR",
    "kind": "iterative",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 6000,
    "runtime": 20,
    "gpu": 1,
    "parameters": {
        "intensity": None,  # [low, high]: become 0 and 1, clipped; None: as they are
        "radius": 1,  # of MIND's patch, voxels
        "dilation": 2,  # of MIND's neighbours, voxels
        "masked": True,  # features count inside the masks only, where the case has them
        "spacing": 6,  # of the grid of the discrete search, voxels
        "search": 6,  # the search's reach along each axis, points of that grid
        "couplings": [0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
        "symmetric": True,  # search in both directions and make them each other's inverse
        "adam": {"iterations": 80, "weight": 1.25, "spacing": 2, "rate": 1.0, "smoothings": 3},
    },
    "tiny": {"spacing": 3, "search": 2, "adam": {"iterations": 2}},
    "dims": [2, 3],
}


def predict(
    case: Case, *, seed: int, device: str, intensity: Sequence[float] | None, radius: int, dilation: int, masked: bool,
    spacing: int, search: int, couplings: Sequence[float], symmetric: bool, adam: Mapping[str, Any],
) -> Prediction:  # fmt: skip
    """The refined displacement; `start` keeps that of the discrete search."""
    from wbir.registration.adam_refinement import Refinement, refine
    from wbir.registration.feature_search import case_features, search_start

    options: dict[str, Any] = {"intensity": intensity, "radius": radius, "dilation": dilation, "masked": masked}
    fixed, moving = case_features(case, device, **options)
    start = search_start(fixed, moving, spacing=spacing, search=search, couplings=couplings, symmetric=symmetric)
    refined = refine(fixed, moving, start, Refinement.of(adam))
    found = [field[0].float().cpu().numpy() for field in (refined, start)]
    return Prediction(displacement=found[0], arrays={"start": found[1]})
