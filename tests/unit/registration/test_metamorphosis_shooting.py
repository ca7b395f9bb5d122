"""Geodesic shooting: its gradient, its search, its evolving weight, and the methods that rest on it."""

from __future__ import annotations

import copy
import dataclasses
import importlib
from typing import Any

import numpy as np
import pytest
import torch

from wbir.cases import Case, Prediction
from wbir.discovery import describe
from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.geometry.kernels import gaussian_smooth
from wbir.registration.metamorphosis import INTEGRATORS, Model, constant, evolving, shoot
from wbir.registration.metamorphosis_shooting import Search, evolving_frames, growth_ball, register, shooting_cost


def noise(seed: int, size: int = 20, dim: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(1, 1, *(size,) * dim, generator=generator, dtype=torch.float64)
    smooth = gaussian_smooth(values, 2.0)
    return smooth / smooth.std()


def disc(size: int, radius: float, x: float = 0.5) -> torch.Tensor:
    line = torch.arange(size) / (size - 1)
    return ((line[:, None] - x).square() + (line - 0.5).square() < radius**2).float()[None, None]


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("integrator", sorted(INTEGRATORS))
def test_gradient_of_the_cost_agrees_with_finite_differences(integrator: str, dim: int) -> None:
    size = 20 if dim == 2 else 10
    source, target, mask, along = (noise(seed, size, dim) for seed in range(4))
    weight = evolving(torch.cat([torch.sigmoid(mask), torch.sigmoid(2 * mask)]))
    model, where = Model.of(source, sigma=2.0, rho=3.0, mu=0.5), torch.sigmoid(along)
    base = 0.02 * noise(5, size, dim)

    def cost(residual: torch.Tensor) -> torch.Tensor:
        path = shoot(model, source, residual, weight, steps=3, integrator=integrator)
        return shooting_cost(model, path, target, weight(0.0), 0.3, where).sum()

    residual = base.clone().requires_grad_()
    (slope,) = torch.autograd.grad(cost(residual), residual)
    step = 1e-7  # linear interpolation has kinks: the two points have to lie in the same cells
    measured = float(cost(base + step * along) - cost(base - step * along)) / (2 * step)
    assert float((slope * along).sum()) == pytest.approx(measured, rel=1e-5)


def test_the_cost_has_the_terms_that_it_states() -> None:
    source, target, residual, mask = (noise(seed) for seed in range(4))
    mask = torch.sigmoid(mask)
    model = Model.of(source, sigma=2.0, rho=3.0, mu=0.5)
    path = shoot(model, source, residual, constant(mask), steps=1, integrator="euler")
    force = residual * torch.cat([torch.gradient(source[0, 0], dim=a)[0][None, None] for a in (0, 1)], 1)
    expected = 0.5 * (path.images[-1] - target).square().sum()
    expected += 0.2 * ((force * model.smooth(force)).sum() + 3.0 * (mask * residual.square()).mean())
    assert float(shooting_cost(model, path, target, mask, 0.2)) == pytest.approx(float(expected))


def test_checkpointing_changes_no_gradient() -> None:
    source, residual = noise(0).float(), noise(1).float().requires_grad_()
    model = Model.of(source, sigma=2.0)
    slopes = []
    for checkpoint in (False, True):
        end = shoot(model, source, residual, constant(1.0), steps=4, checkpoint=checkpoint).images[-1]
        slopes.append(torch.autograd.grad(end.square().sum(), residual)[0])
    torch.testing.assert_close(*slopes)


def test_metamorphosis_reaches_its_target_and_the_best_iteration_is_kept() -> None:
    source, target = disc(20, 0.2), disc(20, 0.3)
    model = Model.of(source, sigma=2.0, rho=5.0)
    found = register(model, source, target, constant(1.0), Search(4, 60, 10.0, 1e-4))
    own = shooting_cost(model, found.path, target, 1.0, 1e-4)
    assert float(own) == pytest.approx(min(found.costs), rel=1e-5)
    assert min(found.costs) < 0.1 * found.costs[0]


def test_a_batch_of_settings_is_the_settings_one_by_one() -> None:
    source, target = disc(16, 0.2), disc(16, 0.25, 0.55)
    search, rho = Search(3, 8, 5.0, 0.3), torch.tensor([2.0, 8.0])
    together = register(Model.of(source, sigma=2.0, rho=rho.view(2, 1, 1, 1)), source, target, constant(1.0), search)
    for number, value in enumerate(rho.tolist()):
        alone = register(Model.of(source, sigma=2.0, rho=value), source, target, constant(1.0), search)
        torch.testing.assert_close(together.residual[number : number + 1], alone.residual, atol=1e-4, rtol=1e-4)


def test_cost_function_masking_does_not_see_what_is_masked() -> None:
    source, target = disc(20, 0.25), disc(20, 0.3)
    lesion = disc(20, 0.12, 0.8)
    model, search = Model.of(source, sigma=2.0), Search(3, 10, 100.0, 1e-4)
    found = [
        register(model, source, image, constant(0.0), search, 1.0 - lesion).residual
        for image in (target, target * (1 - lesion))
    ]
    assert torch.equal(*found) and bool(found[0].any())


def test_a_weight_grows_from_a_small_ball_to_the_region() -> None:
    region = disc(48, 0.3, 0.45)
    ball = growth_ball(region)
    middle = (ball[0, 0].nonzero().double().mean(0) - torch.tensor([0.45 * 47, 23.5])).abs()
    assert float(middle.max()) < 1.0
    assert 0.05 * region.sum() <= (ball * region).sum() < 0.3 * region.sum()
    frames = evolving_frames(region, sigma=2.0, search=Search(5, 60, 1000.0, 1e-4))
    assert frames.shape == (6, 1, 48, 48) and float(frames.min()) >= 0 and float(frames.max()) <= 1
    areas = frames.flatten(1).sum(1)
    assert bool((areas.diff() > 0).all())
    assert float((frames[-1] - region).square().sum()) < 0.1 * float((ball - region).square().sum())
    with pytest.raises(InputError, match="mask"):
        growth_ball(torch.zeros(1, 1, 8, 8))


def case(mask: bool = True, scale: float = 1.0) -> Case:
    moving, fixed = (
        disc(24, 0.25)[0, 0].numpy(),
        disc(24, 0.3)[0, 0].numpy() * 0.5 + disc(24, 0.1, 0.7)[0, 0].numpy() * 0.5,
    )
    labels = (moving > 0).astype(np.int16)
    return Case(
        "pair", Frame.of((24, 24)), scale * fixed, scale * moving, (fixed > 0).astype(np.int16), labels,
        fixed_mask=(disc(24, 0.15, 0.7)[0, 0].numpy() > 0) if mask else None,
    )  # fmt: skip


def predict(name: str, given: Case, **changes: Any) -> Prediction:
    spec = describe("methods", name)
    parameters = copy.deepcopy(spec["parameters"]) | spec["tiny"] | changes
    return importlib.import_module(f"wbir.methods.{name}").predict(given, seed=0, device="cpu", **parameters)


def readings(prediction: Prediction) -> dict[tuple[str, str], float]:
    return {(r.metric, r.label): r.value for r in prediction.readings}


def test_the_method_s_prediction_holds_together() -> None:
    found = predict("metamorphosis", case(), model="metamorphosis", iterations=20, rate=3.0, rho=5.0)
    assert found.arrays["frames"].shape == found.arrays["weights"].shape == (5, 24, 24)
    np.testing.assert_array_equal(found.arrays["frames"][0], case().moving)
    np.testing.assert_array_equal(found.arrays["frames"][-1], found.warped)
    values = readings(found)
    assert values["shooting_cost", ""] < 0.5 * values["first_cost", ""]
    assert values["total_norm_drift", ""] < 1e-3 < values["velocity_norm_drift", ""]


def test_intensities_outside_0_to_1_give_the_same_registration() -> None:
    plain, large = (predict("metamorphosis", case(scale=s), rate=20.0) for s in (1.0, 400.0))
    assert plain.displacement is not None and large.displacement is not None
    assert plain.warped is not None and large.warped is not None
    np.testing.assert_allclose(large.displacement, plain.displacement, atol=1e-5)
    np.testing.assert_allclose(large.warped, 400 * plain.warped, atol=0.05)


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(InputError, match="fixed_mask"):
        predict("metamorphosis", case(mask=False))
    with pytest.raises(InputError, match="model"):
        predict("metamorphosis", case(), model="elastic")
    with pytest.raises(InputError, match="labels"):
        predict("metamorphosis_sweep", dataclasses.replace(case(), fixed_labels=None))


def test_the_sweep_reports_the_range_of_its_settings() -> None:
    found = predict("metamorphosis_sweep", case(), model="metamorphosis", iterations=10, rate=3.0, rho=5.0)
    values = readings(found)
    dice = [values["swept_dice", label] for label in ("5 x 1", "2.5 x 1")]
    assert values["dice_range", ""] == pytest.approx(abs(dice[0] - dice[1]))
    alone = predict("metamorphosis", case(), model="metamorphosis", iterations=10, rate=3.0, rho=5.0, steps=3)
    assert found.displacement is not None and alone.displacement is not None
    np.testing.assert_allclose(found.displacement, alone.displacement, atol=1e-3)


def test_the_special_cases_are_met() -> None:
    values = readings(predict("metamorphosis_check", case(), mu=[1.0, 0.01, 0.001], smoothing=2.0, steps=8))
    assert values["classical_difference", ""] < 0.05
    assert values["limit_difference", "0.001"] == pytest.approx(values["limit_difference", "0.01"] / 10, rel=0.2)
