"""VoxelMorph: a U-Net that maps a pair of images to a displacement, or to a stationary velocity (diffeomorphic).

Trained without labels (`overlap: 0`) or with soft Dice of the training labels. The parameters are groups: `network`
(wbir.nets.voxelmorph and wbir.nets.unet), `loss` (wbir.training.pairwise), `training` (wbir.training.settings).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wbir.cases import Case, Cohort, Prediction, Reading

SPEC = {
    "title": "VoxelMorph",
    "reference": "Balakrishnan et al. 2019, IEEE TMI 38; Dalca et al. 2019, Med Image Anal 57 (diffeomorphic)",
    "kind": "learned",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 240,
    "gpu": 1,
    "parameters": {
        "network": {
            "name": "voxelmorph",
            "encoder": [16, 32, 32, 32],
            "decoder": [32, 32, 32, 32],
            "extra": [32, 16, 16],
            "diffeomorphic": False,
            "squarings": 7,
            "half_output": False,
            "block": "single",  # single | double | pointwise | residual
            "norm": "none",  # none | instance | batch
            "activation": "leaky",  # leaky | relu
            "skips": "concat",  # concat | add
            "upsampling": "nearest",  # nearest | transposed
            "head_std": 1e-5,
        },
        "loss": {
            "similarity": "lncc",  # lncc | mse | mind
            "window": 9,
            "weight": 1.0,
            "regulariser": "diffusion",
            "smoothness": 1.0,
            "overlap": 0.0,  # weight of 1 - soft Dice
            "missing": "error",  # what is done about a case that lacks a label: error | skip
        },
        "training": {"iterations": 30000, "rate": 1e-4},
        "intensity": None,  # [low, high]: become 0 and 1, clipped; None: as they are
        "exchange": False,  # any two training images make a pair (between subjects)
        "augmentation": 0.0,  # share by which corners move in a random affine map (wbir.training.augment); 0: none
    },
    "tiny": {
        "network": {"encoder": [4, 8], "decoder": [8, 8], "extra": [4]},
        "loss": {"window": 3},
        "training": {"iterations": 3, "validate_every": 2},
    },
    "dims": [2, 3],
}


def fit(
    train: Cohort, validation: Cohort, *, out: Path, seed: int, device: str, network: Mapping[str, Any],
    loss: Mapping[str, Any], training: Mapping[str, Any], intensity: Sequence[float] | None, exchange: bool, augmentation: float,
) -> list[Reading]:  # fmt: skip
    """Train; see `wbir.training.registration.fit_pairs`."""
    from wbir.training.augment import random_affine
    from wbir.training.pairwise import windowed
    from wbir.training.registration import fit_pairs

    groups: dict[str, Any] = {"network": network, "loss": loss, "training": training}
    options: dict[str, Any] = {"exchange": exchange, "images": windowed(intensity)}
    options["augment"] = random_affine(augmentation)
    return fit_pairs(train, validation, out=out, seed=seed, device=device, **groups, **options)


def predict(
    case: Case, *, seed: int, device: str, model: Path, network: Mapping[str, Any], loss: Mapping[str, Any],
    training: Mapping[str, Any], intensity: Sequence[float] | None, exchange: bool, augmentation: float,
) -> Prediction:  # fmt: skip
    """The displacement of a case, and its inverse where the network is diffeomorphic."""
    from wbir.training.pairwise import windowed
    from wbir.training.registration import predict_pair

    return predict_pair(case, model=model, device=device, network=network, images=windowed(intensity))
