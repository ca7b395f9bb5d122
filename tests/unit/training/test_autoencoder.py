"""The evidence bound of the metamorphic auto-encoder: against torch's distributions, and what training does to it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence
from training_blobs import TRAINING, blob_case

from wbir.discovery import describe, merge_parameters
from wbir.errors import InputError
from wbir.measures.base import Evaluation
from wbir.measures.squared_difference import squared_difference, squared_difference_deformed
from wbir.methods import metamorphic_autoencoder as method
from wbir.nets.metamorphic_autoencoder import Code, Metamorphosis
from wbir.training.autoencoder import bound_terms, divergence

SPEC = describe("methods", "metamorphic_autoencoder")

PARAMETERS = merge_parameters(
    "test",
    merge_parameters("tiny", SPEC["parameters"], SPEC["tiny"]),
    {"training": TRAINING | {"iterations": 40, "rate": 5e-3, "accumulate": 1, "validate_every": 20}},
)


def code(seed: int, size: int) -> Code:
    return Code(*torch.randn(2, 3, size, generator=torch.Generator().manual_seed(seed)))


def test_the_divergence_is_that_of_normals() -> None:
    found = code(0, 4)
    assert float(divergence(Code(torch.zeros(2, 4), torch.zeros(2, 4)))) == 0
    by_torch = kl_divergence(Normal(found.mean, torch.exp(found.log_variance / 2)), Normal(0.0, 1.0))
    assert float(divergence(found)) == pytest.approx(float(by_torch.sum(1).mean()), rel=1e-5)


def test_the_terms_are_the_negative_bound_but_for_a_factor_and_a_constant() -> None:
    fixed, made = torch.rand(2, 3, 1, 6, 5, generator=torch.Generator().manual_seed(1))
    empty = torch.zeros(3, 2, 3, 3)
    found = Metamorphosis(empty, empty, empty, made, made, code(2, 4), code(3, 2))
    noise, pixels = 0.2, 30
    likelihood = Normal(made, noise).log_prob(fixed).sum((1, 2, 3)).mean()
    bound = likelihood - divergence(found.shape) - divergence(found.appearance)
    constant = pixels * (math.log(noise) + math.log(2 * math.pi) / 2)
    terms = bound_terms(fixed, found, noise=noise, smoothness=0.0)
    assert float(sum(terms.values())) == pytest.approx(float(2 * noise**2 / pixels * (-bound - constant)), rel=1e-4)
    assert set(bound_terms(fixed, found, noise=noise, smoothness=1.0)) == {"mse", "prior", "diffusion"}


def test_it_learns_and_its_reconstruction_is_the_final_image(make_cohort, tmp_path: Path) -> None:
    images = [blob_case("template", "train", 0.5 * n).moving for n in range(6)]
    splits = ["train"] * 5 + ["validation"]
    cases = [blob_case(f"c{n}", splits[n], 0.0, fixed=images[n], moving=images[0]) for n in range(6)]
    cohort = make_cohort(cases)
    parts = cohort.fold()
    method.fit(parts.train, parts.validation, out=tmp_path, seed=0, device="cpu", **PARAMETERS)
    case = cohort.case("c4")
    found = method.predict(case, seed=0, device="cpu", model=tmp_path / "model.pt", **PARAMETERS)
    evaluation = Evaluation(case, found)
    before = float(((case.fixed - case.moving) ** 2).sum())
    assert squared_difference(evaluation) < 0.5 * before
    assert squared_difference(evaluation) == pytest.approx(float(((case.fixed - found.warped) ** 2).sum()), rel=1e-5)
    deformed = evaluation.warp(case.moving)
    assert squared_difference_deformed(evaluation) == pytest.approx(
        float(((case.fixed - deformed) ** 2).sum()), rel=1e-5
    )
    assert not np.allclose(deformed, found.warped)


def test_unfit_input_is_told(make_cohort, tmp_path: Path) -> None:
    cohort = make_cohort()
    parts = cohort.fold()
    out = {"out": tmp_path, "seed": 0, "device": "cpu"}
    with pytest.raises(InputError, match="training cases"):
        method.fit(parts.test, parts.validation, **out, **PARAMETERS)
    with pytest.raises(InputError, match="noise"):
        method.fit(parts.train, parts.validation, **out, **{**PARAMETERS, "loss": {"noise": 0.0, "smoothness": 0.0}})
