"""A job's work in a process of its own: whatever becomes of it, there is a reason in words, and nothing is left running."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wbir.supervising import supervised


def crash() -> int:
    ctypes.string_at(0)
    return 0


def refuse() -> int:
    print("wbir fit: expected finite losses, got NaN at step 7: lower the rate", file=sys.stderr)
    return 2


def die() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def divide() -> int:
    return 1 // 0


@pytest.mark.parametrize(
    ("work", "words", "passing"),
    [
        (crash, "killed by SIGSEGV", False),
        (refuse, "wbir fit: expected finite losses, got NaN at step 7: lower the rate", False),
        (die, "killed by SIGKILL (out of memory?)", True),
        (divide, "ZeroDivisionError: integer division or modulo by zero", False),
        (lambda: 3, "exit status 3 without a word", False),
    ],
)
def test_what_goes_wrong_is_told(work: Callable[[], int], words: str, passing: bool) -> None:
    failure = supervised(work, minutes=1)
    assert failure == words and failure.passing is passing


def test_what_goes_well_is_none_and_its_words_are_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    def speak() -> int:
        print("a line" * 50_000, file=sys.stderr)
        return 0

    assert supervised(speak, minutes=0) is None
    assert capfd.readouterr().err == "a line" * 50_000 + "\n"


def test_a_hang_ends_with_all_that_it_started(tmp_path: Path) -> None:
    def hang() -> int:
        started = subprocess.Popen(["sleep", "600"])
        (tmp_path / "pid").write_text(str(started.pid))
        time.sleep(600)
        return 0

    failure = supervised(hang, minutes=0.01)
    assert failure is not None and failure.startswith("no end within 0.0095 min") and failure.passing
    assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_child_ends_with_the_job(number: signal.Signals, tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from wbir.supervising import supervised\n"
        "supervised(lambda: Path(sys.argv[1]).write_text(str(os.getpid())) and time.sleep(600), minutes=9)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    job = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "pid")], env=environment)
    while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
        assert job.poll() is None
        time.sleep(0.02)
    job.send_signal(number)
    assert job.wait(20) == -number
    assert gone(int((tmp_path / "pid").read_text()))


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds (a zombie has ended)."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
