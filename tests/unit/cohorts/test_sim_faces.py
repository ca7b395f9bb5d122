"""Simulated faces: the movement of the skin, the pictures, the points, and the design of paper 11."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from wbir.anatomy import face_picture
from wbir.anatomy.face import Outline, Person, draw_person
from wbir.anatomy.face_actions import EXPRESSIONS, PARTS, Expression, draw_units
from wbir.anatomy.face_landmarks import NAMES, landmarks, material_points
from wbir.anatomy.face_picture import Painter, Pose, photograph
from wbir.anatomy.face_surface import Skin
from wbir.anatomy.seeds import named_generator
from wbir.cases import Cohort
from wbir.cohorts import faces
from wbir.errors import InputError

P: dict[str, Any] = faces.COHORT["parameters"]  # type: ignore[assignment]


def made(folder: Path, seed: int = 0, **changes: Any) -> Cohort:
    folder.mkdir(parents=True)
    module = importlib.import_module("wbir.cohorts.faces")
    module.build(folder, source="simulated", data=None, seed=seed, **{**P, **faces.COHORT["tiny"], **changes})  # type: ignore[dict-item]
    return Cohort.open(folder)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return made(tmp_path_factory.mktemp("faces") / "c")


def someone(number: int) -> Person:
    return draw_person(named_generator(0, "person", number))


def shown(number: int, name: str) -> Expression:
    return Expression(someone(number), draw_units(name, named_generator(0, "units", number, name)))


def grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.linspace(-0.6, 0.6, n), np.linspace(-0.8, 0.8, n), indexing="ij")
    return x, y


def own(expression: Expression, part: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    above, below = y > expression.eye_line(x), y < expression.mouth.line(x)
    return {"above": above, "below": below, "between": ~above & ~below}[part]


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_skin_neither_folds_nor_is_lost(name: str) -> None:
    x, y = grid(161)
    for number in (10, 33, 36):
        expression = shown(number, name)
        for part in PARTS:
            a, b = expression.move(x, y, part)
            steps = (x[1, 0] - x[0, 0], y[0, 1] - y[0, 0])
            (ax, ay), (bx, by) = np.gradient(a, *steps), np.gradient(b, *steps)
            here = own(expression, part, x, y)
            assert (ax * by - ay * bx)[here].min() > 0.2
            found = expression.find(a[here], b[here], part, (a[here], b[here]), 60)
            assert np.hypot(found[0] - x[here], found[1] - y[here]).max() < 1e-5


def test_the_parts_agree_at_the_corners_of_the_slits_and_gape_between() -> None:
    expression = shown(3, "surprise")
    mouth = expression.mouth
    for x in (mouth.half, mouth.half + 0.05):
        corner = np.array([x]), mouth.line(np.array([x]))
        np.testing.assert_allclose(expression.move(*corner, "between"), expression.move(*corner, "below"), atol=1e-9)
    middle = np.zeros(1), mouth.line(np.zeros(1))
    opened = expression.move(*middle, "between")[1] - expression.move(*middle, "below")[1]
    assert opened == pytest.approx(mouth.up + mouth.down) and opened > 0.08


def test_expressions_move_what_their_units_say() -> None:
    at = {name: {} for name in EXPRESSIONS}  # type: ignore[var-annotated]
    for name in EXPRESSIONS:
        expression = shown(5, name)
        at[name] = dict(zip(NAMES, landmarks(someone(5), expression, Pose(), 256), strict=True))
        at[name]["lids"] = at[name]["right_lid_above"][1] - at[name]["right_lid_below"][1]
    neutral = at["neutral"]
    assert at["happiness"]["right_lip_corner"][0] > neutral["right_lip_corner"][0] + 3
    assert at["happiness"]["right_lip_corner"][1] > neutral["right_lip_corner"][1] + 3
    assert at["sadness"]["right_lip_corner"][1] < neutral["right_lip_corner"][1] - 2
    assert at["surprise"]["chin_end"][1] < neutral["chin_end"][1] - 6
    assert at["surprise"]["left_brow_outer"][1] > neutral["left_brow_outer"][1] + 3
    assert at["anger"]["left_brow_inner"][1] < neutral["left_brow_inner"][1] - 3
    assert at["sadness"]["left_brow_inner"][1] > neutral["left_brow_inner"][1] + 1
    assert at["disgust"]["left_nose_wing"][1] > neutral["left_nose_wing"][1] + 2
    assert at["contempt"]["left_lip_corner"][0] < neutral["left_lip_corner"][0] - 2
    np.testing.assert_allclose(at["contempt"]["right_lip_corner"], neutral["right_lip_corner"], atol=0.1)
    assert at["disgust"]["lids"] < neutral["lids"] < at["fear"]["lids"] and at["anger"]["lids"] > 1


def test_units_are_those_asked_of_the_models() -> None:
    for name, units in EXPRESSIONS.items():
        drawn = draw_units(name, np.random.default_rng(0))
        assert set(drawn) | {"23"} - {"24"} >= set(units) - {"23"} and len(drawn) == len(units)
        assert all(0.3 < strength < 1.2 for strength in drawn.values())
    pressed = {"24" in draw_units("anger", np.random.default_rng(n)) for n in range(20)}
    assert pressed == {True, False}


@pytest.mark.parametrize("name", ["happiness", "surprise", "anger"])
def test_a_mark_on_the_skin_is_seen_where_its_landmark_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expression, pose, size = shown(4, name), Pose(0.02, 1.08, 0.01, -0.02), 96
    clean = photograph(someone(4), expression, pose, size)
    places = landmarks(someone(4), expression, pose, size)
    points, _ = material_points(someone(4), expression)
    plain = Skin.albedo
    for mark in ("glabella", "left_cheek", "chin", "right_nose_wing"):
        mx, my = points[NAMES.index(mark)]

        def marked(self: Skin, x: np.ndarray, y: np.ndarray, at: tuple[float, float] = (mx, my)) -> np.ndarray:
            return plain(self, x, y) * (1 - 0.8 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 0.012**2))

        monkeypatch.setattr(Skin, "albedo", marked)
        seen = clean - photograph(someone(4), expression, pose, size)
        monkeypatch.setattr(Skin, "albedo", plain)
        np.testing.assert_allclose(center_of_mass(seen), places[NAMES.index(mark)], atol=0.2)


def test_the_painter_finds_the_skin_that_it_shows() -> None:
    line = ((np.arange(128) + 0.5) / 64 - 1) / 1.1
    x, y = np.meshgrid(line, line, indexing="ij")
    for number, name in ((10, "anger"), (33, "happiness")):
        expression = shown(number, name)
        painter = Painter(someone(number), expression, x.astype(np.float32), y.astype(np.float32))
        (mx, my), side, inside, by_eye = painter._seen()
        for part, here in (("above", by_eye & (side > 0)), ("below", ~by_eye & (side < 0))):
            a, b = expression.move(mx, my, part)
            here = here & (inside > 0)
            assert here.sum() > 1000 and np.hypot(a - x, b - y)[here].max() * 64 < 0.05  # pixels


def test_pictures_stand_upright_and_mouths_open() -> None:
    neutral, surprise = (photograph(someone(6), shown(6, name), Pose(size=1.1), 96) for name in ("neutral", "surprise"))
    assert (
        neutral[:, 0].mean() < 0.5 < neutral[2, 60:].mean() and neutral[-3, 60:].mean() > 0.5
    )  # shirt below, wall above
    places = dict(zip(NAMES, landmarks(someone(6), shown(6, "surprise"), Pose(size=1.1), 96), strict=True))
    assert places["right_lid_above"][1] > places["nose_tip"][1] > places["lip_top"][1] > places["chin_end"][1]
    x, y = np.rint((places["lip_meets_above"] + 2 * places["lip_meets_below"]) / 3).astype(int)
    assert surprise[x, y] < 0.3 < neutral[x, y]


def test_pose_there_and_back() -> None:
    pose, points = Pose(0.3, 1.2, 0.1, -0.2), np.random.default_rng(0).random((2, 5))
    np.testing.assert_allclose(pose.to_face(*pose.to_picture(*points)), points)


def test_outline_is_a_closed_curve_through_its_places() -> None:
    person = someone(2)
    outline = Outline(person)
    for x, y in (
        (person["width"], 0.05),
        (0.0, person["chin_y"]),
        (0.0, person["top"]),
        (-person["jaw"], person["mouth_y"]),
    ):
        assert float(outline.gauge(np.array(x), np.array(y))[0]) == pytest.approx(1)


def test_the_full_design_has_the_paper_s_numbers() -> None:
    pairs = faces.plan(P["subjects"], P["pairs_per_subject"], seed=0)
    counts: Counter[str] = Counter()
    for (split, _), chosen in pairs.items():
        counts[split] += len(chosen)
        assert len(set(chosen)) == 56 and all(a != b for a, b in chosen)
    assert counts == {"train": 2968, "validation": 392, "test": 392}
    assert len({subject for _, subject in pairs}) == 67


def test_tiny_cohort_is_sound(tiny: Cohort) -> None:
    assert len(tiny) == 6
    assert json.loads((tiny.folder / "card.json").read_text())["landmarks"] == list(NAMES)
    subjects = {split: {r["subject"] for r in tiny.rows if r["split"] == split} for split in faces.SPLITS}
    assert not subjects["train"] & subjects["test"] and not subjects["validation"] & subjects["test"]
    for case in tiny:
        a = case.attributes
        assert case.id == f"{a['subject']}-{a['moving_expression']}-to-{a['fixed_expression']}" and case.truth is None
        assert case.fixed_points is not None and case.fixed_points.shape == (len(NAMES), 2)
        assert case.fixed_points.min() > 0 and case.fixed_points.max() < 31
        np.testing.assert_allclose(case.fixed * 255, np.rint(case.fixed * 255), atol=1e-4)
        assert np.ptp(case.fixed) > 0.4 and not np.array_equal(case.fixed, case.moving)


def test_one_more_subject_leaves_the_others_as_they_were(tiny: Cohort, tmp_path: Path) -> None:
    more = made(tmp_path / "more", subjects={"train": 2, "validation": 1, "test": 1})
    for case in tiny:
        np.testing.assert_array_equal(case.fixed, more.case(case.id).fixed)
    assert len(more) == 8


def test_a_subject_is_the_same_at_another_size() -> None:
    small, large = (faces.photograph("test-01", "fear", size, 0.0, 0) for size in (32, 64))
    np.testing.assert_allclose((small.points + 0.5) * 2, large.points + 0.5)
    assert np.abs(large.image.reshape(32, 2, 32, 2).mean((1, 3)) - small.image).mean() < 0.01
    assert face_picture.FINEST % 64 == 0


@pytest.mark.parametrize(
    "changes",
    [{"size": 8}, {"noise": -0.1}, {"subjects": {"exam": 1}}, {"subjects": {"train": 0}}, {"pairs_per_subject": 57}],
)
def test_unfit_parameters_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError):
        made(tmp_path / "c", **changes)
