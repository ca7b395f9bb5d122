"""The population of brains: who is in which part, labels, the truth, bad parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wbir.cases import Cohort
from wbir.cohorts.population_brains import COHORT, REGIONS, build
from wbir.errors import InputError
from wbir.measures.base import warp

DEFAULTS = COHORT["parameters"]
SMALL = {
    "spacing": 8.0,
    "subjects": {"train": 4, "validation": 3, "test": 2},
    "ages": [18.0, 38.0],
    "regions": list(REGIONS[:5]),
}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("population")
    build(folder, source="simulated", data=None, seed=0, **{**DEFAULTS, **SMALL})
    return Cohort.open(folder)


def test_parts_are_pairs_of_other_persons(cohort: Cohort) -> None:
    assert [row["case"] for row in cohort.rows] == [
        "train-001",
        "train-002",
        "validation-001",
        "validation-002",
        "test-001",
    ]
    assert [row["split"] for row in cohort.rows] == ["train", "train", "test", "test", "test"]
    training = [getattr(cohort.case(f"train-00{n}"), side) for n in (1, 2) for side in ("fixed", "moving")]
    assert all(not np.array_equal(a, b) for i, a in enumerate(training) for b in training[:i])
    chain = cohort.case("validation-001").moving, cohort.case("validation-002").fixed
    np.testing.assert_array_equal(*chain)


def test_labels_lie_on_their_sides_and_follow_the_truth(cohort: Cohort) -> None:
    case = cohort.case("test-001")
    assert cohort.label_names() == dict(enumerate(REGIONS[:5], start=1))
    assert set(np.unique(case.fixed_labels)) == set(range(6))
    x = (
        case.frame.to_world(np.argwhere(case.fixed_labels == 1))[:, 0],
        case.frame.to_world(np.argwhere(case.fixed_labels == 2))[:, 0],
    )
    assert x[0].mean() < -10 < 10 < x[1].mean()
    before = np.abs(case.moving - case.fixed).mean()
    assert np.abs(warp(case.moving, case.truth) - case.fixed).mean() < 0.7 * before
    assert cohort.case("train-001").truth is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"subjects": {"train": 3, "validation": 2, "test": 2}},
        {"subjects": {"train": 2}},
        {"ages": [10.0, 20.0]},
        {"regions": ["thalamus"]},
    ],
)
def test_unfit_parameters_are_refused(wrong: dict, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        build(tmp_path, source="simulated", data=None, seed=0, **{**DEFAULTS, **SMALL, **wrong})
