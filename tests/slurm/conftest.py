"""A Slurm for the tests, and Snakemake on it with the repository's own profile."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from slurm.cluster import Cluster, missing, running
from wbir.discovery import REPOSITORY

PLUGIN = REPOSITORY / ".venv" / "cluster"  # where `make test-slurm` puts it, apart from the environment
QUICK = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "10"]


def plugin() -> Path | None:
    """The folder to import Snakemake's plugin for Slurm from, if there is one."""
    if spec := find_spec("snakemake_executor_plugin_slurm"):
        return Path(str(spec.origin)).parents[1]
    return PLUGIN if PLUGIN.is_dir() else None


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running Slurm; skips where there can be none."""
    if reason := missing():
        pytest.skip(reason)
    if plugin() is None:
        pytest.skip("no Snakemake plugin for Slurm here: make test-slurm")
    with running(tmp_path_factory.mktemp("slurm")) as slurm:
        yield slurm


@pytest.fixture
def on_slurm(cluster: Cluster, clone: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start Snakemake in the copy with profiles/slurm, asking Slurm more often; what it says is shown where a test fails."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm", *QUICK, *arguments]
        path = f"{cluster.tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        variables = {**os.environ, "PATH": path, "PYTHONPATH": str(plugin()), "OMP_NUM_THREADS": "1"}
        with (tmp_path / "slurm-run.log").open("ab") as log:
            started.append(subprocess.Popen(command, cwd=clone, stdout=log, stderr=log, env=variables))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()  # the jobs end with the cluster
            process.wait()
    print((tmp_path / "slurm-run.log").read_text()[-8000:])
