"""Metamorphic auto-encoder (Bône et al. 2020): codes of shape and appearance make a template into an image; the MAE of paper 02.

The moving image of every case is the template, known here (theirs is an average that is learnt). Trained on images alone, without
masks: squared error of the reconstruction, for noise of a given deviation, and the divergence of the codes from the standard normal,
`mean squared error + 2 noise^2 / pixels x KL`, the evidence bound. Ours, where no program was at hand: the network's widths
(wbir.nets.metamorphic_autoencoder), the noise, rate, batch and steps; `smoothness` adds diffusion of the velocity (0: none, as theirs).

`warped` is the reconstruction, the displacement the deformation alone: SSD (final) and SSD (def.) of paper 02's Table 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wbir.cases import Case, Cohort, Prediction, Reading

SPEC = {
    "title": "Metamorphic auto-encoder",
    "reference": "Bône et al. 2020, MICCAI; MAE of WBIR 2022, paper 02",
    "kind": "learned",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 240,
    "gpu": 1,
    "registers": False,  # it takes images alike to those that it was trained on
    "parameters": {
        "network": {
            "name": "metamorphic_autoencoder",
            "shape_size": 10,
            "appearance_size": 5,
            "widths": [16, 32, 64, 64],
            "smoothing": 2.0,  # of velocities, voxels of the half grid
            "squarings": 7,
            "variational": True,
        },
        "loss": {
            "noise": 0.05,  # deviation of what the reconstruction leaves, image units
            "smoothness": 0.0,
        },
        "training": {"iterations": 10000, "rate": 1e-3, "batch": 8, "precision": "float32"},
    },
    "tiny": {
        "network": {"shape_size": 3, "appearance_size": 2, "widths": [4, 8]},
        "training": {"iterations": 3, "batch": 2, "validate_every": 2},
    },
    "dims": [2, 3],
}


def fit(
    train: Cohort, validation: Cohort, *, out: Path, seed: int, device: str, network: Mapping[str, Any],
    loss: Mapping[str, Any], training: Mapping[str, Any],
) -> list[Reading]:  # fmt: skip
    """Train. Raises InputError for an empty train split, and where a case is of another size than the first."""
    from wbir.training.autoencoder import fit_autoencoder

    return fit_autoencoder(
        train, validation, out=out, seed=seed, device=device, network=network, loss=loss, training=training
    )


def predict(
    case: Case, *, seed: int, device: str, model: Path, network: Mapping[str, Any], loss: Mapping[str, Any],
    training: Mapping[str, Any],
) -> Prediction:  # fmt: skip
    """The template made like the fixed image, by the means of its codes. Raises InputError for another size of image."""
    import torch

    from wbir.nets import build
    from wbir.training.models import trained
    from wbir.training.registration import as_array, as_batch

    architecture = {**network, "dim": case.frame.dim, "grid": list(case.frame.shape)}
    net = trained(model, build, architecture, device)
    with torch.no_grad():
        found = net(as_batch(case.fixed, device), as_batch(case.moving, device))
    return Prediction(
        displacement=as_array(found.displacement),
        inverse=as_array(found.inverse),
        warped=as_array(found.reconstruction)[0],
        arrays={"shape_code": as_array(found.shape.mean), "appearance_code": as_array(found.appearance.mean)},
    )
