"""Broken geodesics: the order of the pieces, the inverse, the length, and their readings."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from wbir.cases import Case
from wbir.discovery import describe
from wbir.errors import InputError
from wbir.geometry.frames import Frame

torch = pytest.importorskip("torch")

from wbir.geometry.flows import compose, exponential  # noqa: E402
from wbir.geometry.jacobians import jacobian_determinant  # noqa: E402
from wbir.geometry.warping import warp  # noqa: E402
from wbir.registration.broken_geodesic import broken_geodesic, displacement_lengths, velocity_norm  # noqa: E402
from wbir.registration.log_demons import DemonsSettings, log_demons  # noqa: E402

SETTINGS = DemonsSettings((15, 15), 1.0, 1.0, 1.0, 1.0, False, "warped", 1e-3, 5)
SHAPES = [(48, 44), (26, 24, 22)]


def inside(field: torch.Tensor, margin: int = 4) -> torch.Tensor:
    return field[(..., *(slice(margin, -margin),) * (field.dim() - 2))]


@pytest.mark.parametrize("shape", SHAPES)
def test_pieces_lower_the_residual_and_the_path_does_not_fold(known_pair, shape):
    fixed, moving, _ = known_pair(shape, 4.0)
    path = broken_geodesic(fixed, moving, SETTINGS, max_pieces=4, tolerance=0.0)
    assert len(path.velocities) > 1
    assert len(path.images) == len(path.residuals) == len(path.velocities) + 1
    assert all(after < before for before, after in itertools.pairwise(path.residuals))
    assert float(jacobian_determinant(path.displacement).min()) > 0


@pytest.mark.parametrize("shape", SHAPES)
def test_one_piece_is_log_demons(known_pair, shape):
    fixed, moving, _ = known_pair(shape, 2.0)
    path = broken_geodesic(fixed, moving, SETTINGS, max_pieces=1, tolerance=0.0)
    assert torch.equal(path.velocities[0], log_demons(fixed, moving, SETTINGS).velocity)
    assert float((path.displacement - exponential(path.velocities[0], squarings=8)).abs().max()) < 0.03


@pytest.mark.parametrize("shape", SHAPES)
def test_the_composed_warp_is_the_sequence_of_warps(known_pair, shape):
    fixed, moving, _ = known_pair(shape, 4.0)
    path = broken_geodesic(fixed, moving, SETTINGS, max_pieces=3, tolerance=0.0)
    image = moving
    for velocity in path.velocities:
        image = warp(image, exponential(velocity, squarings=8), mode="cubic")
    backwards = moving
    for velocity in reversed(path.velocities):
        backwards = warp(backwards, exponential(velocity, squarings=8), mode="cubic")
    error = float(inside(image - path.images[-1]).square().mean())
    assert error < 1e-4
    assert error < 0.5 * float(inside(backwards - path.images[-1]).square().mean()), (
        "the order of the pieces must matter here"
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_the_reversed_negative_pieces_are_the_inverse(known_pair, shape):
    fixed, moving, _ = known_pair(shape, 2.5)
    path = broken_geodesic(fixed, moving, SETTINGS, max_pieces=3, tolerance=0.0)
    for round_trip in (compose(path.displacement, path.inverse), compose(path.inverse, path.displacement)):
        assert float(inside(round_trip).square().sum(1).sqrt().max()) < 0.1
    assert float((fixed - warp(moving, path.displacement)).square().mean()) < 0.2 * float(
        (fixed - moving).square().mean()
    )
    assert float((moving - warp(fixed, path.inverse)).square().mean()) < 0.2 * float((fixed - moving).square().mean())


def test_identical_images_have_a_path_of_length_zero():
    image = np.random.default_rng(0).random((16, 16), dtype=np.float32)
    prediction = predict(Case("same", Frame.of((16, 16)), image, image.copy()))
    values = {(r.metric, r.label): r.value for r in prediction.readings}
    assert values == {
        ("path_length", ""): 0.0, ("path_length_l2", ""): 0.0, ("pieces", ""): 0.0, ("residual_mse", "0"): 0.0
    }  # fmt: skip
    assert not prediction.displacement.any()
    assert not prediction.inverse.any()


def test_a_piece_that_gains_little_ends_the_path(known_pair):
    fixed, moving, _ = known_pair((48, 44), 4.0)
    full = broken_geodesic(fixed, moving, SETTINGS, max_pieces=4, tolerance=0.0).residuals
    gains = [1 - after / before for before, after in itertools.pairwise(full)]
    assert gains[1] < gains[0]
    short = broken_geodesic(fixed, moving, SETTINGS, max_pieces=4, tolerance=(gains[0] + gains[1]) / 2)
    assert len(short.velocities) == 2
    with pytest.raises(InputError):
        broken_geodesic(fixed, moving, SETTINGS, max_pieces=0, tolerance=0.0)


def test_velocity_norm_of_a_linear_field_is_the_closed_form():
    n, spacing = 9, (2.0, 3.0)
    velocity = torch.zeros(1, 2, n, n)
    velocity[0, 0] = 0.25 * torch.arange(n)  # along axis 1: voxels of 2 mm per voxel of 3 mm
    squares = (0.5 * np.arange(n)) ** 2
    assert velocity_norm(velocity, spacing, (0.0, 0.0)) == pytest.approx(math.sqrt(squares.mean()))
    slope = 0.25 * 2.0 / 3.0
    assert velocity_norm(velocity, spacing, (100.0, 5.0)) == pytest.approx(
        math.sqrt(squares.mean() + (5.0 * slope) ** 2)
    )


def test_lengths_are_in_millimetres():
    displacement = torch.zeros(1, 2, 4, 4)
    displacement[0, :, 0, 0] = torch.tensor([3.0, 2.0])
    assert displacement_lengths(displacement, (1.0, 2.0)) == (pytest.approx(5 / 16), pytest.approx(5.0))


def predict(case: Case, **overrides):
    from wbir.methods.broken_geodesic import predict as method

    return method(case, seed=0, **{**describe("methods", "broken_geodesic")["parameters"], **overrides})


@pytest.mark.parametrize("shape", [(32, 30), (20, 18, 16)])
def test_the_method_reports_its_path(known_pair, shape):
    fixed, moving, _ = known_pair(shape, 2.5)
    frame = Frame.of(shape, 1.5)
    case = Case("pair", frame, 90 * fixed[0, 0].numpy() - 5, 90 * moving[0, 0].numpy() - 5)
    prediction = predict(case, max_pieces=3, piece_tolerance=0.0, iterations=[10, 10], alpha_mm=2.0)
    values = {(r.metric, r.label): r.value for r in prediction.readings}
    pieces = int(values["pieces", ""])
    assert pieces > 1
    norms = [values["segment_norm", str(i + 1)] for i in range(pieces)]
    assert values["path_length", ""] == pytest.approx(sum(norms))
    assert 0 < values["path_length_l2", ""] < values["path_length", ""]
    assert values["residual_mse", str(pieces)] < 0.3 * values["residual_mse", "0"]
    largest = np.sqrt(((1.5 * prediction.displacement) ** 2).sum(0)).max()
    assert values["segment_max_displacement", "1"] == pytest.approx(largest, rel=0.35)
    slices = prediction.arrays["path_slices"]
    assert slices.shape == (pieces + 1, *shape[:2])
    middle = (..., shape[2] // 2) if len(shape) == 3 else ...
    assert np.allclose(slices[0], case.moving[middle], atol=1e-3)
    assert prediction.displacement.dtype == np.float32
    again = predict(case, max_pieces=3, piece_tolerance=0.0, iterations=[10, 10], alpha_mm=2.0)
    assert again.displacement.tobytes() == prediction.displacement.tobytes()


def test_unfit_parameters_are_input_errors():
    image = np.zeros((16, 16), dtype=np.float32)
    case = Case("blank", Frame.of((16, 16)), image, image)
    for wrong in ({"max_pieces": 0}, {"alpha_mm": -1.0}, {"sigma_x": 0.0}):
        with pytest.raises(InputError):
            predict(case, **wrong)
    with pytest.raises(InputError):
        replace(SETTINGS, force="none")
