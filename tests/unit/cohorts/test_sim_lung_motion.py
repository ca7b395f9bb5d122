"""Breathing as maps: inverse, volume, sliding; trees; and density against mass conservation."""

from __future__ import annotations

import numpy as np
import pytest

from wbir.anatomy import lung_scan
from wbir.anatomy.breathing import (
    REST,
    State,
    contract,
    expand,
    forward,
    slide,
    slide_volume,
    unslide,
    volume_change,
)
from wbir.anatomy.lung_subject import Person, make_person
from wbir.anatomy.lung_tubes import draw_tubes
from wbir.anatomy.seeds import named_generator
from wbir.errors import InputError
from wbir.geometry.frames import Frame

FULL = State(1.0, 1.0)
GROUPS = ("screening", "copd")


def person(group: str, number: int = 1, breath: str = "full") -> Person:
    return make_person(lambda *names: named_generator(7, "lung", group, number, *names), group, breath)


@pytest.fixture(scope="module", params=GROUPS)
def someone(request: pytest.FixtureRequest) -> Person:
    return person(request.param)


@pytest.fixture(scope="module")
def inner(someone: Person) -> np.ndarray:
    """Standard points inside the lungs, `(3, n)`."""
    points = np.random.default_rng(0).uniform((-115, -90, -130), (115, 80, 100), (20000, 3)).T
    return points[:, someone.organs.lungs(*points) < 0]


def test_inverses_return(someone: Person, inner: np.ndarray) -> None:
    anywhere = np.random.default_rng(1).uniform(-180, 180, (3, 5000))
    for part in (0.3, 1.0, -0.1):
        there = expand(anywhere, someone.breathing, part)
        np.testing.assert_allclose(contract(there, someone.breathing, part), anywhere, atol=1e-8)
        there = slide(inner, someone.breathing, part)
        np.testing.assert_allclose(unslide(there, someone.breathing, part), inner, atol=1e-7)
        single = unslide(there.astype(np.float32), someone.breathing, part)
        assert single.dtype == np.float32 and np.abs(single - inner).max() < 1e-3


def test_volume_change_is_the_determinant_of_finite_differences(someone: Person, inner: np.ndarray) -> None:
    breathing, step = someone.breathing, 1e-4
    points = inner[:, ::10]

    def carried(p: np.ndarray) -> np.ndarray:
        return expand(slide(p, breathing, 0.8), breathing, 1.0)

    columns = [(carried(points + step * e) - carried(points - step * e)) / (2 * step) for e in np.eye(3)[:, :, None]]
    numeric = np.linalg.det(np.stack(columns, 1).transpose(2, 0, 1))
    np.testing.assert_allclose(volume_change(points, breathing, State(0.8, 1.0)), numeric, rtol=1e-6)
    assert volume_change(inner, breathing, FULL).min() > 0.3
    assert np.all(slide_volume(inner, breathing, 0.0) == 1)


def test_the_wall_encloses_what_it_enclosed(someone: Person) -> None:
    """Both sides of the wall stay on it, gliding apart along it: there is neither gap nor overlap."""
    tube, breathing = someone.organs.tube, someone.breathing
    rng = np.random.default_rng(2)
    angle, z = rng.uniform(0, 2 * np.pi, 2000), rng.uniform(-110, 70, 2000)
    across, along = (np.sign(t(angle)) * np.abs(t(angle)) ** 0.8 for t in (np.cos, np.sin))
    wall = np.stack([*tube.bend(across, along, z), z])
    glided = slide(wall, breathing, 1.0)
    np.testing.assert_allclose(tube.gauge(*glided), 1, atol=1e-9)
    jump = np.linalg.norm(glided - wall, axis=0)
    assert jump[z < -40].mean() > 10 and jump[z > 60].mean() < 0.4 * jump[z < -40].mean()
    outside = expand(wall, breathing, 1.0) - wall
    assert np.abs(outside[2]).max() < 10  # the ribs hardly move up or down


def test_breathing_is_mostly_downwards_and_most_at_the_base(someone: Person, inner: np.ndarray) -> None:
    moved = forward(inner, someone.breathing, FULL) - inner
    assert np.abs(moved[2]).mean() > 2.5 * np.abs(moved[:2]).mean()
    assert moved[2, inner[2] < -50].mean() < 2 * moved[2, inner[2] > 20].mean() < 0


@pytest.mark.parametrize("group", GROUPS)
def test_volumes_and_motion_are_those_of_people(group: str) -> None:
    people = [person(group, n) for n in range(4)]
    rest, full = ([lung_scan.lung_litres(p, state) for p in people] for state in (REST, FULL))
    assert 2.0 < np.mean(rest) < 4.0 and 3.8 < np.mean(full) < 6.0
    lengths = []
    for p in people:
        points = lung_scan.landmarks(p, 4, 300)
        lengths.append(np.linalg.norm(lung_scan.move(p, points, FULL) - points, axis=1).mean())
    assert 14 < np.mean(lengths) < 36  # DIR-Lab COPD: 23.4 mm


def test_parenchyma_keeps_its_mass(someone: Person, inner: np.ndarray) -> None:
    rest = lung_scan.parenchyma(someone, inner, REST)
    full = lung_scan.parenchyma(someone, inner, FULL)
    np.testing.assert_allclose(full * volume_change(inner, someone.breathing, FULL), rest, rtol=1e-12)
    assert 120 < rest.mean() < 320 and full.mean() < 0.85 * rest.mean()


def test_trees_fill_the_lobes_and_obey_murray(someone: Person) -> None:
    for tree in (someone.arteries, someone.veins):
        assert np.all(tree.parent < np.arange(len(tree.parent)))  # daughters come after their parents
        daughters = np.bincount(tree.parent[tree.parent >= 0], tree.ends[tree.parent >= 0], len(tree.parent))
        forks = daughters > 0
        np.testing.assert_array_equal(daughters[forks], tree.ends[forks])  # so cubes of radii add up
        away = tree.nodes[len(np.flatnonzero(tree.parent < 0)) :]
        assert (someone.organs.lungs(*away.T) < 0.5).mean() > 0.995
        assert set(np.unique(someone.organs.lobes(*away.T))) == {1, 2, 3, 4, 5}


def test_a_tube_has_its_volume_whether_thick_or_thin() -> None:
    frame = Frame.of((40, 30, 30), 1.0)
    start, end = np.array([[9.6, 14.3, 14.9]]), np.array([[29.6, 15.3, 15.4]])
    length = float(np.linalg.norm(end - start))
    for radius in (0.2, 3.0):
        drawn = draw_tubes(frame, start, end, np.array([radius]))
        caps = 4 / 3 * max(radius, 0.75) * np.pi * radius**2
        assert drawn.sum() == pytest.approx(np.pi * radius**2 * length + caps, rel=0.05)


def test_unknown_groups_are_refused() -> None:
    with pytest.raises(InputError, match="a group of"):
        person("athlete")
