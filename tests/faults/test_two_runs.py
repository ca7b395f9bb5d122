"""Two runs at once in one folder: the second says who has it; a dead one has nothing, whatever its orphans do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.kills import start
from faults.made_up import write
from wbir.discovery import REPOSITORY

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY / "workflow")}
PAPER = """
title: A made-up paper that takes its time
reference: none
summary: Nothing.
cohorts:
  noise: {use: made_up_noise, with: {pause: 60.0}}
methods:
  still: {use: identity}
experiments:
  main: {cohort: noise, methods: [still], measures: [mse]}
claims:
  - {id: 96-C01, says: Nothing., where: nowhere, not_evaluated: not stated}
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Start]:
    """Start a Python of this library in a folder; what still lives at the end of the test is killed."""
    begun: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, *arguments]
        begun.append(subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, text=True, **pipes))  # type: ignore[call-overload]
        return begun[-1]

    yield run
    for process in begun:
        process.kill()
        process.communicate()


def alone(begin: Start, *command: str) -> tuple[int, list[str]]:
    """The exit status of `wbir alone COMMAND`, and its lines on standard error."""
    done = begin("-m", "wbir", "alone", *command)
    _, words = done.communicate(timeout=60)
    return done.returncode, words.splitlines()


def holding(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """Wait for its word."""
    assert process.stdout and process.stdout.readline() == "held\n"
    return process


def test_the_second_names_the_first_and_comes_after_it(begin: Start) -> None:
    first = holding(begin("-m", "wbir", "alone", "bash", "-c", "echo held; read"))
    status, words = alone(begin, "touch", "begun")
    assert (status, len(words)) == (2, 1)
    assert f"process {first.pid} on " in words[0] and " since 20" in words[0] and "wait for its end" in words[0]
    first.communicate("go\n")
    assert first.returncode == 0
    assert alone(begin, "true") == (0, [])


def test_an_orphan_of_a_killed_run_holds_nothing(begin: Start, tmp_path: Path) -> None:
    """Its child has inherited the very handle."""
    killed = begin(
        "-m", "wbir", "alone", "bash", "-c", "ls -l /proc/self/fd > seen; sleep 60 & echo $! > orphan; kill -9 $$"
    )
    killed.wait(60)
    assert killed.returncode == -signal.SIGKILL and "running" in (tmp_path / "seen").read_text()
    orphan = int((tmp_path / "orphan").read_text())
    try:
        os.kill(orphan, 0)
        assert alone(begin, "true") == (0, [])
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_a_lock_is_removed_when_its_run_is_dead_and_never_before(begin: Start, tmp_path: Path) -> None:
    lock, tool = tmp_path / ".snakemake/locks/0.output.lock", tmp_path / "tool"
    lock.parent.mkdir(parents=True)
    lock.write_text("results/demo/scoreboard.csv\n")
    tool.write_text('#!/bin/sh\necho "$@" >> asked\n')
    tool.chmod(0o755)
    living = begin("-c", "from wbir.runs import live; live(); print('held', flush=True); input()")
    by_hand = begin("-c", "from wbir.runs import live; live(); print('held', flush=True); input()")
    for process in (living, by_hand):
        holding(process)  # runs by hand do not exclude each other: Snakemake tells whether their files clash
    status, words = alone(begin, str(tool), "--cores", "2")
    assert status == 2 and f"process {living.pid} " in words[0] and f"process {by_hand.pid} " in words[0]
    by_hand.kill()
    by_hand.wait()
    status, words = alone(begin, str(tool), "--cores", "2")
    assert status == 2 and f"process {living.pid} " in words[0] and f"process {by_hand.pid} " not in words[0]
    assert not (tmp_path / "asked").exists()
    living.kill()
    living.wait()
    status, words = alone(begin, str(tool), "--cores", "2")
    assert status == 0 and "its lock is removed" in words[0]
    assert (tmp_path / "asked").read_text() == "--unlock --quiet all\n--cores 2\n"


@pytest.mark.slow
def test_make_demo_leaves_a_living_snakemake_its_lock(clone: Path, snakemake) -> None:  # type: ignore[no-untyped-def]
    """A run by hand is there when `make demo` is called; then it is killed, its job goes on, and `make demo` begins."""
    write(clone, {"96-slow": PAPER}, {})
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "rules"]
    by_hand = subprocess.Popen(command, cwd=clone, env=ENVIRONMENT, start_new_session=True)
    demo: subprocess.Popen[bytes] | None = None
    try:
        _wait_for(lambda: list(clone.glob("results/demo/cohorts/.*/*/case-0")))
        locks = sorted((clone / ".snakemake/locks").iterdir())
        assert locks and start(clone).wait(60) == 2
        said = (clone / "demo.log").read_text()
        assert f"got process {by_hand.pid} on " in said and "Traceback" not in said
        assert sorted((clone / ".snakemake/locks").iterdir()) == locks and by_hand.poll() is None
        refused = snakemake("--cores", "1", check=False)
        assert refused.returncode and "Directory cannot be locked" in refused.stderr + refused.stdout
        by_hand.kill()
        by_hand.wait()
        demo = start(clone)
        _wait_for(lambda: "Execute 1 jobs" in (clone / "demo.log").read_text())
        assert "its lock is removed" in (clone / "demo.log").read_text()
    finally:
        for process in filter(None, (by_hand, demo)):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(ready: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)
