"""The page of a study and its figure, from made-up measurements whose means are known."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from wbir.errors import InputError
from wbir.exhibits import STYLE, draw_figure, make_exhibits
from wbir.files import write_rows
from wbir.papers import load_paper
from wbir.records import COLUMNS
from wbir.results import PaperResults
from wbir.study_page import write_study_page

TIMES = {"bspline": 1.0, "dense": 1.5, "SyN": 8.0, "greedy": 8.2, "demons": 15.0, "Elastix": 25.0}
ERRORS = {"bspline": 0.41, "dense": 0.55, "SyN": 2.11, "greedy": 0.77, "demons": 1.73, "Elastix": 1.34}


@pytest.fixture
def results(tmp_path: Path) -> PaperResults:
    study = load_paper("comparison", "demo")
    folder, rows, times = tmp_path / study.slug, [], []
    for method in TIMES:
        named = {
            "paper": study.slug,
            "experiment": "known-warp",
            "method": method,
            "seed": 0,
            "label": "",
            "status": "ok",
        }
        for n, shift in enumerate((-0.01, 0.0, 0.01), start=1):
            case = {**named, "case": f"warp-0{n}"}
            rows.append({**case, "metric": "end_point_error", "value": ERRORS[method] + shift, "unit": "mm"})
            rows.append({**case, "metric": "min_jacobian", "value": 0.3 + shift, "unit": "1"})
            times.append({**case, "metric": "cpu_seconds", "value": TIMES[method] * (3 if n == 1 else 1), "unit": "s"})
        times.append({**named, "case": "", "metric": "peak_memory", "value": 512.4, "unit": "MB"})
        unit = {"unit": f"{study.slug}/known-warp/{method}/0", "wall_seconds": 120.0, "libraries": {"torch": "1.2.3"}}
        target = tmp_path / unit["unit"] / "manifest.json"
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps({**unit, "device": "CPU (made up)", "python": "3.11"}))
    write_rows(folder / "measurements.csv", rows, COLUMNS)
    write_rows(folder / "timings.csv", times, COLUMNS)
    cases = [
        {"experiment": "known-warp", "case": f"warp-0{n}", "attribute": "split", "value": "test"} for n in (1, 2, 3)
    ]
    write_rows(folder / "cases.csv", cases, ("experiment", "case", "attribute", "value"))
    write_rows(
        folder / "claims.csv",
        [{"says": "It works.", "where": "Table 1", "verdict": "holds"}],
        ("says", "where", "verdict"),
    )
    return PaperResults(study, tmp_path)


def test_the_page_says_what_was_measured_and_what_did_not_run(results: PaperResults, tmp_path: Path) -> None:
    make_exhibits(results)
    text = write_study_page(results, tmp_path / "docs").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| ours, SVF on a B-spline | 0.41"))
    assert "| 0.290 |" in row, "the lowest det J of all cases, not their mean"
    assert "| ours, SVF on a B-spline | 1.00 | 512 |" in text, "the median time"
    assert "SyN (CC) | –" not in text and text.count("Not run.") == 2
    assert "| It works. | Table 1 | holds |" in text and "12 minutes of one core on CPU (made up)" in text
    assert (tmp_path / "docs" / "comparison-quality-time.svg").read_bytes().startswith(b"<?xml")


def test_the_figures_names_do_not_lie_on_each_other(results: PaperResults) -> None:
    with plt.rc_context(STYLE):
        figure = draw_figure(results, results.paper.spec["figures"]["quality-time"])
        figure.canvas.draw()
        names = [t for t in figure.axes[0].texts if t.get_text()]
        boxes = [name.get_window_extent() for name in names]
    assert len(names) == len(TIMES) and figure.axes[0].get_xscale() == "log"
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    plt.close(figure)


def test_a_study_that_has_not_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="collect"):
        write_study_page(PaperResults(load_paper("comparison", "demo"), tmp_path), tmp_path / "docs")
