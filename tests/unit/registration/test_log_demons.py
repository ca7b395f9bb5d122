"""Symmetric log-demons: known fields, symmetry, the Lie bracket and the force in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from wbir.cases import Case
from wbir.discovery import describe
from wbir.errors import InputError
from wbir.geometry.frames import Frame

torch = pytest.importorskip("torch")

from wbir.geometry.flows import compose, exponential  # noqa: E402
from wbir.geometry.kernels import gaussian_smooth  # noqa: E402
from wbir.registration.log_demons import (  # noqa: E402
    DemonsSettings,
    adaptive_exponential,
    demons_force,
    lie_bracket,
    log_demons,
    squarings_of,
    update_velocity,
)

SETTINGS = DemonsSettings((30, 30), 0.5, 0.8, 1.0, 1.0, False, "warped", 1e-4, 5)
SHAPES = [(48, 44), (26, 24, 22)]


def endpoint_error(velocity: torch.Tensor, truth: torch.Tensor) -> float:
    """Mean |exp(v) - exp(truth)| where the truth moves by more than a tenth of a voxel."""
    expected = exponential(truth, squarings=8)
    moved = expected.square().sum(1).sqrt() > 0.1
    return float((exponential(velocity, squarings=8) - expected).square().sum(1).sqrt()[moved].mean())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("bracket", "force"), [(False, "warped"), (True, "warped"), (False, "mean")])
def test_a_known_velocity_field_is_recovered(known_pair, shape, bracket, force):
    fixed, moving, truth = known_pair(shape, 2.5)
    result = log_demons(fixed, moving, replace(SETTINGS, bracket=bracket, force=force))
    before = endpoint_error(torch.zeros_like(truth), truth)
    assert before > 0.6
    assert endpoint_error(result.velocity, truth) < 0.3 * before


@pytest.mark.parametrize("bracket", [False, True])
def test_swapping_the_images_turns_the_velocity_round(known_pair, bracket):
    fixed, moving, _ = known_pair((20, 18, 16), 1.5, 3.0)
    settings = replace(SETTINGS, bracket=bracket, iterations=(10, 10))
    there, back = log_demons(fixed, moving, settings).velocity, log_demons(moving, fixed, settings).velocity
    assert float(there.abs().max()) > 0.5
    assert float((there + back).abs().max()) < 1e-3


def test_the_energy_falls_at_every_level(known_pair):
    fixed, moving, _ = known_pair((48, 44), 2.5)
    result = log_demons(fixed, moving, SETTINGS)
    assert len(result.energies) == 2
    for trace in result.energies:
        steps = np.diff(trace)
        assert trace[-1] < trace[0]
        assert (steps <= 1e-3 * trace[0]).all(), "no step may raise the energy by more than a thousandth of the start"
    assert result.energies[-1][-1] < 0.05 * float((fixed - moving).square().mean())


def test_it_stops_where_the_energy_stands_still(known_pair):
    fixed, moving, _ = known_pair((24, 24), 1.0)
    long = log_demons(fixed, moving, replace(SETTINGS, iterations=(200,), tolerance=1e-2)).energies[0]
    assert 5 < len(long) < 200
    assert long[-6] - long[-1] < 1e-2 * long[-6]
    assert long[-7] - long[-2] >= 1e-2 * long[-7]
    assert len(log_demons(fixed, moving, replace(SETTINGS, iterations=(7,), tolerance=0.0)).energies[0]) == 8


def test_identical_images_need_no_velocity(known_pair):
    fixed, _, _ = known_pair((24, 24), 1.0)
    result = log_demons(fixed, fixed, SETTINGS)
    assert float(result.velocity.abs().max()) == 0.0


def test_a_level_too_small_for_anatomy_is_left_out(known_pair):
    fixed, moving, _ = known_pair((20, 20), 1.0)
    assert len(log_demons(fixed, moving, replace(SETTINGS, iterations=(2, 2, 2, 2))).energies) == 2


def test_force_on_a_ramp_is_the_closed_form():
    slope = torch.zeros(1, 2, 4, 4)
    slope[:, 0] = 0.5
    difference = torch.full((1, 1, 4, 4), 0.2)
    force = demons_force(difference, slope, 1.0, 2.0)
    assert torch.allclose(force[:, 0], torch.tensor(0.2 * 0.5 / (0.25 + 0.04 / 4)))
    assert float(force[:, 1].abs().max()) == 0.0


@pytest.mark.parametrize(("sigma_i", "sigma_x"), [(1.0, 1.0), (1.0, 2.0), (2.0, 1.0)])
def test_a_step_is_at_most_sigma_x_over_two_sigma_i(sigma_i, sigma_x):
    generator = torch.Generator().manual_seed(0)
    slope = torch.randn(1, 3, 12, 12, 12, generator=generator)
    force = demons_force(torch.randn(1, 1, 12, 12, 12, generator=generator), slope, sigma_i, sigma_x)
    largest = float(force.square().sum(1).sqrt().max())
    assert 0.95 * sigma_x / (2 * sigma_i) < largest <= sigma_x / (2 * sigma_i) * (1 + 1e-5)


def test_adaptive_exponential_follows_many_squarings(known_pair):
    _, _, velocity = known_pair((30, 28, 26), 3.0)
    assert squarings_of(velocity, 0.5) == 3
    assert squarings_of(velocity, 1 / 16) == 6
    assert squarings_of(0 * velocity, 0.5) == 0
    exact = exponential(velocity, squarings=12)
    assert float((adaptive_exponential(velocity, 0.5) - exact).abs().max()) < 0.15
    assert float((adaptive_exponential(velocity) - exact).abs().max()) < 0.02


def test_lie_bracket_of_linear_fields_is_the_commutator():
    generator = torch.Generator().manual_seed(1)
    a, b = torch.randn(2, 3, 3, generator=generator)
    points = torch.stack(torch.meshgrid(*[torch.arange(7.0) - 3] * 3, indexing="ij"))
    linear = lambda m: torch.einsum("ij,jxyz->ixyz", m, points)[None]  # noqa: E731
    assert torch.allclose(lie_bracket(linear(a), linear(b)), linear(a @ b - b @ a), atol=1e-4)


@pytest.mark.parametrize("bracket", [False, True])
def test_the_update_is_the_average_of_both_directions(bracket):
    generator = torch.Generator().manual_seed(2)
    v, f, b = torch.randn(3, 1, 2, 14, 12, generator=generator)
    f, b = gaussian_smooth(f, 0.7), gaussian_smooth(b, 0.7)

    def step(velocity: torch.Tensor, force: torch.Tensor) -> torch.Tensor:
        return velocity + force + 0.5 * bracket * lie_bracket(velocity, force)

    expected = gaussian_smooth(0.5 * (step(v, f) - step(-v, b)), 1.2)
    settings = replace(SETTINGS, bracket=bracket, sigma_fluid=0.0, sigma_diffusion=1.2)
    assert torch.allclose(update_velocity(v, torch.cat([f, b]), settings), expected, atol=1e-6)


def test_the_bracket_brings_the_composition_closer(known_pair):
    _, _, v = known_pair((64, 60), 1.5, 7.0, seed=5)
    _, _, u = known_pair((64, 60), 1.5, 7.0, seed=6)
    composed = compose(exponential(v, squarings=9), exponential(u, squarings=9))
    error = [
        float((exponential(w, squarings=9) - composed).square().mean())
        for w in (v + u, v + u + 0.5 * lie_bracket(v, u))
    ]
    assert error[1] < 0.25 * error[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"iterations": ()},
        {"sigma_x": 0.0},
        {"sigma_fluid": -1.0},
        {"force": "other"},
        {"window": 0},
        {"iterations": (-1,)},
    ],
)
def test_unfit_settings_are_input_errors(wrong):
    with pytest.raises(InputError):
        replace(SETTINGS, **wrong)


def test_unfit_images_are_input_errors():
    with pytest.raises(InputError):
        log_demons(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 9), SETTINGS)


def test_the_method_takes_its_own_defaults(known_pair):
    from wbir.methods.log_demons import predict

    fixed, moving, truth = known_pair((40, 36), 2.0)
    case = Case("a", Frame.of((40, 36), 2.0), (200 * fixed + 7)[0, 0].numpy(), (200 * moving + 7)[0, 0].numpy())
    spec = describe("methods", "log_demons")
    prediction = predict(case, seed=0, **spec["parameters"])
    values = {(r.metric, r.label): r.value for r in prediction.readings}
    assert values["pieces", ""] == 1
    assert values["residual_mse", "1"] < 0.1 * values["residual_mse", "0"]
    truth_mm = 2 * float(exponential(truth, squarings=8).square().sum(1).sqrt().mean())
    assert values["segment_displacement", "1"] == pytest.approx(truth_mm, rel=0.25)
