"""VoxelMorph++ (paper 10): displacements of keypoints by a heat map, made dense by a spline, refined by Adam.

A row of the paper's ablation (Table 1) is this file with another `head` and `supervision`:

- VoxelMorph: `regression`, `mind` (the moving MIND features at the displaced keypoints, and the graph's penalty);
- VM + Heatmap: `heatmap`, `mind` (the non-local loss, Eq. 3);
- VM + Keypoints: `regression`, `keypoints`;
- VoxelMorph++: `heatmap`, `keypoints`.

The keypoints' displacements, which the paper takes from corrField, come from `registration/discrete_correspondence`. The
prediction is the refined displacement, and its array `start` what the network gave: a measure `of: start` is the paper's
"without Adam". Where the text is silent its authors' public program is followed: Adam at 1e-3, halved every 700 of 4900
steps, 512 keypoints of one pair a step, affine changes of N(0, 0.035), (HU + 1000) / 500 in the lungs, pooled once.
Unlike it, keypoints are Foerstner's at prediction too, as the text says, where the program takes random ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wbir.cases import Case, Cohort, Prediction, Reading

SPEC = {
    "title": "VoxelMorph++",
    "reference": "WBIR 2022 paper 10",
    "kind": "learned",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 6000,
    "runtime": 120,
    "gpu": 1,
    "parameters": {
        "network": {"head": "heatmap", "width": 1.0, "head_width": 1.0, "size": 11, "reach": 0.3},
        "supervision": "keypoints",  # keypoints | mind
        "intensity": [-1000.0, -500.0],  # HU that become 0 and 1, not clipped; None: as they are
        "pooling": {"image": 1, "mind": 2},  # times that image and MIND are averaged over 2^dim voxels
        "mind": {"radius": 1, "dilation": 2},  # patch and neighbours, voxels
        "keypoints": {"number": 2048, "sigma": 1.4, "distance": 2},  # at most; registration/keypoints
        "per_step": 512,  # keypoints of a training step
        "search": {"radii": [16.0, 8.0], "steps": [2.0, 1.0], "patches": [3, 2], "smoothness": 0.3, "sharpness": 5.0,
                   "tolerance": 2.0},  # registration/discrete_correspondence
        "loss": {"smoothness": 0.25, "neighbours": 7},  # of the graph's penalty, with supervision mind
        "augmentation": 0.035,
        "spline": {"smoothing": 0.1, "stride": 4},
        "adam": {"iterations": 50, "weight": 0.65, "spacing": 2, "rate": 1.0, "smoothings": 3},
        "training": {"iterations": 4900, "rate": 1e-3, "decay": "halving", "period": 700},
    },
    "tiny": {
        "network": {"width": 0.05, "head_width": 0.1, "size": 9},
        "intensity": None,
        "pooling": {"image": 0, "mind": 0},
        "keypoints": {"number": 40, "sigma": 0.7, "distance": 1},
        "per_step": 12,
        "search": {"radii": [2.0], "steps": [1.0], "patches": [1]},
        "adam": {"iterations": 2},
        "training": {"iterations": 3},
    },
    "dims": [2, 3],
}  # fmt: skip


def fit(
    train: Cohort, validation: Cohort, *, out: Path, seed: int, device: str, network: Mapping[str, Any], supervision: str,
    intensity: Sequence[float] | None, pooling: Mapping[str, int], mind: Mapping[str, int], keypoints: Mapping[str, Any],
    per_step: int, search: Mapping[str, Any], loss: Mapping[str, Any], augmentation: float, spline: Mapping[str, Any],
    adam: Mapping[str, Any], training: Mapping[str, Any],
) -> list[Reading]:  # fmt: skip
    """Train the network; see `wbir.training.keypoint_registration.fit_keypoints`."""
    from wbir.training.keypoint_registration import fit_keypoints
    from wbir.training.keypoint_samples import Preparation

    prepare = Preparation(
        supervision, intensity, pooling, mind, keypoints, search, cache=out / "keypoints", device=device
    )
    groups: dict[str, Any] = {"network": network, "loss": loss, "training": training}
    options: dict[str, Any] = {"prepare": prepare, "per_step": per_step, "augmentation": augmentation}
    return fit_keypoints(train, out=out, seed=seed, device=device, **groups, **options)


def predict(
    case: Case, *, seed: int, device: str, model: Path, network: Mapping[str, Any], supervision: str,
    intensity: Sequence[float] | None, pooling: Mapping[str, int], mind: Mapping[str, int], keypoints: Mapping[str, Any],
    per_step: int, search: Mapping[str, Any], loss: Mapping[str, Any], augmentation: float, spline: Mapping[str, Any],
    adam: Mapping[str, Any], training: Mapping[str, Any],
) -> Prediction:  # fmt: skip
    """The refined displacement, `start` before the refinement, and the seconds that each took."""
    import time

    from wbir.registration.adam_refinement import Refinement, refine
    from wbir.registration.case_keypoints import case_mind
    from wbir.training.keypoint_registration import predict_keypoints

    options: dict[str, Any] = {"network": network, "intensity": intensity, "pooling": pooling, "keypoints": keypoints}
    began = time.perf_counter()
    start = predict_keypoints(case, model=model, device=device, spline=spline, **options)
    kept = start[0].float().cpu().numpy()
    middle = time.perf_counter()
    fixed, moving = case_mind(case, intensity, mind, device)
    refined = refine(fixed, moving, start, Refinement.of(adam))[0].float().cpu().numpy()
    seconds = {"network_seconds": middle - began, "refinement_seconds": time.perf_counter() - middle}
    readings = [Reading(name, value, "s", speed=True) for name, value in seconds.items()]
    return Prediction(displacement=refined, readings=readings, arrays={"start": kept})
