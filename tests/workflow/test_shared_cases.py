"""A made-up paper whose cases are shared out over jobs: what is planned, what is written, and what reruns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAPER = """
title: A made-up paper
reference: none
summary: Two methods on five pairs.
methods:
  shift: {use: made_up_shift}
experiments:
  main: {cohort: made_up_noise, methods: [shift, identity], measures: [mse], gallery: 3, shards: SHARDS}
tables:
  table-1: {title: MSE, place: Table 1, rows: {by: method}, columns: {by: metric}, cells: {experiment: main}}
"""
METHOD = '''
"""A shift along the first axis, of which one case knows nothing."""
import numpy as np
from wbir.cases import Prediction

SPEC = {
    "title": "Shift", "reference": "made up", "kind": "iterative", "stack": "simpleitk", "threads": 1, "mem_mb": 500,
    "runtime": 120, "gpu": 0, "parameters": {"by": 1.0}, "tiny": {}, "dims": [2],
}


def predict(case, *, seed, device, by):
    if case.id == "case-3":
        raise RuntimeError("no way")
    displacement = np.zeros((2, *case.frame.shape), dtype=np.float32)
    displacement[0] = by
    return Prediction(displacement=displacement)
'''
COHORT = '''
"""Five pairs of noise."""
import numpy as np
from wbir.cases import Case, CohortWriter
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Noise", "reference": "made up", "describes": "nothing", "sources": ["simulated"], "stack": "simpleitk",
    "threads": 1, "mem_mb": 500, "runtime": 1, "parameters": {"size": 8}, "tiny": {}, "dims": 2,
}


def build(folder, *, source, data, seed, size):
    writer = CohortWriter(folder, {"title": COHORT["title"], "source": source})
    images = np.random.default_rng(seed).random((5, 2, size, size)).astype(np.float32)
    for number, (fixed, moving) in enumerate(images):
        writer.add(Case(f"case-{number}", Frame.of((size, size)), fixed, moving))
    writer.close()
'''


@pytest.fixture
def shared(clone: Path):  # type: ignore[no-untyped-def]
    """Write the made-up paper into the copy, with so many shards."""

    def write(shards: int) -> Path:
        folder = clone / "config/papers/99-shared"
        folder.mkdir(exist_ok=True)
        (folder / "paper.yaml").write_text(PAPER.replace("SHARDS", str(shards)))
        (folder / "reported.csv").write_text("table,row,column,value,spread\n")
        return clone / "results/demo/99-shared"

    (clone / "workflow/wbir/methods/made_up_shift.py").write_text(METHOD)
    (clone / "workflow/wbir/cohorts/made_up_noise.py").write_text(COHORT)
    return write


def jobs(planned: str) -> dict[str, int]:
    """The jobs of a dry run by rule."""
    return {name: int(count) for name, count in re.findall(r"^(\S+) +(\d+)$", planned, flags=re.M)}


def test_a_job_for_each_shard_and_one_to_join_them(snakemake, shared) -> None:  # type: ignore[no-untyped-def]
    shared(3)
    done = snakemake("-n", "99-shared")
    planned = jobs(done.stdout + done.stderr)
    assert planned["predict_shard_simpleitk"] == 3 and planned["gather_shards"] == 1
    assert planned["predict_torch"] == 1, "a control stays whole"
    assert "runtime=40" in done.stdout + done.stderr, "a third of the method's two hours"


@pytest.mark.slow
def test_two_jobs_write_the_bytes_of_one(snakemake, shared, clone: Path) -> None:  # type: ignore[no-untyped-def]
    results = shared(2)
    unit = results / "main/shift/0"
    snakemake("--cores", "2", "99-shared")
    assert {path.name for path in unit.iterdir()} >= {"measurements.csv", "timings.csv", "manifest.json", "gallery"}
    assert not (unit / "shards").exists(), "shards are not kept"
    names = ("measurements.csv", "gallery/case-0.npz", "gallery/case-1.npz", "gallery/case-2.npz")
    several = [(unit / name).read_bytes() for name in names]
    assert b"failed: RuntimeError: no way" in several[0]
    assert "Nothing to be done" in snakemake("-n", "99-shared").stdout

    method = clone / "workflow/wbir/methods/made_up_shift.py"
    method.write_text(METHOD.replace("[0] = by", "[1] = by"))
    done = snakemake("-n", "99-shared")
    assert jobs(done.stdout + done.stderr)["predict_shard_simpleitk"] == 2, "an edit of the method reruns its shards"

    method.write_text(METHOD)
    shared(1)
    snakemake("--cores", "2", "--forceall", "99-shared")
    assert [(unit / name).read_bytes() for name in names] == several
