"""Papers through a real Slurm with profiles/slurm: the bytes of a local run, whatever befalls the jobs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from slurm.cluster import Job, wait_for

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

PAPER = "22-variational-principle"
WAITING = "98-waiting"  # made up: its jobs wait for as long as a file named after them is there
PAPER_YAML = """
title: A paper of jobs that wait
reference: none
summary: None.
cohorts:
  late: {use: made_up_cohort, with: {hold: late}}
  early: {use: made_up_cohort, with: {hold: early}}
methods:
  cancelled: {use: made_up_wait, with: {hold: cancelled}}
  stranded: {use: made_up_wait, with: {hold: stranded}}
  on-gpu: {use: made_up_gpu, with: {hold: on-gpu}}
experiments:
  main: {cohort: early, methods: [cancelled, stranded, on-gpu], measures: [mse]}
  late: {cohort: late, methods: [identity], measures: [mse]}
tables:
  table-1:
    title: Errors
    place: Table 1
    rows: {by: method}
    columns: {by: metric, items: {mse: MSE}}
    cells: {experiment: main}
claims:
  - id: 98-C01
    says: All of them were measured.
    where: Table 1
    checks: [{kind: bound, experiment: main, method: stranded, metric: mse, above: 0}]
"""
METHOD = '''
"""Predicts no motion once a file is gone."""
import time
from pathlib import Path
import numpy as np
from wbir.cases import Case, Prediction

SPEC = {
    "title": "Wait", "reference": "made up", "kind": "iterative", "stack": "torch", "threads": 1, "mem_mb": 500, "runtime": 60,
    "gpu": 0, "parameters": {"hold": ""}, "tiny": {}, "dims": [2],
}


def predict(case: Case, *, seed: int, device: str, hold: str) -> Prediction:
    while Path("hold", hold).exists():
        time.sleep(0.1)
    return Prediction(displacement=np.zeros((case.frame.dim, *case.frame.shape), dtype=np.float32))
'''
COHORT = '''
"""Two pairs of constant images, made once a file is gone."""
import time
from pathlib import Path
import numpy as np
from wbir.cases import Case, CohortWriter
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Constants", "reference": "made up", "describes": "nothing", "sources": ["simulated"], "stack": "torch",
    "threads": 1, "mem_mb": 500, "runtime": 1, "parameters": {"hold": ""}, "tiny": {}, "dims": 2,
}


def build(folder, *, source, data, seed, hold):
    while Path("hold", hold).exists():
        time.sleep(0.1)
    writer = CohortWriter(folder, {"title": COHORT["title"], "source": source})
    for number in range(2):
        fixed = np.full((8, 8), number + 0.25, dtype=np.float32)
        writer.add(Case(f"case-{number}", Frame.of(fixed.shape), fixed, fixed + 0.5))
    writer.close()
'''


def results(clone: Path, paper: str, scale: str) -> dict[str, bytes]:
    """The files of a paper that are the same in every run: all but times and pictures, which times are drawn in."""
    folder = clone / "results" / scale / paper
    files = [path for suffix in ("csv", "md", "tex") for path in sorted(folder.rglob(f"*.{suffix}"))]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if "timings" not in path.name}


def run_again_locally(snakemake, clone: Path, paper: str, scale: str) -> dict[str, bytes]:  # type: ignore[no-untyped-def]
    shutil.rmtree(clone / "results" / scale)
    snakemake("--cores", "2", paper, "--config", f"scale={scale}")
    return results(clone, paper, scale)


def test_a_paper_through_slurm_has_the_bytes_of_a_local_run(clone: Path, cluster, on_slurm, snakemake) -> None:  # type: ignore[no-untyped-def]
    before = {job.number for job in cluster.jobs()}
    assert on_slurm(PAPER).wait(900) == 0
    jobs = [job for job in cluster.jobs() if job.number not in before]
    assert {job.state for job in jobs} == {"COMPLETED"} and {job.partition for job in jobs} == {"cpu"}
    light = [job.task for job in jobs if any(rule in job.task for rule in ("collect", "claims", "exhibits"))]
    assert not light, "they wait in the queue longer than they take"
    through_slurm = results(clone, PAPER, "demo")
    assert {"measurements.csv", "claims.csv", "tables/table-1.csv"} <= through_slurm.keys()
    assert "Nothing to be done" in snakemake("-n", PAPER).stdout, "what a cluster made is made again without one"
    assert through_slurm == run_again_locally(snakemake, clone, PAPER, "demo")


def test_a_run_survives_what_clusters_do(clone: Path, cluster, on_slurm, snakemake) -> None:  # type: ignore[no-untyped-def]
    """A cancelled job, one that runs out of time and a node that dies, in one run; a GPU for the job that asks for one."""
    write_waiting_paper(clone)
    hold = clone / "hold"
    hold.mkdir()
    for name in ("late", "cancelled", "stranded", "on-gpu"):
        (hold / name).touch()
    run = on_slurm(WAITING, "--config", "scale=bench")

    gpu, other = (cluster.find(f"{WAITING}_main_{name}", "RUNNING") for name in ("on-gpu", "cancelled"))
    assert (gpu.partition, gpu.gpus) == ("gpu", "gres:gpu:1")
    assert (other.partition, other.gpus) == ("cpu", "")
    (hold / "on-gpu").unlink()

    wait_for((clone / f"logs/bench/{WAITING}/main/cancelled/0/predict.log").exists, "its work to begin")
    cluster.ask("scancel", other.number)
    again = cluster.find(f"{WAITING}_main_cancelled", "RUNNING")
    assert int(again.number) > int(other.number)
    (hold / "cancelled").unlink()

    first = cluster.find(f"cohort_{WAITING}.late", "TIMEOUT")
    (hold / "late").unlink()
    second = cluster.find(f"cohort_{WAITING}.late", "COMPLETED")
    assert (first.minutes, second.minutes) == (1, 2)

    stranded = cluster.find(f"{WAITING}_main_stranded", "RUNNING")
    node_dies(cluster, stranded)
    (hold / "stranded").unlink()
    cluster.start_node()
    assert run.wait(300) == 0
    ends = [job for job in cluster.jobs() if f"{WAITING}_main_stranded" in job.task]
    assert [(job.number, job.state) for job in ends] == [(stranded.number, "COMPLETED")], "Slurm itself put it back"

    through_slurm = results(clone, WAITING, "bench")
    assert b"failed" not in through_slurm["measurements.csv"]
    assert through_slurm == run_again_locally(snakemake, clone, WAITING, "bench")


def write_waiting_paper(clone: Path) -> None:
    paper = clone / "config/papers" / WAITING
    paper.mkdir()
    (paper / "paper.yaml").write_text(PAPER_YAML)
    library = clone / "workflow/wbir"
    (library / "cohorts/made_up_cohort.py").write_text(COHORT)
    (library / "methods/made_up_wait.py").write_text(METHOD)
    (library / "methods/made_up_gpu.py").write_text(METHOD.replace('"gpu": 0', '"gpu": 1'))


def node_dies(cluster, job: Job) -> None:  # type: ignore[no-untyped-def]
    """Kill the node's daemon and wait until Slurm has given up the node and put its job back into the queue."""
    cluster.kill("slurmd")
    wait_for(lambda: cluster.node() == "down", "the node to be down")
    cluster.find(job.task, "PENDING")
