"""Samples: drawn by their generator alone, any two images as a pair, kept within the memory that is given."""

from __future__ import annotations

import pytest
import torch
from training_blobs import blob_case

from wbir.cases import Case
from wbir.training.pairwise import PairLoss, pair_samples, validator
from wbir.training.samples import Samples, ahead

LOSS = PairLoss("mse", 3, 1.0, "diffusion", 0.5, 2.0)


def images(case: Case) -> dict[str, torch.Tensor]:
    return {"fixed": torch.from_numpy(case.fixed)[None], "moving": torch.from_numpy(case.moving)[None]}


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_sample_depends_on_its_generator_alone(make_cohort) -> None:  # type: ignore[no-untyped-def]
    samples = Samples(make_cohort().select(split="train"), images)
    first = samples.draw(generator(1), 3)
    samples.draw(generator(2), 2)
    again = samples.draw(generator(1), 3)
    assert first["cases"] == again["cases"] and torch.equal(first["moving"], again["moving"])
    assert first["fixed"].shape == (3, 1, 16, 14) and len(samples) == 4


def test_exchanged_samples_pair_any_two_images(make_cohort) -> None:  # type: ignore[no-untyped-def]
    cohort = make_cohort().select(split="train")
    samples = Samples(cohort, images, exchange=True)
    known = {name: images(cohort.case(name)) for name in (row["case"] for row in cohort.rows)}
    everything = [image for case in known.values() for image in case.values()]
    seen = set()
    for n in range(60):
        drawn = samples.draw(generator(n), 1)
        found = [next(i for i, e in enumerate(everything) if torch.equal(e, drawn[k][0])) for k in ("fixed", "moving")]
        seen.add(tuple(found))
    assert len(seen) > 12, "pairs across cases, both ways round"


def test_cases_beyond_the_memory_are_read_again(make_cohort) -> None:  # type: ignore[no-untyped-def]
    read: list[str] = []

    def prepare(case: Case) -> dict[str, torch.Tensor]:
        read.append(case.id)
        return {"fixed": torch.zeros(1, 400, 400)}

    samples = Samples(make_cohort().select(split="train"), prepare, memory_mb=1)
    for name in ("c0", "c0", "c1", "c0"):
        samples.case(name)
    assert read == ["c0", "c1", "c0"], "640 kB each: one stays"


def test_ahead_gives_every_step_in_order(make_cohort) -> None:  # type: ignore[no-untyped-def]
    cpu = torch.device("cpu")
    found = [(n, int(s["n"])) for n, s in ahead(lambda n: {"n": torch.tensor(n * n)}, [3, 4, 9, 11, 12], cpu)]
    assert found == [(n, n * n) for n in (3, 4, 9, 11, 12)]


def test_pair_loss_is_the_sum_of_its_terms_in_closed_form() -> None:
    """A uniform shift of a ramp: the warped image is known, the field is smooth, labels overlap by a known part."""
    ramp = torch.arange(8.0).view(1, 1, 8, 1).expand(1, 1, 8, 6).contiguous()
    labels = torch.zeros(1, 1, 8, 6, dtype=torch.int32)
    labels[:, :, 2:4] = 1
    shift = torch.zeros(1, 2, 8, 6)
    shift[:, 0] = 1.0
    sample = {"fixed": ramp, "moving": ramp, "fixed_labels": labels, "moving_labels": labels}
    terms = LOSS.terms(sample, shift, classes=(1,))
    assert float(terms["mse"]) == 7 / 8  # one step everywhere but on the last row, where the border goes on
    assert float(terms["diffusion"]) == 0
    assert float(terms["overlap"]) == 2 * (1 - 0.5)


def test_validation_of_the_identity_is_the_labels_own_dice(make_cohort) -> None:  # type: ignore[no-untyped-def]
    case = blob_case("v", "validation", 0.0)
    samples = pair_samples(make_cohort([case], "same"), labels=True, exchange=False, memory_mb=10)
    check = validator(samples, lambda net, s: torch.zeros(1, 2, *s["fixed"].shape[2:]), LOSS, "cpu", (1, 2))
    assert check(torch.nn.Identity()) == pytest.approx({"dice": 1.0, "likeness": 0.0}, abs=1e-9)
