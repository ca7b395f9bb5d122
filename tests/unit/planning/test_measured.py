"""What earlier runs say: the same where the work is the same, scaled where it is more of it, nothing where it is other work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wbir.files import write_json, write_rows
from wbir.papers import Paper
from wbir.planning.costs import Costs, costs_of
from wbir.planning.measured import Earlier
from wbir.planning.page import Plan, expected, number, write_page
from wbir.records import COLUMNS


@pytest.fixture
def earlier(paper, tmp_path: Path) -> Path:  # type: ignore[no-untyped-def]
    """The results of a demo on a CPU: each cohort 10 s, a training 20 s of 25, each case 2 s and a job 3 s beside them."""
    results = tmp_path / "results"
    demo: Paper = paper("demo")
    manifest = {"device": "CPU (x86_64)", "peak_memory_mb": 300.0, "failed": []}
    for unit in demo.units():
        for plan in unit.cohort.chain():
            about = {"parameters": dict(plan.parameters), "source": plan.source, "cases": 15, "wall_seconds": 10.0}
            write_json(results / "demo" / "cohorts" / plan.id / "manifest.json", manifest | about)
        out = results / "demo" / unit.id
        about = {"parameters": dict(unit.parameters), "cases": 5}
        times = [{"case": str(n), "metric": "seconds", "value": 2.0 if n else 4.0} for n in range(5)]
        write_rows(out / "timings.csv", times, COLUMNS)
        write_json(out / "manifest.json", manifest | about | {"wall_seconds": 15.0})
        readings = [{"metric": "train_seconds", "label": "", "value": 20.0}]
        write_json(out / "fit.json", manifest | about | {"wall_seconds": 25.0, "readings": readings})
    return results


def planned(paper, scale: str, results: Path) -> Costs:  # type: ignore[no-untyped-def]
    return costs_of(paper(scale), Earlier([results]))


def seconds(costs: Costs, job: str) -> float:
    return costs.estimates[job].hours * 3600


def test_the_same_work_takes_what_it_took(paper, earlier: Path) -> None:  # type: ignore[no-untyped-def]
    costs = planned(paper, "demo", earlier)
    assert costs.cases == 15 and costs.known == len(costs.limited)
    assert seconds(costs, "99-made-up/main/net/0/fit") == pytest.approx(25.0)
    # the median case, five times, and what the job spent beside its cases (the first one's loading counts among them)
    assert seconds(costs, "99-made-up/main/net/0/predict") == pytest.approx(5 * 2 + 3)
    assert costs.estimates["99-made-up/main/net/0/fit"].memory_mb == 300.0


def test_more_of_the_same_is_scaled_by_its_amount(paper, earlier: Path) -> None:  # type: ignore[no-untyped-def]
    """At the paper scale: sides twice as long, twice as many cases, ten times the iterations; half of them in each shard."""
    costs = planned(paper, "paper", earlier)
    assert seconds(costs, "99-made-up/main/net/0/fit") == pytest.approx(20 * 10 * 4 + 5)
    assert seconds(costs, "99-made-up/main/net/0/predict") == pytest.approx(5 * 2 * 4 * 2 + 3)
    assert seconds(costs, "99-made-up/main/solver/0/predict/1") == pytest.approx(5 * 2 * 4 * 2 / 2 * 10 + 3)
    assert seconds(costs, "cohorts/99-made-up.base") == pytest.approx(10 * 4 * 2)
    assert not any(estimate.same for estimate in costs.estimates.values())


def test_other_work_is_not_guessed_at(paper, earlier: Path) -> None:  # type: ignore[no-untyped-def]
    costs = planned(paper, "paper", earlier)
    assert "99-made-up/main/wide/0/fit" not in costs.estimates and costs.chain_estimate() is None


def test_hours_of_a_cpu_are_no_hours_of_a_gpu(paper, earlier: Path) -> None:  # type: ignore[no-untyped-def]
    costs = planned(paper, "paper", earlier)
    assert not costs.hours(gpu=True) and "99-made-up/main/net/0/fit" in costs.hours_on_a_cpu()
    record = earlier / "demo/99-made-up/main/net/0/fit.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"device": "NVIDIA H100"}))
    assert "99-made-up/main/net/0/fit" in planned(paper, "paper", earlier).hours(gpu=True)


def test_a_limit_that_will_not_do_is_named(paper, earlier: Path) -> None:  # type: ignore[no-untyped-def]
    record = earlier / "demo/cohorts/99-made-up.base/manifest.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"wall_seconds": 600.0}))
    assert [job.id for job in planned(paper, "paper", earlier).beyond()] == ["cohorts/99-made-up.base"]


def test_a_page_sets_limits_and_expectations_side_by_side(paper, earlier: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    write_page([Plan("paper", [planned(paper, "paper", earlier)], None)], tmp_path / "scale.md")
    row = next(line for line in (tmp_path / "scale.md").read_text().splitlines() if "known" in line and "GPU h" in line)
    cells = (tmp_path / "scale.md").read_text().split(row)[1].splitlines()[2].strip("| ").split(" | ")
    named = dict(zip(row.strip("| ").split(" | "), cells, strict=True))
    assert (named["GPU h ≤"], named["GPU h"], named["GB ≤"], named["chain h ≤"]) == ("16", "–", "8", "10")
    assert named["on a CPU instead, h"].startswith("≥ ") and named["known"] == "4 of 8"


def test_words_for_numbers() -> None:
    assert expected([], 3) == "–" and expected([], 0) == "0"
    assert expected([1.0, 2.0], 2) == "≈ 3" and expected([1.0], 2) == "≥ 1"
    assert [number(value) for value in (1234.0, 0.0123, 97.2, 1e-5)] == ["1200", "0.012", "97", "0"]
    assert expected([1e-5], 1) == "< 0.01" and expected([1e-5], 2) == "≥ 0"
