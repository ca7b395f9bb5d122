"""Running a unit: it goes on where a kill stopped it, with the same bytes, and leaves nothing behind."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wbir import predicting, records
from wbir.cases import Case, CohortWriter, Prediction, Reading
from wbir.files import read_rows
from wbir.geometry.frames import Frame
from wbir.papers import CohortPlan, Measure, Unit

PLAN = CohortPlan(
    id="pairs", builder="letters", source="simulated", own_data=False, seed=0, data={}, parameters={}, names=("pairs",)
)
UNIT = Unit(
    paper="99-made-up",
    experiment="main",
    method="shift",
    seed=0,
    use="identity",
    parameters={},
    measures=(Measure("mse", "forward", "mse"), Measure("min_jacobian", "inverse", "inverse_min_jacobian")),
    gallery=1,
    cohort=PLAN,
)


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    writer = CohortWriter(tmp_path / "pairs", {"title": "pairs"})
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        fixed, moving = rng.random((2, 12, 12)).astype(np.float32)
        writer.add(Case(name, Frame.of((12, 12)), fixed, moving))
    writer.close()
    return writer.folder


def shift(case: Case) -> Prediction:
    displacement = np.zeros((2, *case.frame.shape), dtype=np.float32)
    displacement[0] = 0.5
    return Prediction(
        displacement=displacement, readings=[Reading("own", 1.5, "mm"), Reading("clock", 1.0, "s", speed=True)]
    )


def run(  # type: ignore[no-untyped-def]
    cohort: Path, out: Path, predict, monkeypatch: pytest.MonkeyPatch, unit: Unit = UNIT
) -> None:
    monkeypatch.setattr(predicting, "_predictor", lambda *arguments: predict)
    predicting.run_unit(unit, cohort, out, device="cpu")


def test_a_killed_run_goes_on_with_the_same_bytes(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = tmp_path / "whole" / "0", tmp_path / "killed" / "0"
    run(cohort, whole, shift, monkeypatch)
    seen: list[str] = []

    def dies_in_b(case: Case) -> Prediction:
        seen.append(case.id)
        if case.id == "b":
            raise SystemExit(137)
        return shift(case)

    with pytest.raises(SystemExit):
        run(cohort, killed, dies_in_b, monkeypatch)
    assert not (killed / "measurements.csv").exists()
    run(cohort, killed, lambda case: seen.append(case.id) or shift(case), monkeypatch)
    assert seen == ["a", "b", "b", "c"]
    assert (killed / "measurements.csv").read_bytes() == (whole / "measurements.csv").read_bytes()
    assert (killed / "gallery/a.npz").read_bytes() == (whole / "gallery/a.npz").read_bytes()
    assert [path.name for path in killed.parent.iterdir()] == ["0"]


def test_times_stand_apart_and_failures_are_rows(cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nan_in_c(case: Case) -> Prediction:
        return (
            shift(case) if case.id != "c" else Prediction(displacement=np.full((2, 12, 12), np.nan, dtype=np.float32))
        )

    out = tmp_path / "out" / "0"
    run(cohort, out, nan_in_c, monkeypatch)
    lines = (out / "measurements.csv").read_text().splitlines()
    assert "clock" not in "".join(lines) and sum(",own," in line for line in lines) == 2
    assert sum("failed: InputError" in line for line in lines) == 2  # one row for each metric of case c
    assert "clock" in (out / "timings.csv").read_text()
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["cases"] == 3 and len(manifest["failed"]) == 1 and manifest["libraries"]["numpy"] == np.__version__


def test_a_kill_at_the_very_end_loses_no_gallery(cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Snakemake removes an incomplete unit's outputs; what was kept must be able to make them again."""
    whole, killed = tmp_path / "whole" / "0", tmp_path / "killed" / "0"
    run(cohort, whole, shift, monkeypatch)

    def dies(*arguments: object, **options: object) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(records, "write_json", dies)  # manifest.json comes last
        run(cohort, killed, shift, patch)
    shutil.rmtree(killed)
    run(cohort, killed, shift, monkeypatch)
    assert (killed / "gallery/a.npz").read_bytes() == (whole / "gallery/a.npz").read_bytes()


def test_the_start_of_a_refinement_is_measured_beside_its_end(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refined(case: Case) -> Prediction:
        found = shift(case)
        start = np.broadcast_to(np.array([-1.0, 2.0])[:, None, None], found.displacement.shape).astype(np.float32)
        return Prediction(displacement=found.displacement, arrays={"start": start})

    measures = (Measure("mean_displacement", of, f"{of}_moved") for of in ("forward", "start"))
    unit = replace(UNIT, measures=tuple(measures))
    run(cohort, tmp_path / "0", refined, monkeypatch, unit)
    rows = read_rows(tmp_path / "0/measurements.csv")
    assert {(r["metric"], round(float(r["value"]), 6)) for r in rows} == {
        ("forward_moved", 0.5),
        ("start_moved", 2.236068),
    }
    with monkeypatch.context() as patch:
        run(cohort, tmp_path / "1", shift, patch, unit)
    assert {r["metric"] for r in read_rows(tmp_path / "1/measurements.csv")} == {"forward_moved", "own"}


def test_what_a_case_cannot_feed_is_a_row_that_says_so(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real data have no truth, and some no labels: the other metrics of the case are measured all the same."""
    unit = replace(UNIT, measures=(Measure("mse", "forward", "mse"), Measure("end_point_error", "forward", "error")))
    run(cohort, tmp_path / "0", shift, monkeypatch, unit)
    rows = {row["metric"]: row for row in read_rows(tmp_path / "0" / "measurements.csv") if row["case"] == "a"}
    assert rows["mse"]["status"] == "ok" and float(rows["mse"]["value"]) > 0
    assert rows["error"]["status"] == "not measured: the case has no truth or truth_matrix"
    assert rows["error"]["value"] == ""


def test_a_method_that_needs_what_a_case_lacks_has_no_answer_and_has_not_failed(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(cohort, tmp_path / "0", lambda case: pytest.fail("asked"), monkeypatch, replace(UNIT, use="oracle"))
    rows = read_rows(tmp_path / "0" / "measurements.csv")
    assert {row["status"] for row in rows} == {"not measured: the case has no truth or truth_matrix"}
    assert json.loads((tmp_path / "0" / "manifest.json").read_text())["failed"] == []
