"""The measuring methods of paper 17: run-times and map differences, the landscape of Fig. 2, the reversed contrast."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from wbir.cases import Case, Prediction
from wbir.discovery import describe
from wbir.errors import InputError
from wbir.geometry.frames import Frame

torch = pytest.importorskip("torch")

from wbir.geometry.rigid import about_centre, rotation_from_euler  # noqa: E402
from wbir.registration.landscape import describe_landscape  # noqa: E402

SHAPE = (14, 14, 14)


def texture(matrix: np.ndarray) -> np.ndarray:
    """A smooth closed-form image on the grid, pulled back by a matrix."""
    points = (matrix[:3, :3] @ np.indices(SHAPE).reshape(3, -1) + matrix[:3, 3:]) / 14
    waves = np.sin(7 * points[0] + 2 * points[1]) + np.cos(6 * points[1] * points[2] + 3) + points[2] ** 2
    return waves.reshape(SHAPE)


def case_of(truth: np.ndarray | None = None, spacing: float = 1.0) -> Case:
    matrix = np.eye(4) if truth is None else truth
    fixed, moving = texture(matrix).astype(np.float32), (3 - texture(np.eye(4))).astype(np.float32)
    return Case("c", Frame.of(SHAPE, spacing), fixed, moving, truth_matrix=truth)


def run(method: str, case: Case, seed: int = 0, **changes) -> Prediction:
    parameters = describe("methods", method)["parameters"] | changes
    return importlib.import_module(f"wbir.methods.{method}").predict(case, seed=seed, **parameters)


def readings(prediction: Prediction) -> dict[str, float]:
    return {r.metric: r.value for r in prediction.readings if not r.label}


@pytest.mark.parametrize(("precision", "limit"), [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("similarity", ["squared", "unsquared"])
def test_fft_and_direct_maps_differ_by_rounding(precision, limit, similarity) -> None:
    small = Case("c", Frame.of((8, 8, 8)), *(x[:8, :8, :8] for x in (case_of().fixed, case_of().moving)))
    found = readings(run("cross_similarity", small, compare=True, precision=precision, similarity=similarity))
    assert 0 < found["map_difference"] < limit
    counts = [8 - abs(k) for k in range(-8, 9)]
    allowed = sum(a * b * c >= 256 for a in counts for b in counts for c in counts)
    assert found["displacements"] == allowed
    assert found["extrapolated"] == 0


def test_a_sample_of_shifts_is_said_to_be_one() -> None:
    case = case_of()
    sampled = run("cross_similarity", case, algorithm="direct", sampled_shifts=30, repeats=1)
    assert readings(sampled)["extrapolated"] == 1
    assert [r.metric for r in sampled.readings if r.speed] == ["run_time"]
    for asked in (0, 10**6):
        whole = run("cross_similarity", case, algorithm="direct", overlap=0.9, repeats=1, sampled_shifts=asked)
        assert readings(whole)["extrapolated"] == 0


def test_a_sampled_run_time_stands_for_all_shifts(monkeypatch) -> None:
    module = importlib.import_module("wbir.methods.cross_similarity")
    monkeypatch.setattr(module, "_timed", lambda work, device: 2.0)
    found = readings(run("cross_similarity", case_of(), algorithm="direct", sampled_shifts=10))
    assert found["run_time"] == pytest.approx(2.0 * found["displacements"] / 10)


def test_unknown_words_are_refused() -> None:
    with pytest.raises(InputError, match="algorithm"):
        run("cross_similarity", case_of(), algorithm="magic")
    with pytest.raises(InputError, match="divides"):
        run("ngf_landscape", case_of(), step=7.0)


@pytest.mark.parametrize(("waves", "maxima", "region"), [(1, 1, 360.0), (3, 3, 120.0), (6, 6, 60.0)])
def test_the_description_of_a_cosine(waves, maxima, region) -> None:
    angles = np.arange(-180.0, 180.0, 2.0)
    found = describe_landscape(angles, np.cos(np.deg2rad(waves * angles)) + 1e-3 * np.cos(np.deg2rad(angles)))
    assert found.local_maxima == maxima
    assert found.region == pytest.approx(region, abs=6.0)
    assert found.highest_at == 0.0


def test_a_sought_angle_between_maxima_has_no_region() -> None:
    angles = np.arange(-180.0, 180.0, 2.0)
    found = describe_landscape(angles, np.cos(np.deg2rad(3 * (angles - 50))))
    assert found.region == 0.0
    assert abs(found.reached) == pytest.approx(50.0) or abs(found.reached) == pytest.approx(70.0)
    shifted = describe_landscape(angles, np.cos(np.deg2rad(3 * (angles - 50))), sought=50.0)
    assert shifted.region == pytest.approx(120.0, abs=2.0)


def truth(degrees: float) -> np.ndarray:
    angles = torch.deg2rad(torch.tensor([0.0, degrees, 0.0], dtype=torch.float64))
    return about_centre(rotation_from_euler(angles), SHAPE).numpy()


def test_the_landscape_is_highest_where_the_images_are_aligned() -> None:
    case = case_of(truth(40.0))
    found = run("ngf_landscape", case, step=10.0, sigma=0.0)
    curve = {float(r.label): r.value for r in found.readings if r.metric == "s_angf"}
    assert len(curve) == 37
    assert curve[180.0] == pytest.approx(curve[-180.0])
    assert readings(found)["global_maximum_at"] == 0.0 and curve[0.0] > 0.95
    assert readings(found)["convergence_region"] > 0
    blind = Case(case.id, case.frame, case.fixed, case.moving)  # without the truth, the 40 degrees are to be turned
    assert readings(run("ngf_landscape", blind, step=10.0, sigma=0.0))["global_maximum_at"] == 40.0


def test_a_displacement_lowers_the_landscape() -> None:
    case = case_of(truth(40.0))
    settings = {"step": 30.0, "sigma": 0.0, "shift": 3.0}
    curves = [
        {float(r.label): r.value for r in run("ngf_landscape", case, displaced=d, **settings).readings if r.label}
        for d in (False, True)
    ]
    assert curves[1][0.0] < curves[0][0.0] - 0.05


def test_the_disturbance_turns_by_five_degrees_about_an_axis_across_y() -> None:
    from wbir.geometry.rigid import rotation_angle
    from wbir.methods.ngf_landscape import _disturbance

    for seed in range(3):
        matrix = _disturbance(case_of(), seed, 5.0, 20.0)
        assert float(torch.rad2deg(rotation_angle(matrix[:3, :3]))) == pytest.approx(5.0)
        turned = matrix[:3, :3] - matrix[:3, :3].T
        assert abs(float(turned[0, 2])) < 1e-12  # no component about y
        centre = torch.tensor([6.5, 6.5, 6.5, 1.0], dtype=torch.float64)
        assert float((matrix @ centre - centre).norm()) == pytest.approx(20.0)


def test_a_reversed_contrast_keeps_the_squared_and_negates_the_unsquared_similarity() -> None:
    found = readings(run("ngf_inversion", case_of()))
    assert found["squared_change"] < 1e-9 and found["unsquared_sum"] < 1e-9
    assert found["squared_mean"] > 0.9 and found["unsquared_mean"] < -0.9
