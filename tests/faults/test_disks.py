"""Disks that are full or read-only: one line says so, nothing half-written stands, and a run goes on once there is room."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.comparing import contents, differences
from faults.kills import start, undisturbed
from faults.made_up import method, write
from wbir.discovery import REPOSITORY

PAPER = """
title: A made-up paper on a small disk
reference: none
summary: A network on noise.
methods:
  learnt: {use: made_up_learned, title: Learnt}
experiments:
  main: {cohort: made_up_noise, methods: [learnt, identity], measures: [mse], quality: mse, gallery: 2}
figures:
  fig-1:
    title: The pair
    place: Fig. 1
    panels:
      - {kind: images, rows: [{experiment: main, method: learnt}], columns: [{title: warped, show: warped}]}
claims:
  - id: 95-C01
    says: It learns.
    where: nowhere
    checks: [{kind: bound, experiment: main, method: learnt, metric: mse, above: 0}]
"""
LEARNED = """
def fit(train, validation, *, out, seed, device, by):
    (out / "model.pt").write_bytes(bytes(50_000))
    (out / "history.csv").write_text("step,loss\\n1,0\\n")


def predict(case, *, seed, device, model, by):
    assert model.stat().st_size == 50_000
    return Prediction(displacement=np.random.default_rng(seed).random((2, *case.frame.shape), dtype=np.float32))
"""
UNIT = ("--paper", "22-variational-principle", "--experiment", "letters", "--method", "identity")


def mounted(folder: Path, *options: str) -> None:
    """Mount; skips where this user may not."""
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only a user who may mount file systems can make a small or read-only one")
    if subprocess.run(["mount", *options, str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A file system with so many free KB: made, then enlarged."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def free(room: int) -> Path:
        used = shutil.disk_usage(folder).used // 1024 if folder.is_mount() else 0
        kind = ("-o", f"remount,size={used + room}k") if used else ("-t", "tmpfs", "-o", f"size={room}k", "tmpfs")
        mounted(folder, *kind)
        return folder

    yield free
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)


def wbir(*arguments: str, cwd: Path, library: Path = REPOSITORY) -> tuple[int, list[str]]:
    """The exit status of a command and its lines on standard error."""
    environment = {**os.environ, "PYTHONPATH": str(library / "workflow")}
    command = [sys.executable, "-m", "wbir", "--quiet", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.splitlines()


@pytest.mark.slow
def test_a_run_that_filled_the_disk_goes_on_when_there_is_room(clone: Path, small_disk) -> None:  # type: ignore[no-untyped-def]
    """The disk fills at one stage after the other, Snakemake's own files on it as well."""
    write(clone, {"95-full": PAPER}, {"made_up_learned": method(LEARNED, kind="learned")})
    small = small_disk(20_000) / "clone"
    shutil.copytree(clone, small)
    undisturbed(clone)
    whole, said = contents(clone), set()
    for room in (60, 150, 250, 20_000):
        small_disk(room)
        if (code := start(small).wait()) == 0:
            break
        assert room < 20_000 and code == 2, "of make"
        standing = {name: content for name, content in contents(small).items() if "/." not in name}
        for name, content in standing.items():
            assert whole[name] == content, f"{name} is half-written, or tells of the disk"
        said |= {line.split(":")[0] for line in _log_lines(small) if "[Errno 28] No space left on device" in line}
    assert said and said <= {"wbir cohort", "wbir fit", "wbir predict", "wbir exhibit"}
    assert differences(clone, small) == []


def _log_lines(folder: Path) -> list[str]:
    return [line for log in (folder / "logs").rglob("*.log") for line in log.read_text().splitlines()]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that nothing can be written into, not by root either."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if os.geteuid():
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    mounted(folder, "-t", "tmpfs", "-o", "ro", "tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_folder_of_results_is_one_line(read_only: Path, tmp_path: Path) -> None:
    """A job too ends without a result: a disk says nothing of a method."""
    letters = ("--paper", UNIT[1], "--cohort", "letters")
    assert wbir("cohort", *letters, "--out", "letters", cwd=tmp_path) == (0, [])
    given = ("--cohort", "letters", "--out", str(read_only / "0"))
    calls = [("predict", *UNIT, *given), ("predict", *UNIT, *given, "--limit", "1")]
    for arguments in [("cohort", *letters, "--out", str(read_only / "letters")), *calls]:
        status, words = wbir(*arguments, cwd=tmp_path)
        assert status and len(words) == 1, words
        assert words[0].startswith(f"wbir {arguments[0]}: expected files that can be read and written, got [Errno ")
    status, words = wbir("alone", "snakemake", cwd=read_only)
    assert status and len(words) == 1 and ".snakemake" in words[0]
    assert list(read_only.iterdir()) == []


def test_a_repository_that_is_read_only_serves_another_folder(clone: Path, tmp_path: Path) -> None:
    """The library of a read-only clone writes where it is told."""
    frozen = tmp_path / "frozen"
    frozen.mkdir()
    mounted(frozen, "--bind", str(clone))
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(frozen)], check=True)
        with pytest.raises(OSError):
            (frozen / "x").touch()
        letters = ("--paper", UNIT[1], "--cohort", "letters")
        assert wbir("cohort", *letters, "--out", "letters", cwd=tmp_path, library=frozen) == (0, [])
        unit = (*UNIT, "--cohort", "letters", "--out", "unit")
        assert wbir("predict", *unit, cwd=tmp_path, library=frozen) == (0, [])
        assert (tmp_path / "unit" / "measurements.csv").is_file()
    finally:
        subprocess.run(["umount", str(frozen)], check=True)
