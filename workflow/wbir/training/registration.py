"""Fit and predict of a network that maps a pair of images to a displacement: what most learned methods consist of.

A method's file names a network of `wbir.nets` and its parameters; what is its own it passes in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wbir.cases import Case, Cohort, Prediction, Reading
from wbir.errors import InputError
from wbir.nets import build
from wbir.training.engine import Forward, Job, train
from wbir.training.models import trained
from wbir.training.pairwise import Images, PairLoss, classes_of, pair_samples, plain_images, validator
from wbir.training.samples import Sample
from wbir.training.seeds import seed_everything
from wbir.training.settings import Settings

# The loss of a sample from the network's output: named terms.
Terms = Callable[[PairLoss, Sample, Any, Sequence[int]], dict[str, Tensor]]
# The loss of a sample where the network is to be called in a way of its own, which may change with the step.
Cost = Callable[[PairLoss, Forward, Sample, int, Sequence[int]], dict[str, Tensor]]


def displacement_terms(loss: PairLoss, sample: Sample, maps: Any, classes: Sequence[int]) -> dict[str, Tensor]:
    """The loss of a network that returns `nets.maps.Maps`: the velocity is to be smooth, else the displacement."""
    return loss.terms(sample, maps.displacement, smooth=maps.velocity, classes=classes)


def fit_pairs(
    train_cases: Cohort,
    validation: Cohort,
    *,
    out: Path,
    seed: int,
    device: str,
    network: Mapping[str, Any],
    loss: Mapping[str, Any] | PairLoss,
    training: Mapping[str, Any],
    exchange: bool = False,
    images: Images = plain_images,
    terms: Terms = displacement_terms,
    cost: Cost | None = None,
    augment: Callable[[Sample], Sample] | None = None,
) -> list[Reading]:
    """Train the network `network` (a name of `wbir.nets` and its keywords) on pairs.

    loss, training: the groups of a SPEC (`PairLoss`, or a loss that extends it; `Settings`). exchange: any two training
    images make a pair. terms: the loss of a sample, or cost where the network is not simply called with the two images.
    augment: changes a sample on the device, by torch's global generator.
    """
    settings, pair_loss = Settings.of(training), loss if isinstance(loss, PairLoss) else PairLoss(**loss)
    architecture = {**network, "dim": _dim(train_cases)}
    seed_everything(seed, "weights")
    model = build(**architecture)
    classes = classes_of(train_cases, pair_loss.overlap)
    options: dict[str, Any] = {"images": images, "missing": pair_loss.missing, "memory_mb": settings.memory_mb}
    samples = pair_samples(train_cases, labels=bool(classes), exchange=exchange, **options)

    def cost_of(forward: Forward, sample: Sample, step: int) -> dict[str, Tensor]:
        sample = augment(sample) if augment else sample
        if cost is not None:
            return cost(pair_loss, forward, sample, step, classes)
        return terms(pair_loss, sample, forward(sample["fixed"], sample["moving"]), classes)

    validate = None
    if settings.validate_every and len(validation):
        names = tuple(sorted(validation.label_names()))
        watched = pair_samples(validation, labels=bool(names), exchange=False, **{**options, "missing": "skip"})
        validate = validator(
            watched, lambda net, s: net(s["fixed"], s["moving"]).displacement, pair_loss, device, names
        )
    job = Job(model, architecture, samples.draw, cost_of, len(samples), validate)
    return train(job, settings, out=out, seed=seed, device=device)


def predict_pair(
    case: Case,
    *,
    model: Path,
    device: str,
    network: Mapping[str, Any],
    images: Images = plain_images,
    arrays: Callable[[Any], Mapping[str, np.ndarray]] | None = None,
) -> Prediction:
    """The displacement that a trained network gives for a case, with its inverse where the network has one.

    arrays: what is kept of the network's output for figures.
    """
    net = trained(model, build, {**network, "dim": case.frame.dim}, device)
    fixed, moving = (as_batch(array, device) for array in images(case).values())
    with torch.no_grad():
        maps = net(fixed, moving)
    inverse = getattr(maps, "inverse", None)
    return Prediction(
        displacement=as_array(maps.displacement),
        inverse=None if inverse is None else as_array(inverse),
        arrays=arrays(maps) if arrays else {},
    )


def as_batch(array: np.ndarray, device: str) -> Tensor:
    """`(*spatial)` to `(1, 1, *spatial)` float32 on the device."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))[None, None].to(device)


def as_array(field: Tensor) -> np.ndarray:
    """The first of a batch as float32 on the CPU."""
    return field[0].float().cpu().numpy()


def _dim(cohort: Cohort) -> int:
    if not len(cohort):
        raise InputError(f"training cases in {cohort.folder.name}", "none", "check its train split")
    return cohort.case(cohort.rows[0]["case"]).frame.dim
