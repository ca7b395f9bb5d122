"""Collecting: the one long table of a paper, its cases, and the controls' judgement of every method."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wbir.errors import InputError
from wbir.files import read_rows, write_rows
from wbir.papers import Paper, Unit, parse_measure
from wbir.records import COLUMNS

QC_COLUMNS = ("experiment", "method", "metric", "mean", "identity", "oracle", "flag")
CONTROLS = ("identity", "oracle")


def collect(paper: Paper, results: Path) -> None:
    """Write measurements.csv, timings.csv, cases.csv and qc.csv of a paper below `results/<paper>/`.

    results: `results/<scale>`, where the units of the paper and their cohorts stand. Raises InputError where a unit is missing.
    """
    out = results / paper.slug
    tables: dict[str, list[dict[str, Any]]] = {"measurements": [], "timings": []}
    for unit in paper.units():
        for name, rows in tables.items():
            rows += read_rows(results / unit.id / f"{name}.csv")
        tables["timings"].append(_memory(unit, results))
        for reading in _fit_readings(unit, results):
            tables["timings" if reading.pop("speed") else "measurements"].append(reading)
    tables["timings"] += [
        row for experiment in paper.experiments() for row in _cohort_times(paper, experiment, results)
    ]
    for name, rows in tables.items():
        write_rows(out / f"{name}.csv", rows, COLUMNS)
    _write_cases(paper, results, out)
    write_rows(out / "qc.csv", judge_by_controls(paper, tables["measurements"]), QC_COLUMNS)


def _memory(unit: Unit, results: Path) -> dict[str, str]:
    """The peak memory of a unit's whole run as a row of its timings: as a time, it differs from run to run."""
    peak = json.loads((results / unit.id / "manifest.json").read_text(encoding="utf-8"))["peak_memory_mb"]
    named = {"paper": unit.paper, "experiment": unit.experiment, "case": "", "method": unit.method}
    measured = {"metric": "peak_memory", "label": "", "value": f"{peak:.10g}", "unit": "MB", "status": "ok"}
    return named | {"seed": str(unit.seed)} | measured


def _fit_readings(unit: Unit, results: Path) -> list[dict[str, Any]]:
    """What the training of a learned method tells of itself, as rows of no case; `speed` marks those of the timings."""
    path = results / unit.id / "fit.json"
    if unit.spec["kind"] != "learned" or not path.is_file():
        return []
    named = {"paper": unit.paper, "experiment": unit.experiment, "case": "", "method": unit.method}
    named |= {"seed": str(unit.seed), "status": "ok"}
    readings = json.loads(path.read_text(encoding="utf-8")).get("readings", [])
    return [named | r | {"value": f"{r['value']:.10g}"} for r in readings]


def _cohort_times(paper: Paper, experiment: str, results: Path) -> list[dict[str, Any]]:
    """How long the making of an experiment's test cases took (a registration before it), as rows of no method.

    Where several cohorts of a chain note a time of one name for a case, it is their sum.
    """
    plan = paper.cohort(paper.spec["experiments"][experiment]["cohort"])
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for part in plan.chain():
        folder = results / "cohorts" / part.id
        if (folder / "timings.csv").is_file():
            tested = {row["case"] for row in read_rows(folder / "manifest.csv") if row["split"] == "test"}
            found = [row for row in read_rows(folder / "timings.csv") if row["case"] in tested]
            named = {
                "paper": paper.slug,
                "experiment": experiment,
                "method": "",
                "seed": "0",
                "label": "",
                "status": "ok",
            }
            for row in found:
                before = float(rows.get((row["case"], row["metric"]), {"value": 0.0})["value"])
                total = {"value": f"{before + float(row['value']):.6g}"}
                rows[row["case"], row["metric"]] = named | row | total
    return list(rows.values())


def _write_cases(paper: Paper, results: Path, out: Path) -> None:
    """The attributes of every case of every experiment, in one long table."""
    rows = []
    for experiment in paper.experiments():
        plan = paper.cohort(paper.spec["experiments"][experiment]["cohort"])
        for row in read_rows(results / "cohorts" / plan.id / "manifest.csv"):
            attributes = {k: v for k, v in row.items() if k != "case" and not v.startswith(f"{row['case']}/")}
            rows += [
                {"experiment": experiment, "case": row["case"], "attribute": k, "value": v}
                for k, v in attributes.items()
                if v
            ]
    write_rows(out / "cases.csv", rows, ("experiment", "case", "attribute", "value"))


def judge_by_controls(paper: Paper, measurements: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Set every method's mean beside identity's and oracle's; flag what is worse than the one or better than the other.

    Judged by the experiment's `quality` metric over its label "" (the case as a whole), on the cases that both have.
    """
    from wbir.measures.base import discover

    rows = []
    for experiment in paper.experiments():
        entry = paper.spec["experiments"][experiment]
        if "quality" not in entry:
            continue
        measure = next((m for m in map(parse_measure, entry["measures"]) if m.name == entry["quality"]), None)
        if measure is None:
            raise InputError(
                f"`quality` of {experiment} among its measures", repr(entry["quality"]), "correct paper.yaml"
            )
        direction = discover()[measure.metric].direction
        values = _values(measurements, experiment, measure.name)
        for method in entry["methods"]:
            rows.append(
                {"experiment": experiment, "method": method, "metric": measure.name}
                | _compare(values, method, direction)
            )
    return rows


def _values(rows: Iterable[Mapping[str, str]], experiment: str, metric: str) -> dict[str, dict[str, float]]:
    values: dict[str, dict[str, float]] = {}
    for row in rows:
        if (row["experiment"], row["metric"], row["label"]) == (experiment, metric, "") and row["value"]:
            values.setdefault(row["method"], {})[f"{row['case']} {row['seed']}"] = float(row["value"])
    return values


def _compare(values: Mapping[str, Mapping[str, float]], method: str, direction: str) -> dict[str, Any]:
    mine = values.get(method, {})
    if not mine:
        return {"flag": "no measurement"}
    cells: dict[str, Any] = {"mean": f"{sum(mine.values()) / len(mine):.10g}"}
    flags = []
    for control, sign in zip(CONTROLS, (-1, 1), strict=True):
        common = sorted(set(mine) & set(values.get(control, {})))
        if not common or method == control:
            continue
        theirs = sum(values[control][c] for c in common) / len(common)
        cells[control] = f"{theirs:.10g}"
        gain = (sum(mine[c] for c in common) / len(common) - theirs) * (1 if direction == "higher" else -1)
        if direction != "none" and sign * gain > 1e-9:
            flags.append(f"worse than {control}" if sign < 0 else f"better than {control}")
    return cells | {"flag": "; ".join(flags) or "ok"}
