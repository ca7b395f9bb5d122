"""Checks and verdicts on small tables whose outcome is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wbir.checks import run_check
from wbir.claims import judge
from wbir.collecting import judge_by_controls
from wbir.errors import InputError
from wbir.files import write_rows
from wbir.papers import Paper
from wbir.records import COLUMNS
from wbir.results import PaperResults
from wbir.tables import build_table, to_html, to_latex, to_markdown, to_rows

SPEC = {
    "methods": {"a": {"use": "identity"}, "b": {"use": "identity"}, "c": {"use": "identity"}},
    "experiments": {
        "main": {"cohort": "letters", "methods": ["a", "b", "c", "identity"], "measures": ["dice"], "quality": "dice"}
    },
    "tables": {
        "t": {
            "title": "T",
            "place": "Table 1",
            "rows": {"by": "method", "items": ["a", "b"]},
            "columns": {"by": "group", "items": ["x", "y"]},
            "cells": {"experiment": "main", "metric": "dice", "statistic": "success", "below": 0.55},
        }
    },
}
VALUES = {
    "a": [0.9, 0.8, 0.7, 0.9, 0.8, 0.7],
    "b": [0.5, 0.6, 0.5, 0.6, 0.5, 0.6],
    "c": [0.9, 0.8, 0.7, 0.9, 0.8, 0.7],
    "identity": [0.55] * 6,
}


@pytest.fixture
def results(tmp_path: Path) -> PaperResults:
    base = {"paper": "99-p", "experiment": "main", "seed": 0, "unit": "1", "status": "ok", "label": ""}
    rows = [
        base | {"case": f"k{n}", "method": method, "metric": "dice", "value": value}
        for method, values in VALUES.items()
        for n, value in enumerate(values)
    ]
    rows += [base | {"case": "k0", "method": "a", "metric": "falling", "label": i, "value": 8 - i} for i in range(4)]
    rows += [base | {"case": "k0", "method": "a", "metric": "jaccard", "value": 0.9 / 1.1}]
    rows += [base | {"case": "k9", "method": "b", "metric": "dice", "value": "", "status": "failed: X"}]
    folder = tmp_path / "99-p"
    write_rows(folder / "measurements.csv", rows, COLUMNS)
    write_rows(folder / "timings.csv", [], COLUMNS)
    groups = [{"experiment": "main", "case": f"k{n}", "attribute": "group", "value": "xy"[n % 2]} for n in range(6)]
    groups.append({"experiment": "main", "case": "k9", "attribute": "group", "value": "x"})
    write_rows(folder / "cases.csv", groups, ("experiment", "case", "attribute", "value"))
    return PaperResults(Paper("99-p", "demo", SPEC, {}, {}), tmp_path)


def verdicts(results: PaperResults, **check: object) -> list[str]:
    full = {"experiment": "main", "metric": "dice", **check}
    return [outcome.verdict for outcome in run_check(results, full, speed=False)]


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ({"kind": "order", "better": "a", "than": ["b"]}, ["holds"]),
        ({"kind": "order", "better": "b", "than": ["a"]}, ["contradicted"]),
        ({"kind": "order", "better": "a", "than": ["b", "identity"], "where": {"group": "x"}}, ["direction only"] * 2),
        ({"kind": "order", "better": "a", "than": ["c"]}, ["contradicted"]),
        ({"kind": "order", "better": "a", "than": ["c"], "ties": True}, ["holds"]),
        ({"kind": "order", "better": "a", "than": ["c"], "within": 0.01}, ["holds"]),
        ({"kind": "order", "better": "a", "than": ["b"], "within": 0.01}, ["contradicted"]),
        ({"kind": "order", "better": "a", "than": ["b"], "test": "t"}, ["holds"]),
        ({"kind": "order", "better": "a", "than": ["b"], "test": "t", "p_below": 1e-4}, ["direction only"]),
        ({"kind": "order", "better": "a", "than": ["b"], "significant": False}, ["contradicted"]),
        ({"kind": "order", "better": "b", "than": ["a"], "significant": False}, ["holds"]),
        (
            {"kind": "order", "better": "b", "than": ["a"], "significant": False, "where": {"group": "x"}},
            ["direction only"],
        ),
        ({"kind": "order", "better": "a", "than": ["nobody"]}, ["not run"]),
        ({"kind": "bound", "method": "a", "above": 0.69}, ["holds"]),
        ({"kind": "bound", "method": "a", "above": 0.75}, ["contradicted"]),
        ({"kind": "bound", "method": "a", "above": 0.79, "statistic": "mean"}, ["direction only"]),
        ({"kind": "bound", "method": "a", "above": 0.7, "statistic": "mean"}, ["holds"]),
        ({"kind": "bound", "method": "a", "above": 0.79, "statistic": "median"}, ["direction only"]),
        ({"kind": "bound", "method": "identity", "below": 0.56, "statistic": "median"}, ["holds"]),
        ({"kind": "bound", "method": "a", "above": 0.69, "every": "group"}, ["holds", "holds"]),
        ({"kind": "bound", "method": "a", "relative_to": {"method": "c"}, "above": 0.999}, ["holds"]),
        (
            {"kind": "bound", "method": "b", "success_below": 0.55, "statistic": "mean", "above": 0.4},
            ["direction only"],
        ),
        ({"kind": "trend", "method": "a", "metric": "falling", "along": "label", "direction": "decreasing"}, ["holds"]),
        (
            {"kind": "trend", "method": "a", "metric": "falling", "along": "label", "direction": "increasing"},
            ["contradicted"],
        ),
        (
            {
                "kind": "relation",
                "formula": "dice_of_jaccard",
                "method": "a",
                "x": "jaccard",
                "y": "dice",
                "tolerance": 1e-9,
            },
            ["holds"],
        ),
    ],
)
def test_verdicts(results: PaperResults, check: dict, expected: list[str]) -> None:
    assert verdicts(results, **check) == expected


def test_a_claim_is_as_good_as_its_worst_check(results: PaperResults) -> None:
    good = {"kind": "bound", "experiment": "main", "metric": "dice", "method": "a", "above": 0.0}
    bad = good | {"above": 0.99}
    assert judge(results, {"checks": [good]})[0] == "holds"
    assert judge(results, {"checks": [good, bad]})[0] == "contradicted"
    assert judge(results, {"not_evaluated": "not stated"})[0] == "not stated"


def test_an_order_of_a_metric_without_direction_must_say_it(results: PaperResults) -> None:
    with pytest.raises(InputError, match="direction"):
        verdicts(results, kind="order", metric="falling", better="a", than=["b"])


def test_success_counts_failures_as_failures(results: PaperResults) -> None:
    table = build_table(results, "t")
    cells = {(row["row"], row["column"]): row for row in to_rows(table)}
    # Group x of b: 0.5, 0.5, 0.5 succeed, the failed case does not; group y: 0.6 throughout.
    assert (cells["b", "x"]["computed"], cells["b", "x"]["n"], cells["b", "x"]["failed"]) == ("0.75", 3, 1)
    assert cells["b", "y"]["computed"] == "0"
    assert "0.750" in to_markdown(table) and r"\begin{tabular}" in to_latex(table)


def test_a_table_of_ours_alone_has_no_printed_columns(results: PaperResults) -> None:
    table = build_table(results, "t")
    cells = {key: replace(cell, printed="", printed_spread="") for key, cell in table.cells.items()}
    alone = replace(table, cells=cells)
    beside = replace(table, cells={**cells, ("b", "x"): replace(cells["b", "x"], printed="0.8")})
    for render in (to_markdown, to_latex, to_html):
        assert "printed" in render(beside) and "printed" not in render(alone)
    for shown, columns in ((alone, len(table.columns)), (beside, 2 * len(table.columns))):
        bars = {line.count("|") for line in to_markdown(shown).splitlines() if line.startswith("|")}
        marks = {
            line.count("&") for line in to_latex(shown).splitlines() if " & " in line and "multicolumn" not in line
        }
        assert bars == {columns + 2} and marks == {columns}


def test_controls_flag_what_is_worse_than_identity(results: PaperResults) -> None:
    rows = results.measurements.astype(str).replace("nan", "").to_dict("records")
    flags = {row["method"]: row["flag"] for row in judge_by_controls(results.paper, rows)}
    assert flags["a"] == flags["c"] == flags["identity"] == "ok"
    # b's mean over the cases that both have: 0.55, the same as identity's.
    assert flags["b"] == "ok"
    worse = [row | {"value": "0.1"} if row["method"] == "b" and row["value"] else row for row in rows]
    flags = {row["method"]: row["flag"] for row in judge_by_controls(results.paper, worse)}
    assert flags["b"] == "worse than identity"
