"""A taste of a run: made-up cases of the right size, steady seconds of a step, and what `wbir plan` reads of them."""

from __future__ import annotations

from pathlib import Path

from wbir.cases import Cohort
from wbir.papers import load_paper
from wbir.planning.measured import Earlier
from wbir.trying import make_up, shortened, size_of, steady


def test_sizes_are_those_of_the_declaration() -> None:
    sizes = {("11-transmorph-tvf", "brains"): (176, 208, 176), ("02-weighted-metamorphosis", "tumours"): (240, 240)}
    sizes |= {("26-bounding-box", "abdomen"): (144, 112, 144), ("24-pediatric", "RR-20"): (114, 114, 94)}
    assert {key: size_of(load_paper(key[0], "paper").cohort(key[1])) for key in sizes} == sizes
    assert size_of(load_paper("17-csngf", "paper").cohort("cubes")) is None


def test_made_up_cases_are_for_every_split_and_fold_and_count_for_nothing_else(tmp_path: Path) -> None:
    paper = load_paper("24-pediatric", "demo")
    plan = paper.cohort("RR-20")
    make_up(plan, tmp_path / "demo" / "cohorts")
    cohort = Cohort.open(tmp_path / "demo" / "cohorts" / plan.id)
    fold = cohort.fold("0")
    assert [len(part) for part in fold] == [4, 1, 1] and [len(part) for part in cohort.fold()] == [4, 1, 1]
    case = next(iter(fold.test))
    assert case.frame.shape == tuple(plan.parameters["shape"]) and case.fixed_labels is not None
    assert case.fixed_labels.max() == 13 and (case.moving[2:] == case.fixed[:-2]).all()
    earlier = Earlier([tmp_path])
    assert earlier.cases(plan) != len(cohort)


def test_steady_seconds_leave_start_up_out() -> None:
    def record(steps: float, seconds: float) -> dict:  # type: ignore[type-arg]
        names = {"training_steps": steps, "train_seconds": seconds}
        return {"readings": [{"metric": name, "label": "", "value": value} for name, value in names.items()]}

    found = steady(record(30, 5.0 + 30 * 0.2), record(10, 5.0 + 10 * 0.2))
    assert {r["metric"]: round(r["value"], 9) for r in found["readings"]} == {
        "training_steps": 30,
        "train_seconds": 6.0,
    }


def test_only_the_training_is_shortened() -> None:
    unit = load_paper("26-bounding-box", "demo").unit("abdomen", "weakly", 0)
    short = shortened(unit, 7)
    assert short.parameters["training"] == {**unit.parameters["training"], "iterations": 7}
    assert {k: v for k, v in short.parameters.items() if k != "training"} == {
        k: v for k, v in unit.parameters.items() if k != "training"
    }
