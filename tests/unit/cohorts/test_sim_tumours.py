"""The tumour simulator's physics against closed forms, and the cohorts of paper 02."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wbir.anatomy.elasticity import grow
from wbir.anatomy.tumour import SPREAD, Tumour, disc, mass_effect, oedema
from wbir.cases import Case, Cohort, Prediction
from wbir.cohorts import toy_shapes
from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.measures.base import Evaluation, discover


def made(name: str, folder: Path, seed: int = 0, **changes: Any) -> Cohort:
    module = importlib.import_module(f"wbir.cohorts.{name}")
    folder.mkdir(parents=True)
    module.build(folder, source="simulated", data=None, seed=seed, **{**module.COHORT["parameters"], **changes})
    return Cohort.open(folder)


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return made("tumour_slices", tmp_path_factory.mktemp("tumours") / "c", patients=3, size=72, spacing=3.0)


def measured(name: str, case: Case, displacement: np.ndarray | None = None) -> float:
    value = discover()[name](Evaluation(case, Prediction(displacement=displacement)))
    return value[""] if isinstance(value, dict) else value


@pytest.mark.parametrize("poisson", [0.0, 0.3, 0.45])
def test_a_swelling_disc_pushes_as_eshelby_says(poisson: float) -> None:
    """In an unbounded plane, plane strain: u = (1 + nu) / (1 - nu) e r / 2 inside, falling as 1 / r outside; here a far wall is fixed,
    which takes off that part of it that grows as r from the centre."""
    size, radius, strain, spacing = 121, 8.0, 0.01, 0.5
    index = np.arange(size) - size // 2
    r = np.hypot(*np.meshgrid(index, index, indexing="ij"))
    body = np.ones((size, size), bool)
    body[[0, -1]] = body[:, [0, -1]] = False
    inside = np.clip(radius - r + 0.5, 0, 1)
    u = grow(np.ones((size, size)), np.full((size, size), poisson), strain * inside, body, spacing)
    centre, strength = size // 2, (1 + poisson) / (1 - poisson) * strain * (radius * spacing) ** 2 / 2
    for place in (4, 14, 20):
        free = strength / (max(place, radius) ** 2 * spacing) * place
        wall = strength * place * spacing / (centre * spacing) ** 2
        assert u[0, centre + place, centre] == pytest.approx(free - wall, rel=0.05)
        assert u[1, centre, centre - place] == pytest.approx(-u[0, centre + place, centre], rel=1e-9)
        assert abs(u[1, centre + place, centre]) < 1e-9


def test_oedema_decays_exponentially_with_the_reach() -> None:
    frame = Frame.of((60, 12), 1.0)
    core = np.zeros(frame.shape, np.float32)
    core[:5] = 1
    maps = {"white": np.ones(frame.shape), "grey": np.zeros(frame.shape), "fluid": np.zeros(frame.shape)}
    found = oedema(maps, core, frame, reach=6.0)
    np.testing.assert_allclose(found[:5], 1, atol=1e-3)
    np.testing.assert_allclose(found[5:25, 6], np.exp(-np.arange(1, 21) / 6.0), rtol=0.03)
    grey = oedema({**maps, "white": maps["grey"], "grey": maps["white"]}, core, frame, reach=6.0)
    assert grey[15, 6] == pytest.approx(np.exp(-11 / 6.0 / np.sqrt(SPREAD["grey"])), rel=0.2)


def test_the_core_reaches_its_size_the_skull_stays_and_the_ventricles_give_way() -> None:
    frame = Frame.of((60, 60), 2.0)
    brain, ventricle = disc(frame, (59.0, 59.0), 52.0), disc(frame, (40.0, 59.0), 9.0)
    tumour = Tumour((72.0, 59.0), seed=9.0, radius=14.0, reach=10.0)
    u = mass_effect({"brain": brain, "ventricles": ventricle}, frame, tumour)
    points = np.indices(frame.shape) + u

    def area(centre: tuple[float, float], radius: float) -> float:
        x, y = points * 2.0
        return float((np.hypot(x - centre[0], y - centre[1]) < radius).sum()) * 4

    assert area(tumour.centre, 9.0) == pytest.approx(np.pi * 14.0**2, rel=0.08)
    assert area((40.0, 59.0), 9.0) < 0.85 * np.pi * 9.0**2
    assert np.all(u[:, brain == 0] == 0) or np.abs(u[:, brain == 0]).max() < 0.05
    assert np.linalg.det(np.moveaxis(np.stack([np.gradient(p) for p in points]), (0, 1), (2, 3))).min() > 0.05


def test_patients_are_sound(patients: Cohort) -> None:
    card = json.loads((patients.folder / "card.json").read_text())
    assert patients.label_names() == {1: "ventricles"}
    for case in patients:
        assert case.fixed_mask is not None and case.fixed_labels is not None and case.truth is not None
        core = np.pi * card["tumours"][case.id]["radius"] ** 2
        assert 0.8 * core < case.fixed_mask.sum() * 9.0 < 9 * core
        assert not np.any(case.fixed_mask & (case.fixed_labels > 0) & (case.fixed < 0.05))
        assert 300 < (case.fixed_labels > 0).sum() * 9.0 < 3000
        dark, brain = case.fixed[case.fixed_mask], case.fixed[(case.fixed > 0.05) & ~case.fixed_mask]
        assert np.median(dark) < np.median(brain)
        assert measured("folding", case, case.truth) == 0
        assert measured("dice", case, case.truth) > max(0.85, measured("dice", case))
        outside = measured("squared_difference_outside_mask", case, case.truth)
        assert outside < 0.4 * measured("squared_difference_outside_mask", case)


def test_patients_differ_and_one_more_leaves_the_others_as_they_were(patients: Cohort, tmp_path: Path) -> None:
    fewer = made("tumour_slices", tmp_path / "fewer", patients=2, size=72, spacing=3.0)
    for case in fewer:
        np.testing.assert_array_equal(case.fixed, patients.case(case.id).fixed)
    images = [case.fixed for case in patients]
    assert not any(np.array_equal(images[0], image) for image in images[1:])


def test_those_to_learn_from_are_other_people_and_leave_the_test_as_it_was(patients: Cohort, tmp_path: Path) -> None:
    both = made("tumour_slices", tmp_path / "both", patients=1, train=2, validation=1, size=72, spacing=3.0)
    assert [len(part) for part in both.fold()] == [2, 1, 1]
    for name in ("fixed", "fixed_labels", "fixed_mask", "truth"):
        files = [c.folder / "patient-01" / f"{name}.nii.gz" for c in (patients, both)]
        assert files[0].read_bytes() == files[1].read_bytes()
    images = [case.fixed for case in (*both, *patients.select(case="patient-02"))]
    assert not any(np.array_equal(a, b) for n, a in enumerate(images) for b in images[:n])


def test_a_patient_is_the_same_at_another_spacing(patients: Cohort, tmp_path: Path) -> None:
    finer = made("tumour_slices", tmp_path / "finer", patients=1, size=108, spacing=2.0)
    ours, theirs = (
        json.loads((c.folder / "card.json").read_text())["tumours"]["patient-01"] for c in (patients, finer)
    )
    np.testing.assert_allclose(theirs["centre"], ours["centre"])
    coarse, fine = patients.case("patient-01").fixed_mask, finer.case("patient-01").fixed_mask
    assert coarse is not None and fine is not None
    assert fine.sum() * 4.0 == pytest.approx(coarse.sum() * 9.0, rel=0.1)


def test_unfit_tumour_parameters_are_refused(tmp_path: Path) -> None:
    faults: list[dict[str, Any]] = [{"patients": 0}, {"train": -1}, {"pushing": [0.5, 1.5]}, {"radius": [0.0, 5.0]}]
    for number, wrong in enumerate(faults):
        with pytest.raises(InputError, match="patients"):
            made("tumour_slices", tmp_path / str(number), **wrong)


def test_the_toy_is_what_the_paper_s_caption_says(tmp_path: Path) -> None:
    """The bottom and left ovals of S overlap the triangle of T, the others do not; no oval overlaps itself in the other image."""
    case = made("toy_shapes", tmp_path / "c").case("growing-triangle")
    assert case.frame.shape == (300, 300) and case.fixed_mask is not None
    assert case.moving_labels is not None and case.fixed_labels is not None
    covered = {k: float(case.fixed_mask[case.moving_labels == k].mean()) for k in (1, 2, 3, 4)}
    assert covered[1] > 0.5 and covered[2] > 0.5 and covered[3] == covered[4] == 0
    for k in (1, 2, 3, 4):
        assert not np.any((case.moving_labels == k) & (case.fixed_labels == k))
        sizes = [(labels == k).sum() for labels in (case.moving_labels, case.fixed_labels)]
        assert sizes[0] == pytest.approx(np.pi * toy_shapes.ALONG * toy_shapes.ACROSS * 300**2, rel=0.03)
        assert sizes[1] == pytest.approx(sizes[0], rel=0.03)
        assert not np.any(case.fixed_mask & (case.fixed_labels == k))
    assert case.fixed_mask.sum() == pytest.approx(0.75 * np.sqrt(3) * toy_shapes.LARGE**2 * 300**2, rel=0.01)
    places = [np.argwhere(case.moving_labels == k).mean(0) for k in (1, 2, 3, 4)]
    assert places[0][1] < 149 < places[3][1] and places[1][0] < 149 < places[2][0]  # bottom, top; left, right


def test_the_push_keeps_the_area_between() -> None:
    growth = 0.75 * np.sqrt(3) * (toy_shapes.LARGE**2 - toy_shapes.SMALL**2)
    for r in (0.1, 0.3):
        assert np.pi * (toy_shapes.push(r) ** 2 - r**2) == pytest.approx(growth)
