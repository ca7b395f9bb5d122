"""Registration on predicted labels (paper 10, abdominal CT): from VoxelMorph++, a discrete search or none, refined by Adam.

`start: network` is VoxelMorph++ with the non-local loss and two warps; `search` is ConvexAdam with label features; `none`
is Adam alone. All three train the same segmentation, from the same seed. Deviation: the paper's labels come from nnU-Net, five
resolutions, ensembles and all; here from one small U-Net (`wbir.training.semantic_registration`), so that every row rests on
poorer labels than the paper's. Test labels are never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wbir.cases import Case, Cohort, Prediction, Reading

SPEC = {
    "title": "registration on predicted labels",
    "reference": "WBIR 2022 paper 10, Sect. 3; Siebert, Hansen, Heinrich 2021, MICCAI Learn2Reg (ConvexAdam)",
    "kind": "learned",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 12000,
    "runtime": 180,
    "gpu": 1,
    "parameters": {
        "organs": 13,
        "start": "network",  # network | search | none
        "network": {
            "segmenter": {"encoder": [16, 32, 64, 64], "decoder": [64, 64, 32, 32], "extra": [32, 16], "block": "double"},
            "head": "heatmap", "width": 1.0, "head_width": 1.0, "size": 11, "reach": 0.3,
        },
        "intensity": [-160.0, 240.0],  # HU that become 0 and 1, clipped
        "segmentation_steps": 4000,  # of the training's; the others train the registration
        "pooling": 1,  # times that the label maps are averaged over 2^dim voxels for the network
        "keypoints": 2048,
        "per_step": 512,
        "loss": {"smoothness": 0.25, "neighbours": 7},
        "spline": {"smoothing": 0.1, "stride": 4},
        "search": {"spacing": 6, "radius": 6, "couplings": [0.003, 0.01, 0.03, 0.1, 0.3, 1.0]},
        "adam": {"iterations": 25, "weight": 0.65, "spacing": 2, "rate": 1.0, "smoothings": 3},
        "training": {"iterations": 8000, "rate": 1e-3},
    },
    "tiny": {
        "organs": 2,
        "network": {
            "segmenter": {"encoder": [4, 4], "decoder": [4, 4], "extra": [4]}, "width": 0.05, "head_width": 0.1, "size": 9,
        },
        "intensity": [0.0, 1.0],
        "segmentation_steps": 2,
        "pooling": 0,
        "keypoints": 30,
        "per_step": 12,
        "search": {"spacing": 2, "radius": 1},
        "adam": {"iterations": 2},
        "training": {"iterations": 4},
    },
    "dims": [2, 3],
}  # fmt: skip
STARTS = ("network", "search", "none")


def fit(
    train: Cohort, validation: Cohort, *, out: Path, seed: int, device: str, organs: int, start: str, network: Mapping[str, Any],
    intensity: Sequence[float], segmentation_steps: int, pooling: int, keypoints: int, per_step: int, loss: Mapping[str, Any],
    spline: Mapping[str, Any], search: Mapping[str, Any], adam: Mapping[str, Any], training: Mapping[str, Any],
) -> list[Reading]:  # fmt: skip
    """Train segmentation and, where it is the start, registration. Raises InputError where the organs are not so many."""
    from wbir.errors import InputError, require_known
    from wbir.training.semantic_registration import fit_semantic

    require_known({"start": (start, STARTS)}, "of the registration")
    classes = sorted(train.label_names()) or list(range(1, organs + 1))
    if len(classes) != organs:
        raise InputError(f"{organs} organs in labels.csv", f"{len(classes)}", "set `organs`")
    if start != "network":
        training = {**training, "iterations": segmentation_steps}
    groups: dict[str, Any] = {"network": network, "loss": loss, "training": training}
    options: dict[str, Any] = {"pooling": pooling, "per_step": per_step, "segmentation_steps": segmentation_steps}
    return fit_semantic(train, classes, out=out, seed=seed, device=device, intensity=intensity, **groups, **options)


def predict(
    case: Case, *, seed: int, device: str, model: Path, organs: int, start: str, network: Mapping[str, Any],
    intensity: Sequence[float], segmentation_steps: int, pooling: int, keypoints: int, per_step: int, loss: Mapping[str, Any],
    spline: Mapping[str, Any], search: Mapping[str, Any], adam: Mapping[str, Any], training: Mapping[str, Any],
) -> Prediction:  # fmt: skip
    """The refined displacement, and `start` before the refinement."""
    import time

    import torch

    from wbir.nets import build
    from wbir.registration.adam_refinement import Refinement, refine
    from wbir.registration.feature_search import search_start
    from wbir.training import semantic_registration as semantic
    from wbir.training.models import trained
    from wbir.training.pairwise import windowed
    from wbir.training.registration import as_batch

    net = trained(model, build, semantic.architecture_of(organs, case.frame.dim, network), device)
    images = torch.cat([as_batch(array, device) for array in windowed(intensity)(case).values()])
    began = time.perf_counter()
    maps = [semantic.maps_of(labels, organs) for labels in semantic.labels_of(net, images)]
    fixed, moving = (part * semantic.rarity(maps[0]) * semantic.SCALE for part in maps)
    if start == "network":
        u = semantic.two_warps(net, maps, keypoints, pooling, spline, seed)
    elif start == "search":
        options: dict[str, Any] = {"spacing": search["spacing"], "search": search["radius"]}
        u = search_start(fixed, moving, couplings=search["couplings"], symmetric=True, **options)
    else:
        u = torch.zeros(1, case.frame.dim, *case.frame.shape, device=maps[0].device)
    refined = refine(fixed, moving, u, Refinement.of(adam))
    found = [field[0].float().cpu().numpy() for field in (refined, u)]
    seconds = Reading("registration_seconds", time.perf_counter() - began, "s", speed=True)
    return Prediction(displacement=found[0], readings=[seconds], arrays={"start": found[1]})
