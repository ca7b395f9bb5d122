"""A unit's cases shared out over several jobs: the files of one job, whatever became of each part on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from wbir import papers, predicting
from wbir.cases import Case, CohortWriter, Prediction
from wbir.errors import InputError
from wbir.files import read_rows
from wbir.gathering import gather_unit
from wbir.geometry.frames import Frame
from wbir.papers import CohortPlan, Measure, Unit
from wbir.records import Shard

CASES = ("a", "b", "c.1", "c", "d")
UNIT = Unit(
    paper="99-made-up",
    experiment="main",
    method="shift",
    seed=0,
    use="identity",
    parameters={},
    measures=(Measure("mse", "forward", "mse"),),
    gallery=3,
    cohort=CohortPlan("pairs", "letters", "simulated", False, 0, {}, {}, ("pairs",)),
    shards=2,
)


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    writer = CohortWriter(tmp_path / "pairs", {"title": "pairs"})
    rng = np.random.default_rng(0)
    for name in CASES:
        fixed, moving = rng.random((2, 12, 12)).astype(np.float32)
        writer.add(Case(name, Frame.of((12, 12)), fixed, moving))
    writer.close()
    return writer.folder


def shift(case: Case) -> Prediction:
    if case.id == "b":
        raise RuntimeError("no way")
    return Prediction(displacement=np.full((2, *case.frame.shape), 0.5, dtype=np.float32))


@pytest.fixture
def run(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Run the unit, or a shard of it, with `predict`; the folder that is written."""

    def run(out: Path, shard: Shard | None = None, predict: Callable[[Case], Prediction] = shift) -> Path:
        monkeypatch.setattr(predicting, "_predictor", lambda *arguments: predict)
        predicting.run_unit(UNIT, cohort, out, device="cpu", shard=shard)
        return out

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("of", [1, 2, 7])
def test_shards_make_the_files_of_one_job(of: int, run: Callable[..., Path], cohort: Path, tmp_path: Path) -> None:
    """One of the cases fails, galleries are kept of the first three, and of seven shards two are empty."""
    whole = run(tmp_path / "whole")
    out = tmp_path / "out"
    shards = [run(out / f"shards/{k}-of-{of}", Shard(k, of)) for k in range(1, of + 1)]
    gather_unit(UNIT, cohort, shards[::-1], out)
    expected = contents(whole)
    found = {name: content for name, content in contents(out).items() if not name.startswith("shards")}
    assert found.keys() == expected.keys()
    kept = {name for name in found if name.startswith("gallery/")}
    assert kept == {"gallery/a.npz", "gallery/c.1.npz"}
    assert all(found[name] == expected[name] for name in kept | {"measurements.csv"})
    assert [row["status"] for row in read_rows(out / "measurements.csv") if row["case"] == "b"] == [
        "failed: RuntimeError: no way"
    ]
    parts = [json.loads((shard / "manifest.json").read_text()) for shard in shards]
    one, several = (json.loads(content["manifest.json"]) for content in (expected, found))
    assert several.pop("jobs") == of
    assert several["wall_seconds"] == pytest.approx(sum(part["wall_seconds"] for part in parts))
    assert several["peak_memory_mb"] == max(part["peak_memory_mb"] for part in parts)
    for key in ("wall_seconds", "peak_memory_mb"):
        del one[key], several[key]
    assert several == one


def test_a_killed_shard_goes_on_where_it_stopped(run: Callable[..., Path], tmp_path: Path) -> None:
    seen: list[str] = []

    def dies_in_c1(case: Case) -> Prediction:
        seen.append(case.id)
        if case.id == "c.1" and seen.count("c.1") == 1:
            raise SystemExit(137)
        return shift(case)

    out = tmp_path / "out/shards/1-of-2"
    with pytest.raises(SystemExit):
        run(out, Shard(1, 2), dies_in_c1)
    assert not out.exists()
    run(out, Shard(1, 2), dies_in_c1)
    assert seen == ["a", "c.1", "c.1", "d"]
    assert [path.name for path in out.parent.iterdir()] == ["1-of-2"]


def test_what_a_shard_left_undone_is_rows_with_the_reason(
    run: Callable[..., Path], cohort: Path, tmp_path: Path
) -> None:
    """As a supervised job ends: a crash costs its case, a lack of time all that come behind."""

    def dies(case: Case) -> Prediction:
        raise SystemExit(139)

    out = tmp_path / "out/shards/1-of-2"
    with pytest.raises(SystemExit):
        run(out, Shard(1, 2), dies)
    assert predicting.record_crash(UNIT, cohort, out, "killed by SIGSEGV")
    assert not predicting.record_crash(UNIT, cohort, out, "killed by SIGSEGV")
    with pytest.raises(SystemExit):
        run(out, Shard(1, 2), lambda case: dies(case) if case.id == "d" else shift(case))
    predicting.record_failure(UNIT, cohort, out, "no time", device="cpu", shard=Shard(1, 2))
    gather_unit(UNIT, cohort, [out, run(tmp_path / "2-of-2", Shard(2, 2))], tmp_path / "out")
    states = {row["case"]: row["status"] for row in read_rows(tmp_path / "out/measurements.csv")}
    assert states.pop("b").startswith("failed: RuntimeError")
    assert states == {"a": "failed: killed by SIGSEGV", "c.1": "ok", "c": "ok", "d": "failed: no time"}


def test_shards_that_are_not_all_of_the_unit_are_refused(
    run: Callable[..., Path], cohort: Path, tmp_path: Path
) -> None:
    first = run(tmp_path / "1-of-2", Shard(1, 2))
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"got 1-of-2 without b, c: give all"):
        gather_unit(UNIT, cohort, [first], out)
    with pytest.raises(InputError, match=r"got none"):
        gather_unit(UNIT, cohort, [first, tmp_path / "2-of-2"], out)
    for other in (replace(UNIT, parameters={"by": 1}), replace(UNIT, method="other")):
        with pytest.raises(InputError, match=r"got one of 99-made-up/main/shift/0, made otherwise"):
            gather_unit(other, cohort, [first], out)
    assert not out.exists()


def test_joining_imports_nothing_heavy(run: Callable[..., Path], cohort: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from wbir import gathering; from test_shards import UNIT\n"
        "cohort, shard, out = map(Path, sys.argv[1:])\n"
        "gathering.gather_unit(UNIT, cohort, [shard], out)\n"
        "print(*sorted({'torch', 'scipy', 'pandas', 'nibabel', 'SimpleITK'} & set(sys.modules)))"
    )
    shard = run(tmp_path / "1-of-1", Shard(1, 1))
    command = [sys.executable, "-c", program, str(cohort), str(shard), str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "1/2/3", "-1/2", ""])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="a shard as NUMBER/OF"):
        Shard.parse(text)


def test_jobs_are_those_of_the_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long methods are shared out, controls and networks not; a job has its part of the time, half an hour at least."""
    methods = ["cmif", "ants_registration", "identity", "voxelmorph"]
    experiment = {"cohort": "letters", "methods": methods, "measures": ["mse"], "shards": {"bench": 3, "paper": 100}}
    spec = {"title": "t", "reference": "r", "summary": "s", "methods": {}, "experiments": {"main": experiment}}
    (tmp_path / "99-made-up").mkdir()
    (tmp_path / "99-made-up" / "paper.yaml").write_text(yaml.safe_dump(spec))
    monkeypatch.setattr(papers, "PAPERS", tmp_path)
    found = {
        scale: [(unit.shards, unit.minutes) for unit in papers.load_paper("99-made-up", scale).units()]
        for scale in papers.SCALES
    }
    cmif, ants, *short = (papers.describe("methods", name)["runtime"] for name in methods)
    assert found["demo"] == [(1, minutes) for minutes in (cmif, ants, *short)]
    assert found["bench"] == [(3, -(-cmif // 3)), (3, -(-ants // 3)), *((1, minutes) for minutes in short)]
    assert found["paper"] == [(100, 30), (100, 30), *((1, minutes) for minutes in short)]
