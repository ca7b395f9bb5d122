"""The benchmarks in their smallest form, without other libraries; what a taker may do wrong; the page."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wbir.__main__ import main
from wbir.benchmarks.base import Benchmark, Run, discover
from wbir.benchmarks.page import write_page
from wbir.benchmarks.running import run_benchmarks
from wbir.files import read_rows

TINY = (24, 24, 24)


def test_our_forms_of_every_kernel_agree(tmp_path: Path) -> None:
    out, page = tmp_path / "bench", tmp_path / "speed.md"
    arguments = ["--sizes", "32", "--repeats", "1", "--no-peers", "--out", str(out), "--docs", str(page)]
    assert main(["bench", *arguments]) == 0
    rows = read_rows(out / "kernels.csv")
    assert {row["kernel"] for row in rows} == {benchmark.kernel for benchmark in discover()}
    for row in rows:
        known = {name for benchmark in discover() for name in benchmark.differs}
        assert row["status"] == "ok" and (row["agreement"] == "equal" or row["taker"] in known), row
        assert float(row["median_ms"]) > 0
        assert float(row["peak_mb"]) >= 0 or math.isnan(float(row["peak_mb"]))
    assert json.loads((out / "machine.json").read_text())["threads"] >= 1
    text = page.read_text()
    assert "Nowhere in this run" in text
    assert text.count("not measured") == sum(len(benchmark.aims) for benchmark in discover()) > 0
    assert all(benchmark.kernel[1:] in text for benchmark in discover())


def made(run: Run) -> Any:
    return lambda given: run


def missing(given: Any) -> Run:
    import no_such_library  # type: ignore[import-not-found]

    return no_such_library.run


def broken() -> Any:
    raise RuntimeError("out of luck\nand more")


def test_a_taker_that_is_missing_fails_or_errs_is_named_and_does_not_stop_the_others(tmp_path: Path) -> None:
    numbers = np.arange(1.0, 5.0)
    benchmark = Benchmark(
        kernel="doubling",
        setup=lambda size: None,
        ours={"plain": made(lambda: 2 * numbers)},
        peers={
            "right": made(lambda: numbers + numbers),
            "wrong": made(lambda: 2.01 * numbers),
            "another": made(lambda: 3 * numbers),
            "missing": missing,
            "broken": made(broken),
        },
        differs={"another": "trebles"},
    )
    lines: list[str] = []
    rows = {row.taker: row for row in run_benchmarks([benchmark], [TINY], tmp_path, repeats=3, report=lines.append)}
    assert rows["right"].agreement == "equal" and rows["right"].rounds == 3 and rows["right"].ratio > 0
    assert rows["wrong"].agreement == "UNEXPLAINED difference" and rows["wrong"].difference == pytest.approx(0.005)
    assert rows["another"].agreement == "other definition: trebles"
    assert rows["missing"].status == "not installed: no_such_library"
    assert rows["broken"].status == "failed: RuntimeError: out of luck"
    assert len(lines) == 1 and "doubling" in lines[0]
    (tmp_path / "machine.json").write_text(
        json.dumps(
            {
                "processor": "x",
                "cores": 1,
                "threads": 1,
                "load_average": [0, 0, 0],
                "load_average_after": [0, 0, 0],
                "python": "3",
                "versions": {},
            }
        )
    )
    write_page(tmp_path, tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert "| not installed | failed |" in page
    assert "wrong, doubling, 24×24×24: UNEXPLAINED difference" in page


@pytest.mark.parametrize(
    "arguments", [["--sizes", "7"], ["--sizes", "32x32"], ["--only", "baking"], ["--repeats", "0"]]
)
def test_bad_options_are_one_line(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--out", str(tmp_path / "none"), *arguments]) == 2
    assert "expected" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
