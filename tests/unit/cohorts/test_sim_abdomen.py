"""The abdomen simulator: its people have their organs in the right places and sizes, and the cohort its subjects and pairs."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wbir.anatomy.abdomen_comparison import Summary, summarise
from wbir.anatomy.abdomen_person import ORGANS, draw_person
from wbir.anatomy.abdomen_scan import ALIGNMENT, COMPONENTS, FIELD, Subject, make_subject, scan_frame
from wbir.cases import Cohort
from wbir.cohorts.abdomen_ct import COHORT, build, pairs
from wbir.errors import InputError

FRAME = scan_frame((96, 80, 128), FIELD)
LABEL = {name: label for label, name in ORGANS.items()}
# mL that a healthy adult's organ does not leave (general knowledge), with what warp and grid add
RANGES = {
    "spleen": (50, 550), "right kidney": (70, 380), "left kidney": (70, 380), "gall bladder": (5, 80), "oesophagus": (5, 50),
    "liver": (800, 2900), "stomach": (80, 1200), "aorta": (30, 200), "inferior vena cava": (20, 200),
    "portal and splenic vein": (8, 80), "pancreas": (25, 180), "right adrenal gland": (1.2, 13), "left adrenal gland": (1.2, 13),
}  # fmt: skip


def subject(name: str, seed: int = 0, shape: tuple[int, ...] = FRAME.shape) -> Subject:
    return make_subject(seed, name, scan_frame(shape, FIELD), COMPONENTS, ALIGNMENT, noise=12.0)


@pytest.fixture(scope="module")
def people() -> list[Subject]:
    return [subject(f"test-{number:02d}") for number in (1, 2, 3)]


@pytest.fixture(scope="module")
def summary(people: list[Subject]) -> Summary:
    return summarise([person.labels for person in people], FRAME)


def test_the_grid_covers_the_field_about_the_origin_to_right_front_and_up() -> None:
    for shape in ((192, 160, 256), (144, 112, 144), (48, 40, 48)):
        frame = scan_frame(shape, FIELD)
        assert np.allclose(np.array(frame.spacing) * shape, FIELD)
        corners = frame.to_world(np.array([[-0.5] * 3, np.array(shape) - 0.5]))
        assert np.allclose(corners, [-np.array(FIELD) / 2, np.array(FIELD) / 2])
    assert scan_frame((192, 160, 256), FIELD).spacing == (2.0, 2.0, 2.0)


def test_everybody_has_13_organs_of_a_healthy_size(people: list[Subject], summary: Summary) -> None:
    assert list(ORGANS) == list(range(1, 14)) == sorted(LABEL[name] for name in RANGES)
    for person in people:
        assert person.labels.dtype == person.image.dtype == np.int16
        assert np.array_equal(np.unique(person.labels), np.arange(14))
    for name, (low, high) in RANGES.items():
        volumes = summary.volumes[:, LABEL[name] - 1]
        assert low < volumes.min() and volumes.max() < high, name


def test_organs_lie_where_they_belong(summary: Summary) -> None:
    """World x runs to the person's right, y forwards, z up."""
    centre = {name: summary.centres[:, label - 1] for name, label in LABEL.items()}
    right, front, up = ({name: places[:, axis] for name, places in centre.items()} for axis in range(3))
    for name in ("liver", "gall bladder", "right kidney", "right adrenal gland", "inferior vena cava"):
        assert np.all(right[name] > right["aorta"]), name
    for name in ("spleen", "stomach", "left kidney", "left adrenal gland"):
        assert np.all(right[name] < right["aorta"]), name
    assert np.all(right["liver"] > 25) and np.all(right["spleen"] < -60)
    assert np.all(right["aorta"] < right["inferior vena cava"] - 10)
    for side in ("right", "left"):
        assert np.all(up[f"{side} adrenal gland"] > up[f"{side} kidney"] + 15)
    assert np.all(up["gall bladder"] < up["liver"] - 20) and np.all(front["gall bladder"] > front["right kidney"] + 25)
    assert np.all(up["oesophagus"] > up["stomach"] + 30)
    assert np.all(front["pancreas"] > front["aorta"] + 10) and np.all(front["stomach"] > front["spleen"])
    assert np.mean(up["right kidney"]) < np.mean(up["left kidney"])


def test_vessels_are_tubes_and_solid_organs_one_piece(people: list[Subject]) -> None:
    from scipy.ndimage import label

    for person in people:
        for name in ("liver", "spleen", "stomach", "aorta", "right kidney", "left kidney", "pancreas"):
            mask = person.labels == LABEL[name]
            pieces, _ = label(mask, np.ones((3, 3, 3)))
            assert np.bincount(pieces[mask]).max() > 0.9 * mask.sum(), name
        for name, least in (("aorta", 150), ("inferior vena cava", 150)):
            extents = np.ptp(np.argwhere(person.labels == LABEL[name]), axis=0) * FRAME.spacing
            assert extents[2] > least and extents[2] > 3 * max(extents[:2]), name
        across = np.ptp(np.argwhere(person.labels == LABEL["portal and splenic vein"]), axis=0) * FRAME.spacing
        assert across[0] > 100  # from the spleen's hilum to the right branch


def test_hounsfield_units_are_those_of_the_portal_venous_phase(people: list[Subject]) -> None:
    for number, person in enumerate(people, start=1):
        hu = draw_person(0, f"test-{number:02d}").hu
        medians = {name: float(np.median(person.image[person.labels == label])) for name, label in LABEL.items()}
        for organ, tissue in (("liver", "liver"), ("spleen", "spleen"), ("right kidney", "kidney"), ("aorta", "aorta")):
            assert medians[organ] == pytest.approx(hu[tissue], abs=12)
        assert medians["left kidney"] > medians["aorta"] > medians["liver"] > medians["gall bladder"] - 20
        assert 60 < medians["liver"] < 150 and -30 < medians["gall bladder"] < 70
        for low, high, least in ((-1024, -990, 0.2), (-900, -780, 0.005), (-130, -80, 0.05), (250, 900, 0.005)):
            assert np.mean((person.image >= low) & (person.image <= high)) > least, (low, high)


def test_a_person_is_the_same_on_any_grid_and_under_one_seed_only(people: list[Subject], summary: Summary) -> None:
    again = subject("test-01")
    assert np.array_equal(again.image, people[0].image) and np.array_equal(again.labels, people[0].labels)
    coarse = subject("test-01", shape=(48, 40, 48))
    other = summarise([coarse.labels], scan_frame((48, 40, 48), FIELD))
    for name in ("liver", "spleen", "right kidney", "stomach"):
        n = LABEL[name] - 1
        assert other.volumes[0, n] == pytest.approx(summary.volumes[0, n], rel=0.08)
        assert other.centres[0, n] == pytest.approx(summary.centres[0, n], abs=2.5)
    assert np.all(np.isfinite(other.volumes))
    assert draw_person(1, "test-01").volumes != draw_person(0, "test-01").volumes != draw_person(0, "test-02").volumes


def tiny(folder: Path, seed: int = 5, **changes: Any) -> Cohort:
    parameters: dict[str, Any] = {**COHORT["parameters"], **COHORT["tiny"], **changes}  # type: ignore[dict-item]
    build(folder, source="simulated", data=None, seed=seed, **parameters)
    return Cohort.open(folder)


def test_an_added_subject_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    few = tiny(tmp_path / "few")
    more = tiny(tmp_path / "more", subjects={"train": 2, "test": 3}, train_pairs=1, test_pairs=3)
    assert few.label_names() == ORGANS
    assert [case.id for case in more] == ["train-01-02", "test-01-02", "test-01-03", "test-02-03"]
    one, same = few.case("test-01-02"), more.case("test-01-02")
    assert np.array_equal(one.fixed, same.fixed) and np.array_equal(one.moving, same.moving)
    assert np.array_equal(one.fixed_labels, same.fixed_labels) and one.truth is None
    assert one.attributes == {"split": "test", "fixed_subject": "test-01", "moving_subject": "test-02"}
    assert np.array_equal(same.moving, more.case("test-02-03").fixed)
    seen: dict[str, set[str]] = {"train": set(), "test": set()}
    for case in more:
        seen[case.attributes["split"]] |= {case.attributes["fixed_subject"], case.attributes["moving_subject"]}
    assert not seen["train"] & seen["test"]


def test_pairs_are_unordered_once_each_and_shared_out_evenly() -> None:
    assert pairs(10, 45) == list(combinations(range(1, 11), 2))
    some = pairs(20, 40)
    assert len(set(some)) == 40 and all(low < high for low, high in some)
    assert np.all(np.bincount(np.array(some).ravel(), minlength=21)[1:] == 4)
    assert pairs(3, 3) == [(1, 2), (1, 3), (2, 3)] and pairs(2, 1) == [(1, 2)] and pairs(0, 0) == pairs(1, 0) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"test_pairs": 2}, {"subjects": {"train": 0, "validation": 2}}, {"shape": [16, 16]}, {"field": [384.0, 0.0, 512.0]},
        {"noise": -1.0}, {"alignment": [1.0, 1.0]}, {"train_pairs": -1},
    ],
)  # fmt: skip
def test_unfit_parameters_are_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError):
        tiny(tmp_path / "c", **wrong)
