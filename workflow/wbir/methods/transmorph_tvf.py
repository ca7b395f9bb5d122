"""TM-TVF: TransMorph that predicts velocities over time and integrates them to a map (paper 11).

The parameters are groups: `network` (wbir.nets.velocity_transmorph), `loss` (wbir.training.velocity_loss), `training`
(wbir.training.settings). The defaults are the relaxed TM-TVF of Eq. 3 for the faces; `operator: true` with `similarity:
mse` and `overlap_by: squares` is TM-TVF_LDDMM of Eq. 2. The paper states rate, epochs, N, alpha, gamma and beta; weights of
the terms are 1 as printed, the rest is as in the released program (window 9, decay, batch 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, Cohort, Prediction, Reading

SPEC = {
    "title": "TM-TVF",
    "reference": "WBIR 2022, paper 11, Eqs. 2 and 3",
    "kind": "learned",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 8000,
    "runtime": 600,
    "gpu": 1,
    "parameters": {
        "network": {
            "name": "velocity_transmorph",
            "steps": 8,  # N
            "embed_dim": 96,
            "depths": [2, 2, 4, 2],
            "heads": [4, 4, 8, 8],
            "window": None,  # one size for each axis; None: (5, 6, 7), in 2D (8, 8)
            "head_channels": 16,
            "drop_path": 0.3,
            "inverse": "reverse",  # reverse | forward | none: see the network
        },
        "loss": {
            "similarity": "lncc",  # lncc | mse | mind
            "window": 9,
            "weight": 1.0,
            "regulariser": "diffusion",
            "smoothness": 1.0,
            "overlap": 0.0,
            "overlap_by": "dice",  # dice | squares, of the warped labels
            "operator": False,  # the norm of all velocities (Eq. 2) in place of the regulariser
            "alpha": 0.01,
            "gamma": 0.01,
            "beta": 2,
            "voxel": 1.0,  # edge of a voxel in the paper's voxels: 4 on a grid four times coarser
            "smooth": "end",  # the field that the regulariser looks at: end | last
            "missing": "error",
        },
        "training": {"iterations": 100000, "rate": 1e-4, "decay": "poly"},
        "exchange": False,  # any two training images make a pair (between subjects)
        "keep_steps": False,  # keep the maps after each step for figures
    },
    "tiny": {
        "network": {
            "steps": 3,
            "embed_dim": 8,
            "depths": [1, 1],
            "heads": [2, 2],
            "head_channels": 4,
            "drop_path": 0.0,
        },
        "loss": {"window": 3},
        "training": {"iterations": 3, "validate_every": 2},
    },
    "dims": [2, 3],
}


def fit(
    train: Cohort, validation: Cohort, *, out: Path, seed: int, device: str, network: Mapping[str, Any],
    loss: Mapping[str, Any], training: Mapping[str, Any], exchange: bool, keep_steps: bool,
) -> list[Reading]:  # fmt: skip
    """Train; see `wbir.training.registration.fit_pairs`."""
    from wbir.training.registration import fit_pairs
    from wbir.training.velocity_loss import VelocityLoss, velocity_terms

    groups: dict[str, Any] = {"network": network, "loss": VelocityLoss(**loss), "training": training}
    options: dict[str, Any] = {"exchange": exchange, "terms": velocity_terms}
    return fit_pairs(train, validation, out=out, seed=seed, device=device, **groups, **options)


def predict(
    case: Case, *, seed: int, device: str, model: Path, network: Mapping[str, Any], loss: Mapping[str, Any],
    training: Mapping[str, Any], exchange: bool, keep_steps: bool,
) -> Prediction:  # fmt: skip
    """The displacement of a case and its inverse.

    keep_steps keeps, as arrays `(N, dim, *half)` in voxels of the half grid, `path`, the displacements after each step,
    `inverse_path`, those of their inverses, and `composed_path`, of both one after the other (Fig. 1).
    """
    from wbir.training.registration import predict_pair

    arrays = _steps if keep_steps else None
    return predict_pair(case, model=model, device=device, network=network, arrays=arrays)


def _steps(maps: Any) -> dict[str, np.ndarray]:
    import torch

    from wbir.geometry.flows import compose
    from wbir.nets.velocity_transmorph import integrate

    path, velocities = maps.path[0], maps.velocities[0]
    back = [integrate([-v[None] for v in velocities[: n + 1].flip(0)]) for n in range(len(velocities))]
    composed = [compose(u[None], w) for u, w in zip(path, back, strict=True)]
    found = {"path": path, "inverse_path": torch.cat(back), "composed_path": torch.cat(composed)}
    return {name: field.float().cpu().numpy() for name, field in found.items()}
