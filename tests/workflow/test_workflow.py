"""The workflow as its users run it: lint, dry runs of every paper and scale, and a real run of a made-up paper."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from wbir.discovery import REPOSITORY as ROOT
from wbir.files import read_rows
from wbir.papers import SCALES, slugs

MINI_PAPER = """
title: A made-up paper
reference: none
summary: Two methods on one pair.
cohorts:
  shapes: {use: letters, with: {size: 32}}
methods:
  shift: {use: made_up_shift, title: Shift, with: {by: 2.0}}
  wrong: {use: made_up_shift, title: Wrong, with: {by: 900.0}}
experiments:
  letters:
    cohort: shapes
    methods: [shift, wrong, identity]
    measures: [mse, dice, min_jacobian]
    quality: dice
tables:
  table-1:
    title: Overlap
    place: Table 1
    rows: {by: method}
    columns: {by: metric, items: {dice: Dice, mse: MSE}}
    cells: {experiment: letters}
figures:
  fig-1:
    title: The pair
    place: Fig. 1
    panels:
      - {kind: images, rows: [{experiment: letters, method: shift}], columns: [{title: fixed, show: fixed}, {title: warped, show: warped}]}
claims:
  - id: 99-C01
    says: A shift folds nothing.
    where: Table 1
    checks: [{kind: bound, experiment: letters, method: shift, metric: min_jacobian, above: 0}]
  - id: 99-C02
    says: Its Dice is perfect.
    where: Table 1
    checks: [{kind: bound, experiment: letters, method: shift, metric: dice, above: 0.9999}]
"""
MINI_METHOD = '''
"""A shift along the first axis."""
import numpy as np
from wbir.cases import Case, Prediction

SPEC = {
    "title": "Shift", "reference": "made up", "kind": "iterative", "stack": "torch", "threads": 1, "mem_mb": 500, "runtime": 1,
    "gpu": 0, "parameters": {"by": 1.0}, "tiny": {}, "dims": [2, 3],
}


def predict(case: Case, *, seed: int, device: str, by: float) -> Prediction:
    if by > case.frame.shape[0]:
        raise RuntimeError("shifted out of the image")
    displacement = np.zeros((case.frame.dim, *case.frame.shape), dtype=np.float32)
    displacement[0] = by
    return Prediction(displacement=displacement)
'''


def test_lint(snakemake) -> None:  # type: ignore[no-untyped-def]
    snakemake("--lint")


@pytest.mark.parametrize("scale", SCALES)
def test_every_paper_plans_at_every_scale_without_torch(snakemake, tmp_path: Path, scale: str) -> None:  # type: ignore[no-untyped-def]
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "torch.py").write_text("raise SystemExit('the DAG imported torch')\n")
    done = snakemake("-n", *slugs(), "all", "--config", f"scale={scale}", PYTHONPATH=str(blocked))
    assert "write_scoreboard" in done.stdout


def test_a_data_set_turns_on_the_experiments_that_need_it(snakemake, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    without = snakemake("-n", "06-broken-geodesic").stdout
    with_nirep = snakemake(
        "-n", "06-broken-geodesic", "--config", f"data={{nirep: {tmp_path}}}", "sources={nirep: local}"
    ).stdout
    assert "cohorts/06-broken-geodesic.nirep" not in without
    assert "cohorts/06-broken-geodesic.nirep" in with_nirep
    assert "06-broken-geodesic/cohorts/06-broken-geodesic.nirep.png" in with_nirep, "and their sheet"


def test_sheets_are_drawn_of_derived_cohorts_and_of_no_simulated_one(snakemake) -> None:  # type: ignore[no-untyped-def]
    planned = snakemake("-n", "24-pediatric").stdout
    assert "rule cohort_sheets_24-pediatric" in planned
    assert "results/demo/24-pediatric/cohorts/24-pediatric.RR-15.png" in planned
    assert "24-pediatric.scans.png" not in planned


@pytest.mark.slow
def test_a_paper_is_one_folder_and_a_method_one_file(clone: Path, snakemake) -> None:  # type: ignore[no-untyped-def]
    """A made-up paper with a made-up method runs end to end, twice with the same bytes; its failures are rows."""
    paper = clone / "config" / "papers" / "99-made-up"
    paper.mkdir()
    (paper / "paper.yaml").write_text(MINI_PAPER)
    (paper / "reported.csv").write_text("table,row,column,value,spread\nTable 1,Shift,Dice,0.9,\n")
    (clone / "workflow/wbir/methods/made_up_shift.py").write_text(MINI_METHOD)
    snakemake("--cores", "2", "99-made-up")
    results = clone / "results/demo/99-made-up"
    first = {path: path.read_bytes() for path in sorted(results.rglob("*.csv")) if "timings" not in path.name}

    schema = yaml.safe_load((ROOT / "workflow/schemas/measurement.schema.yaml").read_text())
    for row in [*read_rows(results / "measurements.csv"), *read_rows(results / "timings.csv")]:
        Draft202012Validator(schema).validate(row)
    verdicts = {row["id"]: row["verdict"] for row in read_rows(results / "claims.csv")}
    assert verdicts == {"99-C01": "holds", "99-C02": "contradicted"}
    cells = {(row["row"], row["column"]): row for row in read_rows(results / "tables/table-1.csv")}
    assert cells["Shift", "Dice"]["printed"] == "0.9"
    assert float(cells["Shift", "Dice"]["computed"]) < 1.0
    failures = [row for row in read_rows(results / "measurements.csv") if row["method"] == "wrong"]
    assert {row["metric"] for row in failures} == {"mse", "dice", "min_jacobian"}
    assert all(
        row["status"] == "failed: RuntimeError: shifted out of the image" and row["value"] == "" for row in failures
    )
    assert {row["flag"] for row in read_rows(results / "qc.csv") if row["method"] == "wrong"} == {"no measurement"}
    assert (results / "figures/fig-1.svg").stat().st_size > 1000

    again = snakemake("-n", "99-made-up").stdout
    assert "Nothing to be done" in again
    other = snakemake("-n", "99-made-up", "--config", "data={nirep: elsewhere}", "sources={nirep: local}").stdout
    assert "Nothing to be done" in other, "a data set that this paper does not read reruns it"
    snakemake("--cores", "2", "--forceall", "99-made-up")
    second = {path: path.read_bytes() for path in first}
    assert first == second

    method = clone / "workflow/wbir/methods/made_up_shift.py"
    method.write_text(MINI_METHOD.replace("[0] = by", "[1] = by"))
    planned = snakemake("-n", "99-made-up").stdout
    assert "unit=99-made-up/letters/shift/0" in planned
    assert "unit=99-made-up/letters/identity/0" not in planned and "rule cohort_" not in planned


LEARNED_METHOD = '''
"""Learns the mean of the fixed images and predicts no motion."""
import numpy as np
from wbir.cases import Prediction, Reading

SPEC = {
    "title": "Mean", "reference": "made up", "kind": "learned", "stack": "torch", "threads": 1, "mem_mb": 500, "runtime": 1,
    "gpu": 0, "parameters": {"scale": 1.0}, "tiny": {}, "dims": [2],
}


def fit(train, validation, *, out, seed, device, scale):
    mean = scale * np.mean([case.fixed.mean() for case in train])
    (out / "model.pt").write_text(f"{mean:.9g}")
    (out / "history.csv").write_text("epoch,loss\\n0,0\\n")


def predict(case, *, seed, device, model, scale):
    return Prediction(readings=[Reading("learned_mean", float(model.read_text()), "1")])
'''
MADE_UP_COHORT = '''
"""Constant images, one for each split."""
import numpy as np
from wbir.cases import Case, CohortWriter
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Constants", "reference": "made up", "describes": "nothing", "sources": ["simulated"], "stack": "torch",
    "threads": 1, "mem_mb": 500, "runtime": 1, "parameters": {"size": 8}, "tiny": {}, "dims": 2,
}


def build(folder, *, source, data, seed, size):
    writer = CohortWriter(folder, {"title": COHORT["title"], "source": source})
    for number, split in enumerate(("train", "test")):
        image = np.full((size, size), number + 0.25, dtype=np.float32)
        writer.add(Case(split, Frame.of(image.shape), image, image, attributes={"split": split}))
    writer.close()
'''
LEARNING_PAPER = """
title: A made-up learning paper
reference: none
summary: Learns a mean.
methods:
  mean: {use: made_up_mean, with: {scale: 2.0}}
experiments:
  main: {cohort: made_up_constants, methods: [mean], measures: [mse]}
claims:
  - id: 98-C01
    says: The mean of the train split, doubled.
    where: nowhere
    checks:
      - {kind: bound, experiment: main, method: mean, metric: learned_mean, above: 0.499}
      - {kind: bound, experiment: main, method: mean, metric: learned_mean, below: 0.501}
"""


@pytest.mark.slow
def test_a_learned_method_is_fitted_before_it_predicts(clone: Path, snakemake) -> None:  # type: ignore[no-untyped-def]
    paper = clone / "config" / "papers" / "98-learning"
    paper.mkdir()
    (paper / "paper.yaml").write_text(LEARNING_PAPER)
    (clone / "workflow/wbir/methods/made_up_mean.py").write_text(LEARNED_METHOD)
    (clone / "workflow/wbir/cohorts/made_up_constants.py").write_text(MADE_UP_COHORT)
    snakemake("--cores", "2", "98-learning")
    results = clone / "results/demo/98-learning"
    assert (results / "main/mean/0/model.pt").is_file() and (results / "main/mean/0/fit.json").is_file()
    assert [row["verdict"] for row in read_rows(results / "claims.csv")] == ["holds"]
    assert "Nothing to be done" in snakemake("-n", "98-learning").stdout


def test_config_explains_every_key() -> None:
    lines = (ROOT / "config/config.yaml").read_text().splitlines()
    for number, line in enumerate(lines):
        if line and not line.startswith("#"):
            assert lines[number - 1].startswith("#"), f"{line!r} has no comment above it"


def readme_commands() -> list[str]:
    """The snakemake lines of the README's code blocks, without their comments."""
    lines = (line.split("  #")[0].strip() for line in (ROOT / "README.md").read_text().splitlines())
    return [line for line in lines if line.startswith("snakemake ") and "--use-conda" not in line]


@pytest.mark.parametrize("command", readme_commands())
def test_the_readme_s_commands_plan(snakemake, command: str) -> None:  # type: ignore[no-untyped-def]
    snakemake(*shlex.split(command)[1:], "-n")


def makefile_commands() -> list[str]:
    """The Makefile's calls of Snakemake that run something."""
    lines = (ROOT / "Makefile").read_text().replace("$(CORES)", "1").replace("$(COMPARED)", "").splitlines()
    calls = [line[line.index("snakemake") :] for line in lines if "snakemake" in line and "--cores" in line]
    assert calls
    return calls


@pytest.mark.parametrize("command", makefile_commands())
def test_the_makefile_s_commands_plan(snakemake, command: str) -> None:  # type: ignore[no-untyped-def]
    snakemake(*shlex.split(command)[1:], "-n")


def test_bad_configuration_is_refused(snakemake) -> None:  # type: ignore[no-untyped-def]
    for setting in ("scale=huge", "papers=[99-nowhere]", "sources={letters: public}", "colour=red"):
        done = snakemake("-n", "--config", setting, check=False)
        assert done.returncode != 0, setting
