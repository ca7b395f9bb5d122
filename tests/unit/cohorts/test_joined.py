"""Several cohorts in one: ids, where from, folds within each, files as they were."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from wbir.cases import Case, Cohort, CohortWriter
from wbir.cohorts import joined
from wbir.discovery import describe
from wbir.errors import InputError
from wbir.geometry.frames import Frame

DEFAULTS = describe("cohorts", "joined")["parameters"]


def base(
    folder: Path, numbers: list[int], *, shape: tuple[int, ...] = (4, 5, 6), per_subject: int = 1, name: str = "lung"
) -> Path:
    writer = CohortWriter(folder, {"title": folder.name}, {1: name})
    for place, number in enumerate(numbers):
        image = np.full(shape, number, np.float32)
        marks = {"split": "train", "subject": f"s{place // per_subject}"}
        writer.add(
            Case(
                f"pair-{number:02d}", Frame.of(shape), image, image + 1, (image > 0).astype(np.int16), attributes=marks
            )
        )
    writer.close()
    return folder


def build(folder: Path, data: list[Path], **parameters: object) -> Cohort:
    joined.build(folder, source="derived", data=data, seed=0, **DEFAULTS | parameters)
    return Cohort.open(folder)


def test_named_cases_of_centres_with_folds_that_have_their_share(tmp_path: Path) -> None:
    """Paper 10: of EMPIRE10 eight pairs by number; each fold has some of each centre."""
    numbers = [1, 7, 8, 14, 18, 20, 21, 28]
    data = [base(tmp_path / "10-paper.empire", list(range(1, 31))), base(tmp_path / "copd", list(range(1, 11)))]
    cohort = build(tmp_path / "out", data, cases=[[f"pair-{n:02d}" for n in numbers], None], folds=5)
    assert [row["case"] for row in cohort.rows[:8]] == [f"empire-pair-{n:02d}" for n in numbers]
    assert [row["fold"] for row in cohort.rows] == [str(n % 5) for n in range(18)]
    assert {row["split"] for row in cohort.rows} == {"test"}
    assert [len(cohort.select(centre="copd", fold=str(fold))) for fold in range(5)] == [2] * 5
    case = cohort.case("empire-pair-28")
    assert np.all(case.fixed == 28) and np.all(case.moving == 29) and cohort.label_names() == {1: "lung"}
    assert os.path.samefile(tmp_path / "out/copd-pair-03/fixed.nii.gz", data[1] / "pair-03/fixed.nii.gz")


def test_a_subject_is_in_one_fold_and_without_folds_splits_stay(tmp_path: Path) -> None:
    data = [base(tmp_path / "a", [1, 2, 3, 4], per_subject=2), base(tmp_path / "b", [5, 6])]
    cohort = build(tmp_path / "folds", data, prefixes=["x", "y"], attribute="site", folds=2)
    assert [(row["case"], row["site"], row["fold"]) for row in cohort.rows] == [
        ("x-pair-01", "x", "0"), ("x-pair-02", "x", "0"), ("x-pair-03", "x", "1"), ("x-pair-04", "x", "1"),
        ("y-pair-05", "y", "0"), ("y-pair-06", "y", "1"),
    ]  # fmt: skip
    plain = build(tmp_path / "plain", data)
    assert {row["split"] for row in plain.rows} == {"train"} and "fold" not in plain.rows[0]


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    first, second = base(tmp_path / "a", [1, 2]), base(tmp_path / "b", [1])
    small, other = base(tmp_path / "c", [3], shape=(4, 5, 5)), base(tmp_path / "d", [4], name="liver")
    for data, parameters, words in (
        ([first, small], {}, "one shape"),
        ([first, other], {}, "one name for label 1"),
        ([first, second], {"prefixes": ["x", "x"]}, "x-pair-01"),
        ([first, second], {"prefixes": ["x"]}, "2 prefixes"),
        ([first, second], {"prefixes": ["x/y", "z"]}, "case id"),
        ([first, second], {"cases": [["pair-09"], None]}, "pair-09"),
        ([first, second], {"attribute": "split"}, "attribute"),
        ([first, second], {"folds": 4}, "folds"),
    ):
        with pytest.raises(InputError, match=words):
            build(tmp_path / "no", data, **parameters)  # type: ignore[arg-type]
    assert len(build(tmp_path / "out", [first, small], any_shape=True)) == 3
