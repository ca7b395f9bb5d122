"""CycleMorph: two networks that register a pair against each other, forth and back (Kim et al. 2021).

The loss is `L(X, Y, G_X) + L(Y, X, G_Y) + cycle * L_cycle + same * L_identity`: likeness and smoothness both ways, the mean
absolute difference of an image from what comes back after both ways, and unlikeness of an image to itself as registered
with itself. Weights 0.1, 0.5 and a smoothness of 1 as of the released code, and its plan of a U-Net; paper 11 states none of
them. At test time G_X alone maps the moving image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbir.cases import Case, Cohort, Prediction, Reading

if TYPE_CHECKING:
    from torch import Tensor

    from wbir.training.pairwise import PairLoss
    from wbir.training.samples import Sample

SPEC = {
    "title": "CycleMorph",
    "reference": "Kim et al. 2021, Med Image Anal 71",
    "kind": "learned",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 8000,
    "runtime": 600,
    "gpu": 1,
    "parameters": {
        "network": {
            "name": "voxelmorph",
            "encoder": [16, 32, 32, 32],
            "decoder": [32, 32, 32, 32],
            "extra": [32, 8, 8],
        },
        "cycle": 0.1,  # alpha
        "same": 0.5,  # beta, of the identity loss
        "loss": {
            "similarity": "lncc",  # lncc | mse | mind
            "window": 9,
            "weight": 1.0,
            "regulariser": "diffusion",
            "smoothness": 1.0,  # lambda
            "overlap": 0.0,  # weight of 1 - soft Dice, of G_X
            "missing": "error",
        },
        "training": {"iterations": 100000, "rate": 2e-4},
        "exchange": False,  # any two training images make a pair (between subjects)
    },
    "tiny": {
        "network": {"encoder": [4, 8], "decoder": [8, 8], "extra": [4]},
        "loss": {"window": 3},
        "training": {"iterations": 3, "validate_every": 2},
    },
    "dims": [2, 3],
}


def fit(
    train: Cohort, validation: Cohort, *, out: Path, seed: int, device: str, network: Mapping[str, Any], cycle: float,
    same: float, loss: Mapping[str, Any], training: Mapping[str, Any], exchange: bool,
) -> list[Reading]:  # fmt: skip
    """Train both networks; see `wbir.training.registration.fit_pairs`."""
    from wbir.training.registration import fit_pairs

    def terms(loss: PairLoss, sample: Sample, maps: Any, classes: Sequence[int]) -> dict[str, Tensor]:
        return cycle_terms(loss, sample, maps, classes, cycle=cycle, same=same)

    groups: dict[str, Any] = {"network": _pair(network), "loss": loss, "training": training}
    return fit_pairs(train, validation, out=out, seed=seed, device=device, **groups, exchange=exchange, terms=terms)


def predict(
    case: Case, *, seed: int, device: str, model: Path, network: Mapping[str, Any], cycle: float, same: float,
    loss: Mapping[str, Any], training: Mapping[str, Any], exchange: bool,
) -> Prediction:  # fmt: skip
    """The displacement that G_X gives for a case."""
    from wbir.training.registration import predict_pair

    return predict_pair(case, model=model, device=device, network=_pair(network))


def cycle_terms(
    loss: PairLoss, sample: Sample, maps: Any, classes: Sequence[int], *, cycle: float, same: float
) -> dict[str, Tensor]:
    """The weighted terms of a sample for `nets.cycle_pair.CycleMaps`."""
    terms = loss.terms(sample, maps.displacement, classes=classes)
    turned = {"fixed": sample["moving"], "moving": sample["fixed"]}
    back = replace(loss, overlap=0.0).terms(turned, maps.backward)
    terms |= {name: terms[name] + term for name, term in back.items()}
    images = sample["fixed"], sample["moving"]
    (fixed, moving), (still_fixed, still_moving) = maps.cycled, maps.unmoved
    terms["cycle"] = cycle * ((images[0] - fixed).abs().mean() + (images[1] - moving).abs().mean())
    terms["same"] = same * (loss.distance(images[0], still_fixed) + loss.distance(images[1], still_moving))
    return terms


def _pair(network: Mapping[str, Any]) -> dict[str, Any]:
    from wbir.nets import cycle_pair  # imported, so that a change of it reruns what it made

    return {"name": cycle_pair.__name__.rpartition(".")[2], "network": dict(network)}
