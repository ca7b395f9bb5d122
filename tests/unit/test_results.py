"""Selections: laid over each other, over experiments, with times in a column of a table; times of cohorts that add up."""

from __future__ import annotations

from pathlib import Path

import matplotlib.figure
import pytest

from wbir import collecting
from wbir.figures import box_plots
from wbir.files import write_rows
from wbir.papers import Paper
from wbir.records import COLUMNS
from wbir.results import PaperResults, conjoined, selection_of
from wbir.tables import build_table

FINE, COARSE = "fine", "coarse"
SPEC = {
    "methods": {"net": {"use": "identity"}},
    "experiments": {
        f"{way}-{grid}": {"cohort": "letters", "methods": ["net"], "measures": ["dice"]}
        for way in ("none", "rigid")
        for grid in (FINE, COARSE)
    },
    "tables": {
        "t": {
            "title": "T",
            "place": "Table 1",
            "rows": {
                "by": "selection",
                "items": {way: {"experiment": [f"{way}-fine", f"{way}-coarse"]} for way in ("none", "rigid")},
            },
            "columns": {
                "by": "selection",
                "items": {
                    "Dice, fine": {
                        "experiment": ["none-fine", "rigid-fine"],
                        "label": ["1", "2"],
                        "statistic": "mean_sd",
                    },
                    "seconds, coarse": {
                        "experiment": ["none-coarse", "rigid-coarse"],
                        "metric": "seconds",
                        "speed": True,
                    },
                    "before": {
                        "experiment": ["none-fine", "rigid-fine"],
                        "metric": "early",
                        "method": "",
                        "speed": True,
                    },
                },
            },
            "cells": {"metric": "dice", "method": "net"},
        }
    },
}


@pytest.fixture
def results(tmp_path: Path) -> PaperResults:
    rows, times = [], []
    for number, name in enumerate(SPEC["experiments"]):  # type: ignore[arg-type]
        base = {"paper": "99-p", "experiment": name, "case": "k", "method": "net", "seed": 0, "status": "ok"}
        values = {"1": 0.1 * number, "2": 0.1 * number + 0.4, "": 0.9}
        rows += [base | {"metric": "dice", "label": k, "value": v, "unit": "1"} for k, v in values.items()]
        times.append(base | {"metric": "seconds", "label": "", "value": number, "unit": "s"})
        times.append(base | {"metric": "early", "method": "", "label": "", "value": 10 + number, "unit": "s"})
    write_rows(tmp_path / "99-p/measurements.csv", rows, COLUMNS)
    write_rows(tmp_path / "99-p/timings.csv", times, COLUMNS)
    cases = [{"experiment": name, "case": "k", "attribute": "split", "value": "test"} for name in SPEC["experiments"]]
    write_rows(tmp_path / "99-p/cases.csv", cases, ("experiment", "case", "attribute", "value"))
    return PaperResults(Paper("99-p", "demo", SPEC, {}, {}), tmp_path)


def test_parts_are_laid_over_each_other() -> None:
    assert selection_of("method", "a") == {"method": "a"} and selection_of("group", "x") == {"where": {"group": "x"}}
    parts = ({"metric": "dice", "where": {"a": 1}}, {"metric": "mse"}, {"where": {"b": 2}})
    assert conjoined(*parts) == {"metric": "mse", "where": {"a": 1, "b": 2}}
    assert conjoined({"experiment": ["p", "q"]}, {"experiment": ["q", "r"]})["experiment"] == ["q"]
    assert conjoined({"experiment": ["p", "q"]}, {"experiment": "r"})["experiment"] == "r"
    assert conjoined({"experiment": "r"}, {"experiment": ["p", "q"]})["experiment"] == ["p", "q"]


def test_a_table_over_experiments_pools_labels_and_shows_times(results: PaperResults) -> None:
    cells = build_table(results, "t").cells
    # experiments 0 none-fine, 1 none-coarse, 2 rigid-fine, 3 rigid-coarse
    assert cells["none", "Dice, fine"].computed == pytest.approx(0.2)
    assert cells["rigid", "Dice, fine"].computed == pytest.approx(0.4)
    assert (cells["rigid", "Dice, fine"].n, cells["rigid", "Dice, fine"].spread) == (2, pytest.approx(0.4 / 2**0.5))
    assert [cells[way, "seconds, coarse"].computed for way in ("none", "rigid")] == [1, 3]
    assert [cells[way, "before"].computed for way in ("none", "rigid")] == [10, 12]


def test_box_plots_take_selections(results: PaperResults) -> None:
    figure = matplotlib.figure.Figure()
    both = {
        "none": {"experiment": ["none-fine", "none-coarse"]},
        "rigid": {"experiment": ["rigid-fine", "rigid-coarse"]},
    }
    grids = {
        "fine": {"experiment": ["none-fine", "rigid-fine"]},
        "coarse": {"experiment": ["none-coarse", "rigid-coarse"]},
    }
    box_plots.draw(
        figure.subfigures(), results, select={"metric": "dice", "label": "1"}, groups={"by": "selection", "items": both},
        boxes={"by": "selection", "items": grids}, ylabel="Dice",
    )  # fmt: skip
    axes = figure.axes[0] if figure.axes else figure.subfigs[0].axes[0]
    dots = sorted(
        float(line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "o" and len(line.get_ydata())
    )
    assert dots == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["none", "rigid"]


def test_times_of_one_name_add_up_along_a_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paper = Paper("99-p", "demo", SPEC, {}, {})
    plan = paper.cohort("letters")

    class Chain:
        id = "last"

        def chain(self) -> list[object]:
            return [self, plan]

    monkeypatch.setattr(Paper, "cohort", lambda self, name: Chain())
    for name, seconds in (("last", 2.5), (plan.id, 1.0)):
        folder = tmp_path / "cohorts" / name
        rows = [{"case": "k", "metric": "early", "value": seconds, "unit": "s"}]
        if name == "last":
            rows += [
                {"case": "k", "metric": "late", "value": 7, "unit": "s"},
                {"case": "t", "metric": "late", "value": 9, "unit": "s"},
            ]
        write_rows(folder / "timings.csv", rows, ["case", "metric", "value", "unit"])
        write_rows(
            folder / "manifest.csv",
            [{"case": "k", "split": "test"}, {"case": "t", "split": "train"}],
            ["case", "split"],
        )
    found = collecting._cohort_times(paper, "none-fine", tmp_path)
    assert {(row["metric"], row["case"]): float(row["value"]) for row in found} == {
        ("early", "k"): 3.5,
        ("late", "k"): 7.0,
    }
    assert all(row["method"] == "" and row["experiment"] == "none-fine" for row in found)
