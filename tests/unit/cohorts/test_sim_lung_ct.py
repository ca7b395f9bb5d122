"""The lung cohort: its truth leads one image onto the other, its cases stand alone, its parameters do what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from wbir.cases import Case, Cohort, Prediction
from wbir.cohorts import lung_ct
from wbir.errors import InputError
from wbir.measures.base import Evaluation
from wbir.measures.landmarks import end_point_error, tre
from wbir.measures.overlap import dice

SMALL = {
    "pairs": {"copd": 1},
    "shape": [64, 64, 68],
    "spacing": [5.25, 3.0, 3.75],
    "moving_spacing": [5.25, 3.75, 5.25],
}
WORLD = {**SMALL, "prealigned": False, "shape": [56, 52, 68], "spacing": [6.0, 5.0, 5.0]}
TINY = lung_ct.COHORT["tiny"]


def made(folder: Path, **changes: Any) -> Cohort:
    folder.mkdir(parents=True)
    lung_ct.build(folder, source="simulated", data=None, seed=5, **{**lung_ct.COHORT["parameters"], **changes})
    return Cohort.open(folder)


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return made(tmp_path_factory.mktemp("a") / "c", **SMALL, noise=0.0).case("copd-01")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return made(tmp_path_factory.mktemp("w") / "c", **WORLD, noise=0.0).case("copd-01")


@pytest.mark.parametrize("name", ["aligned", "world"])
def test_truth_takes_landmarks_to_their_places(name: str, request: pytest.FixtureRequest) -> None:
    case = request.getfixturevalue(name)
    oracle, identity = (Evaluation(case, Prediction(displacement=u)) for u in (case.truth, None))
    assert len(case.fixed_points) == 300
    error = np.linalg.norm(oracle.map_points(case.fixed_points) - case.moving_points, axis=1)  # voxels
    assert error.max() < 0.05 and tre(oracle) < 0.05 < 5 < tre(identity)
    assert end_point_error(oracle) == 0 and 5 < end_point_error(identity) < 40
    inside = ndimage.map_coordinates(case.fixed_mask.astype(float), case.fixed_points.T, order=0)
    assert inside.mean() > 0.97


@pytest.mark.parametrize("name", ["aligned", "world"])
def test_truth_brings_lobes_and_density_home(name: str, request: pytest.FixtureRequest) -> None:
    case = request.getfixturevalue(name)
    oracle, identity = (Evaluation(case, Prediction(displacement=u)) for u in (case.truth, None))
    after, before = dice(oracle), dice(identity)
    for label in range(1, 6):
        assert after[str(label)] > 0.93 and after[str(label)] > before[str(label)]
    core = ndimage.binary_erosion(case.fixed_mask, iterations=3)
    warped = oracle.warped[core]
    assert np.corrcoef(warped, case.fixed[core])[0, 1] > 0.85
    assert warped.mean() < case.fixed[core].mean() - 30  # the air of inspiration


def test_density_ratio_is_the_volume_change(world: Case) -> None:
    """(HU + 1000) of expiration over inspiration against det of the truth's Jacobian, where vessels, which do not thin, are few."""
    core = ndimage.binary_erosion(world.fixed_mask, iterations=3) & (world.fixed < -750)
    jacobian = np.stack([np.stack(np.gradient(world.truth[c]), -1) for c in range(3)], -2) + np.eye(3)
    volume = np.linalg.det(jacobian)[core]
    ratio = (world.fixed[core] + 1000) / (Evaluation(world, Prediction(displacement=world.truth)).warped[core] + 1000)
    assert np.median(ratio / volume) == pytest.approx(1, abs=0.06)
    assert volume.min() > 0.3 and 1.1 < np.median(volume) < 2


def test_truth_does_not_fold_in_a_lung_and_jumps_at_the_pleura(world: Case) -> None:
    lung = ndimage.binary_erosion(world.fixed_mask, iterations=2)
    jacobian = np.stack([np.stack(np.gradient(world.truth[c]), -1) for c in range(3)], -2) + np.eye(3)
    assert np.linalg.det(jacobian)[lung].min() > 0
    across = np.abs(np.diff(world.truth[2] * 5.0, axis=0))  # mm from one voxel to the next, left to right
    rim = world.fixed_mask[1:] != world.fixed_mask[:-1]
    assert np.quantile(across[rim], 0.9) > 10 > 2 * np.median(across[lung[1:]])
    bone = (world.fixed > 350) & ~ndimage.binary_dilation(world.fixed_mask, iterations=1)
    motion = np.abs(world.truth * np.reshape([6.0, 5.0, 5.0], (3, 1, 1, 1)))
    assert motion[2][bone].mean() < 0.3 * motion[2][world.fixed_mask].mean()


def test_prealignment_takes_much_of_the_motion_away(aligned: Case, world: Case) -> None:
    start = [tre(Evaluation(case, Prediction())) for case in (aligned, world)]
    assert start[0] < 0.75 * start[1]
    for mask in (aligned.fixed_mask, aligned.moving_mask):
        np.testing.assert_allclose(ndimage.center_of_mass(mask), (np.array(mask.shape) - 1) / 2, atol=2.0)


def test_a_subject_is_the_same_beside_others_and_other_phases(tmp_path: Path) -> None:
    tidal = {**TINY, "folds": 0, "breathing": "tidal", "prealigned": False}
    one = made(tmp_path / "one", **{**tidal, "pairs": {"4dct": 1}, "phases": 2})
    two = made(tmp_path / "two", **{**tidal, "pairs": {"4dct": 2}, "phases": 4})
    assert [row["case"] for row in two.select(subject="4dct-01").rows] == ["4dct-01-p25", "4dct-01-p50", "4dct-01-p75"]
    alone, beside = one.case("4dct-01"), two.case("4dct-01-p50")
    for name in ("fixed", "moving", "truth", "fixed_points", "moving_points", "moving_labels"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(beside, name))
    half, back = (two.case(f"4dct-01-p{p}") for p in ("25", "75"))
    mean = [float(np.linalg.norm(c.truth[:, c.fixed_mask], axis=0).mean()) for c in (half, beside, back)]
    assert mean[0] < mean[1] > mean[2]
    assert np.abs(half.truth - back.truth).max() > 1e-3  # hysteresis
    assert not np.array_equal(alone.fixed, two.case("4dct-02-p50").fixed)


def test_folds_hold_their_share_of_each_centre() -> None:
    found = lung_ct.splits({"empire": 8, "learn2reg": 12, "copd": 10}, 5, 0, 0)
    for fold in "01234":
        held = [a["centre"] for a in found.values() if a["fold"] == fold]
        assert len(held) == 6 and all(1 <= held.count(c) <= 3 for c in ("empire", "learn2reg", "copd"))
    assert {a["split"] for a in found.values()} == {"test"}


def test_splits_spread_over_the_centres() -> None:
    found = lung_ct.splits({"empire": 8, "copd": 4}, 0, 6, 3)
    centres = [a["centre"] for a in found.values() if a["split"] == "train"]
    assert len(centres) == 6 and centres.count("copd") == 2 and "fold" not in found["copd-01"]
    assert sum(a["split"] == "validation" for a in found.values()) == 3


def test_card_and_labels(tmp_path: Path) -> None:
    cohort = made(tmp_path / "c", **TINY)
    card = json.loads((cohort.folder / "card.json").read_text())
    measured = card["measured"]["empire-01"]
    assert 2 < measured["fixed_litres"] < measured["moving_litres"] < 7 and measured["landmark_motion_mm"] > 5
    assert cohort.label_names()[4] == "right middle lobe" and cohort.rows[0]["fold"] == "0"


@pytest.mark.parametrize(
    "changes",
    [
        {"pairs": {"mars": 1}}, {"breathing": "deep"}, {"phases": 10}, {"shape": [8, 8]}, {"spacing": [0.0]}, {"noise": -1.0},
        {"folds": 3}, {"folds": 0, "train": 3}, {"train": 1}, {"pairs": {"copd": 0}},
    ],
)  # fmt: skip
def test_unfit_parameters_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        made(tmp_path / "c", **{**TINY, **changes})
