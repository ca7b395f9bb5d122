"""Weakly supervised registration by bounding boxes (paper 26): a two-stream network, applied twice, that learns from boxes.

Sect. 2: features of both images from one encoder, a U-Net on both, a displacement by tanh; loss: MIND-SSC + diffusion + 2
x the mean squared error of the boxes. `annotation` says what it learns from: nothing, boxes with or without an error of
their faces, or the organs' labels, in the same term. Sect. 2 (two applications): the second one sees the moving image
warped by the first.

The text leaves open, and here is chosen: masks are one channel for each organ, boxes that overlap do so in channels of their
own, and the squared error is the mean over voxels, summed over the organs (averaged over them too, it would be a twentieth
of the term of MIND, and no annotation would matter); a voxel that a face crosses counts by the part inside; an error of 5%
moves every face by its own uniform draw of up to 5% of the box's side, once for a scan and organ. The loss sees the
composition of both displacements, with the gradient through both applications. A supervised training with fewer labels has
the first half of the scans alone ("less training data", Sect. 3). Training pairs are all of two different people. The
weights of MIND (1) and of diffusion (0.1, in voxels) are the same in all trainings and scales. Hounsfield units from -200
to 300 become 0 to 1. `halvings` is for trainings that have to be short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wbir.cases import Case, Cohort, Prediction, Reading
from wbir.errors import InputError

SPEC = {
    "title": "Bounding-box supervision",
    "reference": "WBIR 2022, paper 26",
    "kind": "learned",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 6000,
    "runtime": 240,
    "gpu": 1,
    "parameters": {
        "network": {
            "name": "two_stream",
            "features": 16,
            "encoder": [32, 48, 64],
            "decoder": [48, 32, 32, 32],
            "sequences": 3,
            "reach": 1.0,  # of a displacement, half images
        },
        "times": 2,  # applications of the network
        "gradient": "all",  # through all applications, or the last alone
        "annotation": {
            "kind": "boxes",  # none | boxes | labels
            "error": 0.0,  # of a box's face, part of its side
            "share": 1.0,  # of the training cases
        },
        "loss": {
            "similarity": "mind",
            "window": 9,
            "weight": 1.0,
            "regulariser": "diffusion",
            "smoothness": 0.1,
            "overlap": 2.0,  # weight of the squared difference of the organs' masks
            "missing": "error",
        },
        "training": {"iterations": 7500, "rate": 1e-3},
        "halvings": 0,  # of the resolution at which the network learns and predicts
        "intensity": [-200.0, 300.0],  # become 0 and 1, clipped; None: as they are
        "exchange": True,  # any two training images make a pair
    },
    "tiny": {
        "network": {"features": 4, "encoder": [8], "decoder": [8, 8], "sequences": 1},
        "annotation": {"kind": "none"},
        "intensity": None,
        "training": {"iterations": 2, "validate_every": 1},
    },
    "dims": [2, 3],
}


def fit(
    train: Cohort, validation: Cohort, *, out: Path, seed: int, device: str, network: Mapping[str, Any], times: int,
    gradient: str, annotation: Mapping[str, Any], loss: Mapping[str, Any], training: Mapping[str, Any], halvings: int,
    intensity: Sequence[float] | None, exchange: bool,
) -> list[Reading]:  # fmt: skip
    """Train; see `wbir.training.registration.fit_pairs`. Raises InputError where a halved training is to be validated."""
    from wbir.nets.repeated import architecture
    from wbir.training.annotations import Annotation, halved
    from wbir.training.pairwise import classes_of, windowed
    from wbir.training.registration import fit_pairs

    if halvings and training["validate_every"]:
        raise InputError("no validation with halvings", f"halvings {halvings}", "set `validate_every: 0`")
    learnt = Annotation(**annotation)
    weight = 0.0 if learnt.kind == "none" else loss["overlap"]
    images = halved(learnt.images(windowed(intensity), classes_of(train, weight), seed), halvings)
    return fit_pairs(
        learnt.annotated(train), validation, out=out, seed=seed, device=device, network=architecture(network, times, gradient),
        loss={**loss, "overlap": weight}, training=training, exchange=exchange, images=images, terms=learnt.terms(),
    )  # fmt: skip


def predict(
    case: Case, *, seed: int, device: str, model: Path, network: Mapping[str, Any], times: int, gradient: str,
    annotation: Mapping[str, Any], loss: Mapping[str, Any], training: Mapping[str, Any],
    halvings: int, intensity: Sequence[float] | None, exchange: bool,
) -> Prediction:  # fmt: skip
    """The displacement of a case: that of all applications together."""
    from wbir.nets.repeated import architecture
    from wbir.training.annotations import halved
    from wbir.training.pairwise import windowed
    from wbir.training.registration import predict_pair

    images = halved(windowed(intensity), halvings)
    found = predict_pair(
        case, model=model, device=device, network=architecture(network, times, gradient), images=images
    )
    return replace(found, displacement=_doubled(found.displacement, case.frame.shape, halvings))


def _doubled(field: Any, shape: Sequence[int], times: int) -> Any:
    """A displacement `(dim, *small)` of a grid halved `times` times, on the grid of `shape`."""
    import torch

    from wbir.nets.blocks import halved as half
    from wbir.nets.maps import double

    shapes = [tuple(shape)]
    for _ in range(times - 1):
        shapes.append(half(shapes[-1]))
    for larger in reversed(shapes[:times]):
        field = double(torch.from_numpy(field)[None], larger)[0].numpy()
    return field
