"""Growing children: curves, flow, scans, the exact truth, and the design of paper 24."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from wbir.anatomy import growth, growth_scan
from wbir.anatomy.growth_scan import Scan, Scanner
from wbir.cases import Cohort
from wbir.cohorts.pediatric_brain import COHORT, plan
from wbir.errors import InputError

P: dict[str, Any] = COHORT["parameters"]  # type: ignore[assignment]


def made(folder: Path, seed: int = 0, **changes: Any) -> Cohort:
    folder.mkdir(parents=True)
    module = importlib.import_module("wbir.cohorts.pediatric_brain")
    module.build(folder, source="simulated", data=None, seed=seed, **{**P, **COHORT["tiny"], **changes})  # type: ignore[dict-item]
    return Cohort.open(folder)


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    """Without noise and bias, in a small field of view."""
    return Scanner(growth_scan.scan_frame((196, 217, 189), (7.0, 7.0, 7.0)), P["components"], 0.0, 0.0, 1.0, seed=1)


@pytest.fixture(scope="module")
def scans(scanner: Scanner) -> list[Scan]:
    person = scanner.person("c3-01")
    return [scanner.scan("c3-01", person, n, age) for n, age in enumerate((2.0, 6.0, 6.0), start=1)]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return made(tmp_path_factory.mktemp("children") / "c")


def to_template(scan: Scan, scanner: Scanner, points: np.ndarray) -> np.ndarray:
    """N(L x) in template millimetres, of frame voxels `(3, n)`; scipy in place of the simulator's sampler."""
    onto = np.linalg.inv(scanner.grid.affine) @ scan.matrix @ scanner.frame.affine
    here = onto[:3, :3] @ points + onto[:3, 3:]
    there = here + np.stack([map_coordinates(c, here, order=1, mode="nearest") for c in scan.forth])
    return scanner.grid.affine[:3, :3] @ there + scanner.grid.affine[:3, 3:]


def test_curves_meet_what_they_are_taken_from_and_rise() -> None:
    two, six, seven = (growth.volume_fractions(age) for age in (2.0, 6.0, 7.0))
    assert two["brain"] == pytest.approx(0.83, abs=2e-3) and six["brain"] == pytest.approx(0.95, abs=2e-3)
    assert two["white"] == pytest.approx(0.62, abs=2e-3) and seven["white"] == pytest.approx(0.80, abs=2e-3)
    share = growth.WHITE_SHARE
    assert share * two["white"] + (1 - share) * two["grey"] == pytest.approx(two["brain"])
    ages = np.linspace(2, 7.5, 12)
    for name in two:
        assert np.all(np.diff([growth.volume_fractions(age)[name] for age in ages]) > 0)
    assert np.all(np.diff([growth.head_scale(age) for age in ages]) > 0) and 0.8 < growth.head_scale(2) < 0.9
    with pytest.raises(InputError, match="years"):
        growth.volume_fractions(1.0)


def test_tissue_that_grows_keeps_the_cranium_s_volume() -> None:
    adult = {"white": 600.0, "grey": 1000.0, "ventricles": 15.0, "sulci": 150.0}
    aim = growth.relative_volumes(adult, growth.volume_fractions(3.0))
    assert sum(aim.values()) == pytest.approx(sum(adult.values())) and aim["white"] < 600 < 1000 < aim["grey"]
    maps = {name: np.full((2, 2), volume / 4) for name, volume in adult.items()}
    rates = growth.rates_towards(aim, maps)
    assert rates["grey"] == pytest.approx(np.log(aim["grey"] / 1000))
    assert sum(rates[name] * adult[name] for name in adult) == pytest.approx(0, abs=1e-9)


def test_the_flow_reaches_the_volumes_without_folding(scanner: Scanner) -> None:
    from wbir.anatomy.ageing import age_maps
    from wbir.anatomy.deformation import see_through

    maps = age_maps(scanner.grid)
    for age in (2.0, 3.6):
        u = scanner.path.at(age)
        jacobian = np.stack([np.stack(np.gradient(c)) for c in u]) + np.eye(3)[:, :, None, None, None]
        assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1))).min() > 0.3
        fractions = growth.volume_fractions(age)
        for name in ("white", "grey", "ventricles"):
            reached = float(see_through(maps[name], u, order=1).sum() / maps[name].sum())
            assert reached == pytest.approx(fractions[name] / fractions["brain"], rel=0.05)


def test_white_matter_brightens_with_age_and_last_in_front(scanner: Scanner) -> None:
    young, old = (growth.white_signal(age, scanner.template) for age in (2.0, 6.0))
    assert np.all(young < old) and old.max() < 1 and young.min() > 0.75
    back, front = (scanner.template.to_voxel(np.array([[20.0, y, 20.0]]))[0].astype(int) for y in (-60.0, 45.0))
    assert young[tuple(front)] < young[tuple(back)] - 0.05


def test_truth_leads_to_the_same_point_of_the_template(scanner: Scanner, scans: list[Scan]) -> None:
    young, old = scans[:2]
    truth, residual = scanner.truth(young, old)
    grid = np.indices(scanner.frame.shape).reshape(3, -1).astype(float)
    error = to_template(young, scanner, grid + truth.reshape(3, -1)) - to_template(old, scanner, grid)
    assert residual < 0.01 and np.sqrt((error**2).sum(0)).max() < 0.02  # mm
    assert np.abs(truth).max() > 1


def test_truth_shows_the_fixed_scan(scanner: Scanner, scans: list[Scan]) -> None:
    young, old = scans[:2]
    points = np.indices(scanner.frame.shape) + scanner.truth(young, old)[0]
    for label, least in ((1, 0.75), (2, 0.85)):
        seen = map_coordinates((young.labels == label).astype(np.float32), points, order=1) > 0.5
        a, b, c = old.labels == label, seen, young.labels == label
        moved, still = 2 * (a & b).sum() / (a.sum() + b.sum()), 2 * (a & c).sum() / (a.sum() + c.sum())
        assert moved > least and moved > still + 0.1
    brain = map_coordinates(young.brain.astype(np.float32), points, order=1) > 0.5
    assert 2 * (brain & old.brain).sum() / (brain.sum() + old.brain.sum()) > 0.97
    warped = map_coordinates(young.image, points, order=1)
    assert np.corrcoef(warped[old.brain], old.image[old.brain])[0, 1] > 0.9


def test_at_one_age_two_scans_differ_by_their_pose_alone(scanner: Scanner, scans: list[Scan]) -> None:
    first, second = scans[1:]
    truth = scanner.truth(first, second)[0].astype(float)
    matrix = np.linalg.inv(scanner.frame.affine) @ np.linalg.inv(first.matrix) @ second.matrix @ scanner.frame.affine
    grid = np.indices(scanner.frame.shape).reshape(3, -1)
    expected = matrix[:3, :3] @ grid + matrix[:3, 3:] - grid
    np.testing.assert_allclose(truth.reshape(3, -1), expected, atol=3e-3)
    np.testing.assert_allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-9)
    np.testing.assert_array_equal(first.forth, second.forth)
    degrees = np.degrees(np.arccos((np.trace(matrix[:3, :3]) - 1) / 2))
    assert 0.5 < degrees < 25 and not np.array_equal(first.image, second.image)


def test_a_child_grows(scanner: Scanner) -> None:
    still = Scanner.__new__(Scanner)
    still.__dict__.update(scanner.__dict__, pose=0.0)
    person = still.person("c3-02")
    counts = [Counter(still.scan("c3-02", person, 1, age).labels.ravel().tolist()) for age in (2.0, 3.6, 6.0)]
    for volume in ([c[1] for c in counts], [c[1] + c[2] for c in counts]):
        assert np.all(np.diff(volume) > 0)
    assert (
        1.12 < counts[-1][1] / counts[0][1] < 1.4
        and 1.08 < (counts[-1][1] + counts[-1][2]) / (counts[0][1] + counts[0][2]) < 1.25
    )


def test_pose_has_its_spread() -> None:
    poses = [growth_scan.random_pose(1.0, np.random.default_rng(n)) for n in range(300)]
    np.testing.assert_allclose(np.std([p[:3, 3] for p in poses], axis=0), growth_scan.SHIFT, rtol=0.12)
    np.testing.assert_allclose(growth_scan.random_pose(0.0, np.random.default_rng(0)), np.eye(4), atol=1e-12)


def test_the_full_design_has_the_paper_s_numbers() -> None:
    for seed in (0, 1):
        children = plan(P["design"], P["test_share"], P["folds"], seed)
        assert len({c.name for c in children}) == 64 and sum(len(c.ages) for c in children) == 247
        pairs = Counter()
        for child in children:
            pairs[child.split, child.fold] += len(child.pairs)
            assert all(2 <= a <= 8 for a in child.ages) and np.all(np.diff(child.ages) >= 0.25)
        assert pairs == {("test", ""): 65, **{("train", fold): 123 for fold in "012"}}
        intervals = np.concatenate([np.diff(c.ages) for c in children])
        assert intervals.mean() == pytest.approx(1.15, abs=0.1) and 0.5 < intervals.std() < 0.75


def test_tiny_cohort_is_sound(tiny: Cohort) -> None:
    assert [r["case"] for r in tiny.rows] == ["c2-01-1-2", "c2-02-1-2", "c2-03-1-2"]
    assert tiny.label_names() == {1: "WM", 2: "GM", 3: "CSF"}
    card = json.loads((tiny.folder / "card.json").read_text())
    parts = {}
    for case in tiny:
        a = case.attributes
        parts[a["subject"]] = (a["split"], a["fold"])
        assert float(a["fixed_age"]) - float(a["moving_age"]) == pytest.approx(float(a["interval"]), abs=2e-3)
        assert float(a["interval"]) > 0 and card["truth_residual_mm"][case.id] < 0.05
        assert case.truth is not None and case.fixed_mask is not None and case.fixed_labels is not None
        np.testing.assert_array_equal(case.fixed_mask, case.fixed_labels > 0)
        assert 700 < case.fixed_mask.sum() * 12**3 / 1000 < 1800  # mL
        assert case.fixed.min() >= 0 and 0.8 < case.fixed.max() < 2
    assert sorted(parts.values()) == [("test", ""), ("train", "0"), ("train", "1")]
    assert len(tiny.fold("0").train) == 1 and len(tiny.fold("0").test) == 1


def test_one_more_child_leaves_the_others_as_they_were(tiny: Cohort, tmp_path: Path) -> None:
    more = made(tmp_path / "more", design=[[2, 4]], truth="test")
    for row in tiny.rows[:2]:
        np.testing.assert_array_equal(tiny.case(row["case"]).fixed, more.case(row["case"]).fixed)
    tests = more.select(split="test")
    assert all((c.truth is not None) == (c.attributes["split"] == "test") for c in more) and len(tests)
    images = [c.fixed for c in tiny]
    assert not np.array_equal(images[0], images[1])


@pytest.mark.parametrize(
    "changes",
    [{"design": [[1, 3]]}, {"design": [[2, 1], [2, 2]]}, {"design": [[2, 2]]}, {"test_share": 0.0}, {"folds": 0},
     {"pose": -1.0}, {"truth": "none"}],
)  # fmt: skip
def test_unfit_parameters_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError):
        made(tmp_path / "c", **changes)
