"""LapIRN: a Laplacian pyramid of networks, trained level by level (Mok and Chung 2020).

A level comes in when the coarser ones have had their share of the steps, and all levels so far go on learning, by the loss
on that level's grid. (The released program holds the earlier levels still for a first part of the time, and its similarity
is a sum over a pyramid of windows; ours has one window.) With `overlap` the labels are used, as in the entry to Learn2Reg
2021 that paper 11 compares with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbir.cases import Case, Cohort, Prediction, Reading
from wbir.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from wbir.training.engine import Forward
    from wbir.training.pairwise import PairLoss
    from wbir.training.samples import Sample

SPEC = {
    "title": "LapIRN",
    "reference": "Mok and Chung 2020, MICCAI, LNCS 12263",
    "kind": "learned",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 8000,
    "runtime": 600,
    "gpu": 1,
    "parameters": {
        "network": {
            "name": "laplacian_pyramid",
            "levels": 3,
            "width": 28,
            "blocks": 5,
            "reach": 0.4,
        },
        "shares": [0.25, 0.25, 0.5],  # of the steps, a level each, the coarsest first
        "loss": {
            "similarity": "lncc",  # lncc | mse | mind
            "window": 9,
            "weight": 1.0,
            "regulariser": "diffusion",
            "smoothness": 1.0,
            "overlap": 0.0,  # weight of 1 - soft Dice
            "missing": "error",
        },
        "training": {"iterations": 120000, "rate": 1e-4},
        "exchange": False,  # any two training images make a pair (between subjects)
    },
    "tiny": {
        "network": {"width": 4, "blocks": 1},
        "loss": {"window": 3},
        "training": {"iterations": 4, "validate_every": 2},
    },
    "dims": [2, 3],
}


def fit(
    train: Cohort, validation: Cohort, *, out: Path, seed: int, device: str, network: Mapping[str, Any],
    shares: Sequence[float], loss: Mapping[str, Any], training: Mapping[str, Any], exchange: bool,
) -> list[Reading]:  # fmt: skip
    """Train level by level; see `wbir.training.registration.fit_pairs`. Raises InputError for unfit shares."""
    from wbir.training.registration import fit_pairs

    if len(shares) != network["levels"] or min(shares) <= 0:
        raise InputError(f"{network['levels']} shares above 0, one a level", f"{list(shares)}", "correct `shares`")
    ends = [part / sum(shares) * training["iterations"] for part in accumulate(shares)]

    def cost(loss: PairLoss, forward: Forward, sample: Sample, step: int, classes: Sequence[int]) -> dict[str, Tensor]:
        level = sum(step >= end for end in ends[:-1]) + 1
        maps = forward(sample["fixed"], sample["moving"], levels=level)
        return level_terms(loss, sample, maps.levels[-1], len(ends) - level, classes)

    groups: dict[str, Any] = {"network": network, "loss": loss, "training": training}
    return fit_pairs(train, validation, out=out, seed=seed, device=device, **groups, exchange=exchange, cost=cost)


def predict(
    case: Case, *, seed: int, device: str, model: Path, network: Mapping[str, Any], shares: Sequence[float],
    loss: Mapping[str, Any], training: Mapping[str, Any], exchange: bool,
) -> Prediction:  # fmt: skip
    """The displacement of a case."""
    from wbir.training.registration import predict_pair

    return predict_pair(case, model=model, device=device, network=network)


def level_terms(
    loss: PairLoss, sample: Sample, displacement: Tensor, halvings: int, classes: Sequence[int]
) -> dict[str, Tensor]:
    """The terms of a field on a grid halved some times; labels count at full resolution, to which it is doubled."""
    from dataclasses import replace

    from wbir.nets.maps import double, halve_image

    shapes, images = [sample["fixed"].shape[2:]], {side: sample[side] for side in ("fixed", "moving")}
    for _ in range(halvings):
        images = {side: halve_image(image) for side, image in images.items()}
        shapes.append(images["fixed"].shape[2:])
    terms = replace(loss, overlap=0.0).terms(images, displacement)
    if loss.overlap:
        for shape in shapes[-2::-1]:
            displacement = double(displacement, shape)
        terms["overlap"] = loss.terms(sample, displacement, classes=classes)["overlap"]
    return terms
