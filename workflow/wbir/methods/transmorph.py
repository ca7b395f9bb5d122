"""TransMorph: a Swin transformer and a convolutional decoder that map a pair of images to a displacement.

The parameters are groups: `network` (wbir.nets.transmorph), `loss` (wbir.training.pairwise), `training`
(wbir.training.settings). The released program learns both directions of a pair; here a cohort has both, or `exchange` draws
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wbir.cases import Case, Cohort, Prediction, Reading

SPEC = {
    "title": "TransMorph",
    "reference": "Chen et al. 2022, Med Image Anal 82; the base network of WBIR 2022, paper 11",
    "kind": "learned",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 8000,
    "runtime": 600,
    "gpu": 1,
    "parameters": {
        "network": {
            "name": "transmorph",
            "embed_dim": 96,
            "depths": [2, 2, 4, 2],
            "heads": [4, 4, 8, 8],
            "window": None,  # one size for each axis; None: (5, 6, 7), in 2D (8, 8)
            "head_channels": 16,
            "drop_path": 0.3,
        },
        "loss": {
            "similarity": "lncc",  # lncc | mse | mind
            "window": 9,
            "weight": 1.0,
            "regulariser": "diffusion",
            "smoothness": 1.0,
            "overlap": 0.0,  # weight of 1 - soft Dice
            "missing": "error",
        },
        "training": {"iterations": 100000, "rate": 1e-4, "decay": "poly"},
        "exchange": False,  # any two training images make a pair (between subjects)
    },
    "tiny": {
        "network": {"embed_dim": 8, "depths": [1, 1], "heads": [2, 2], "head_channels": 4, "drop_path": 0.0},
        "loss": {"window": 3},
        "training": {"iterations": 3, "validate_every": 2},
    },
    "dims": [2, 3],
}


def fit(
    train: Cohort, validation: Cohort, *, out: Path, seed: int, device: str, network: Mapping[str, Any],
    loss: Mapping[str, Any], training: Mapping[str, Any], exchange: bool,
) -> list[Reading]:  # fmt: skip
    """Train; see `wbir.training.registration.fit_pairs`."""
    from wbir.training.registration import fit_pairs

    groups: dict[str, Any] = {"network": network, "loss": loss, "training": training}
    return fit_pairs(train, validation, out=out, seed=seed, device=device, **groups, exchange=exchange)


def predict(
    case: Case, *, seed: int, device: str, model: Path, network: Mapping[str, Any], loss: Mapping[str, Any],
    training: Mapping[str, Any], exchange: bool,
) -> Prediction:  # fmt: skip
    """The displacement of a case."""
    from wbir.training.registration import predict_pair

    return predict_pair(case, model=model, device=device, network=network)
