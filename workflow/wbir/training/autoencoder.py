"""Training of a metamorphic auto-encoder: reconstructions of the fixed images from the template, codes near the standard normal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wbir.cases import Cohort, Reading
from wbir.energies.regularity import diffusion
from wbir.energies.similarity import ssd
from wbir.errors import InputError
from wbir.nets import build
from wbir.nets.metamorphic_autoencoder import Code, Metamorphosis
from wbir.training.engine import Forward, Job, train
from wbir.training.pairwise import pair_samples
from wbir.training.samples import Sample, to_device
from wbir.training.seeds import seed_everything
from wbir.training.settings import Settings


def fit_autoencoder(
    train_cases: Cohort, validation: Cohort, *, out: Path, seed: int, device: str, network: Mapping[str, Any],
    loss: Mapping[str, Any], training: Mapping[str, Any],
) -> list[Reading]:  # fmt: skip
    """Train the network `network` (a name of `wbir.nets`, its keywords but the grid) on the cases' grid.

    loss: `noise` and `smoothness` (`bound_terms`). Raises InputError for an empty train split or a noise that is none.
    """
    if not len(train_cases):
        raise InputError(f"training cases in {train_cases.folder.name}", "none", "check its train split")
    if loss["noise"] <= 0:
        raise InputError("a noise above 0", f"{loss['noise']}", "correct `loss: {noise: …}`")
    settings, frame = Settings.of(training), train_cases.case(train_cases.rows[0]["case"]).frame
    architecture = {**network, "dim": frame.dim, "grid": list(frame.shape)}
    seed_everything(seed, "weights")
    model = build(**architecture)
    samples = pair_samples(train_cases, labels=False, exchange=False, memory_mb=settings.memory_mb)

    def cost(forward: Forward, sample: Sample, step: int) -> dict[str, Tensor]:
        return bound_terms(sample["fixed"], forward(sample["fixed"], sample["moving"]), **loss)

    validate = None
    if settings.validate_every and len(validation):
        watched = pair_samples(validation, labels=False, exchange=False, memory_mb=settings.memory_mb)

        def validate(net: nn.Module) -> dict[str, float]:
            errors = []
            for row in watched.cohort.rows:
                tensors = {name: tensor[None] for name, tensor in watched.case(row["case"]).items()}
                one = to_device(tensors, torch.device(device))
                errors.append(float(ssd(one["fixed"], net(one["fixed"], one["moving"]).reconstruction)))
            return {"likeness": -float(np.mean(errors))}

    job = Job(model, architecture, samples.draw, cost, len(samples), validate)
    return train(job, settings, out=out, seed=seed, device=device)


def bound_terms(fixed: Tensor, found: Metamorphosis, *, noise: float, smoothness: float) -> dict[str, Tensor]:
    """Named terms of the (negative) evidence bound per pixel, times `2 noise^2`: the squared error and the codes' divergence.

    fixed: `(B, C, *spatial)`. smoothness: of the velocity's diffusion, beside the bound.
    """
    scale = 2 * noise**2 / math.prod(fixed.shape[1:])
    terms = {"mse": ssd(fixed, found.reconstruction)}
    terms["prior"] = scale * (divergence(found.shape) + divergence(found.appearance))
    if smoothness:
        terms["diffusion"] = smoothness * diffusion(found.velocity)
    return terms


def divergence(code: Code) -> Tensor:
    """Kullback and Leibler's from the standard normal, summed over the code, mean over the batch; 0 at best. Scalar, nats."""
    terms = code.mean.square() + code.log_variance.exp() - 1 - code.log_variance
    return 0.5 * terms.sum(1).mean()
