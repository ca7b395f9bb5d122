"""Instance optimisation by Adam on MIND features from the identity: what paper 10 calls "Adam only" (Table 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wbir.cases import Case, Prediction

SPEC = {
    "title": "Adam instance optimisation",
    "reference": "WBIR 2022 paper 10, Sect. 2; Siebert, Hansen, Heinrich 2021, MICCAI Learn2Reg",
    "kind": "iterative",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 20,
    "gpu": 1,
    "parameters": {
        "intensity": None,  # [low, high]: become 0 and 1, clipped; None: as they are
        "radius": 1,  # of MIND's patch, voxels
        "dilation": 2,  # of MIND's neighbours, voxels
        "masked": True,  # features count inside the masks only, where the case has them
        "adam": {"iterations": 50, "weight": 0.65, "spacing": 2, "rate": 1.0, "smoothings": 3},
    },
    "tiny": {"adam": {"iterations": 2}},
    "dims": [2, 3],
}


def predict(
    case: Case, *, seed: int, device: str, intensity: Sequence[float] | None, radius: int, dilation: int, masked: bool,
    adam: Mapping[str, Any],
) -> Prediction:  # fmt: skip
    """The displacement to which Adam leads from none."""
    import torch

    from wbir.registration.adam_refinement import Refinement, refine
    from wbir.registration.feature_search import case_features

    options: dict[str, Any] = {"intensity": intensity, "radius": radius, "dilation": dilation, "masked": masked}
    fixed, moving = case_features(case, device, **options)
    start = torch.zeros(1, case.frame.dim, *case.frame.shape, device=fixed.device)
    refined = refine(fixed, moving, start, Refinement.of(adam))[0].float().cpu().numpy()
    return Prediction(displacement=refined, arrays={"start": start[0].cpu().numpy()})
