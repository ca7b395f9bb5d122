"""The doctor in made-up surroundings: programs on PATH that answer as the real ones do, disks that are full, locks that are held."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from wbir.__main__ import main
from wbir.discovery import REPOSITORY
from wbir.doctor import checkout, cluster, data, findings, machine, software
from wbir.doctor.findings import Finding, Place, checks, examine

Program = Callable[[str, str], None]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """The repository with results and a cache of its own."""
    folders = tmp_path / "results", tmp_path / "cache"
    for folder in folders:
        folder.mkdir()
    return Place(REPOSITORY, *folders)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Write a shell script under a name onto a PATH that has nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def write(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return write


def only(found: Finding | Iterable[Finding]) -> Finding:
    """The one finding of a check."""
    (one,) = [found] if isinstance(found, Finding) else list(found)
    return one


def test_checks_are_found_by_name_and_all_say_what_to_do(place: Place) -> None:
    names = [name for name, _ in checks()]
    assert {"python", "disk", "gpu", "slurm", "unfinished", "data_sets"} <= set(names) and len(set(names)) == len(names)
    for finding in examine(place):
        assert finding.level in findings.LEVELS and finding.says
        assert bool(finding.todo) == (finding.level != "ok"), finding


def test_a_check_that_fails_is_a_note_and_the_others_go_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(place: Place) -> Finding:
        raise RuntimeError("no such bus")

    monkeypatch.setattr(findings, "checks", lambda: [("bus", broken), ("proxies", machine.check_proxies)])
    first, second = examine(place)
    assert (first.level, second.what) == ("note", "proxies") and "no such bus" in first.says


@pytest.mark.parametrize(("level", "code"), [("ok", 0), ("note", 0), ("problem", 1)])
def test_only_a_problem_is_an_exit_code(
    level: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(findings, "checks", lambda: [("x", lambda place: Finding("x", level, "so"))])
    try:
        found = main(["doctor", "--json"])
    except SystemExit as end:
        found = end.code  # type: ignore[assignment]
    assert found == code and json.loads(capsys.readouterr().out)[0]["level"] == level


def test_packages_of_the_demo_are_a_problem_those_of_tests_a_note(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = software.installed
    for absent, level in {"numpy": "problem", "mdurl": "problem", "hypothesis": "note"}.items():  # mdurl: through rich
        monkeypatch.setattr(software, "installed", lambda name, absent=absent: None if name == absent else real(name))
        found = software.check_packages(place)
        assert (found.level, absent in found.says) == (level, True)


def test_another_version_is_a_note_another_build_is_none(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = software.locked(REPOSITORY / "requirements.lock")
    monkeypatch.setattr(software, "installed", lambda name: wanted[name] + "+cu128" * (name == "torch"))
    assert software.check_packages(place).level == "ok"
    monkeypatch.setattr(software, "installed", lambda name: "0.1" if name == "scipy" else wanted[name])
    assert f"scipy 0.1, not {wanted['scipy']}" in software.check_packages(place).says


def test_a_stack_without_its_package_names_the_methods(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real = software.installed
    monkeypatch.setattr(software, "installed", lambda name: None if name == "picsl-greedy" else real(name))
    wrong = only(finding for finding in software.check_stacks(place) if finding.level != "ok")
    assert (wrong.what, wrong.level) == ("greedy stack", "problem") and "greedy" in wrong.says


def test_a_full_disk(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 10**8))
    assert [finding.level for finding in machine.check_disk(place)] == ["problem", "note"]


def test_little_memory(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = tmp_path / "meminfo"
    table.write_text("MemTotal:  8000000 kB\nMemAvailable:  1500000 kB\n")
    assert machine.free_memory(table) == 1.5e6 * 1024 and machine.free_memory(tmp_path / "none") is None
    for free, level in ((0.5e9, "problem"), (1.5e9, "note"), (3e9, "ok")):
        monkeypatch.setattr(machine, "free_memory", lambda free=free: free)
        assert machine.check_memory(place).level == level


@pytest.mark.parametrize(
    ("torch", "level", "words"),
    [
        ('["2.13.0+cpu", null, false, 0]', "note", "pip install torch==2.13.0"),
        ('["2.13.0+cu128", "12.8", false, 0]', "note", "driver"),
        ('["2.13.0+cu128", "12.8", true, 2]', "ok", ""),
    ],
)
def test_a_gpu_and_what_torch_makes_of_it(
    place: Place, program: Program, monkeypatch: pytest.MonkeyPatch, torch: str, level: str, words: str
) -> None:
    program("nvidia-smi", "echo 'NVIDIA H100, 81559 MiB, 550.54'")
    program("python", f"echo '{torch}'")
    monkeypatch.setattr(sys, "executable", "python")
    card, use = machine.check_gpu(place)
    assert (card.level, use.level) == ("ok", level) and "H100" in card.says and words in use.todo


def test_a_driver_that_is_not_loaded(place: Place, program: Program) -> None:
    program("nvidia-smi", "echo 'NVIDIA-SMI has failed' >&2; exit 9")
    assert only(machine.check_gpu(place)).level == "note"


@pytest.mark.parametrize(
    ("script", "level"),
    [("echo conda 24.7.1", "ok"), ("echo conda 25.1.0", "ok"), ("echo conda 4.12.0", "note"), ("exit 1", "note")],
)
def test_conda_s_age(place: Place, program: Program, script: str, level: str) -> None:
    program("conda", script)
    assert cluster.check_conda(place).level == level


def test_slurm(place: Place, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_CONF", str(tmp_path / "slurm.conf"))
    assert cluster.check_slurm(place).level == "ok"
    (tmp_path / "slurm.conf").touch()
    assert "no sinfo" in cluster.check_slurm(place).says
    program("sinfo", "echo 'slurm_load_partitions: Unable to contact slurm controller' >&2; exit 1")
    silent = cluster.check_slurm(place)
    assert silent.level == "note" and "waits 10 s" in silent.todo
    program("sinfo", "echo gpu; echo 'cpu*'")
    assert cluster.check_slurm(place).says == "answers, partitions gpu, cpu*"


def test_a_program_that_hangs_is_given_up(program: Program) -> None:
    program("sinfo", "exec /bin/sleep 60")
    assert findings.output_of(["sinfo"], seconds=0.2) is None


def test_unfinished_work_that_nobody_holds(place: Place) -> None:
    unit = place.results / "demo" / "99-made-up" / "main" / "net"
    left, held = unit / ".0.0123456789ab.fit", unit / "0" / "shards" / ".1-of-2.0123456789ab.cases"
    for folder in (left, held):
        folder.mkdir(parents=True)
        (folder / "checkpoint.pt").write_bytes(bytes(2_000_000))
    handle = os.open(held, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    found = checkout.check_unfinished(place)
    assert (found.level, "1 folders, 2.0 MB" in found.says, ".0.0123456789ab.fit" in found.says) == ("note", True, True)
    shutil.rmtree(left)
    assert checkout.check_unfinished(place) == Finding("unfinished work", "ok", "1 at work")
    os.close(handle)


def test_a_lock_and_whether_its_run_lives(place: Place, tmp_path: Path) -> None:
    here = Place(tmp_path, place.results, place.cache)
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    assert checkout.check_lock(here).level == "ok"
    (locks / "0.input.lock").touch()
    assert "killed" in checkout.check_lock(here).says
    state = str(tmp_path / ".snakemake")
    program = (
        f"from pathlib import Path; from wbir.runs import live; live(Path({state!r})); print(1, flush=True); input()"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY / "workflow"
    )
    assert run.stdout and run.stdout.readline()
    assert checkout.check_lock(here).level == "problem"
    run.communicate(b"\n")
    assert checkout.check_lock(here).level == "note"


def test_no_checkout_and_a_changed_one(tmp_path: Path, place: Place) -> None:
    here = Place(tmp_path / "copy", place.results, place.cache)
    here.repository.mkdir()
    assert checkout.check_git(here).says == "no git checkout"
    git = ["git", "-C", str(here.repository), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    assert checkout.check_git(here).level == "ok"


def test_data_sets_by_their_inventories(place: Place) -> None:
    for name, size in (("nirep", 3), ("sri24", 4)):
        (place.cache / name).mkdir()
        (place.cache / name / "a.nii").write_bytes(b"abc")
        (place.cache / name / "inventory.csv").write_text(f"file,bytes,sha256,checked\na.nii,{size},,\n")
    (place.cache / "lits").mkdir()
    found = {finding.what: finding for finding in data.check_data_sets(place)}
    assert found["data sets"].says == f"complete in {place.cache}: nirep"
    assert "a.nii" in found["data set sri24"].says and "no inventory.csv" in found["data set lits"].says
    assert data.check_partial_downloads(place).level == "ok"
    (place.cache / "lits" / ".volume.zip.part").write_bytes(bytes(1000))
    assert "lits/.volume.zip.part" in data.check_partial_downloads(place).says


def test_proxies_are_named_and_their_passwords_not_shown(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example:3128")
    says = machine.check_proxies(place).says
    assert "HTTPS_PROXY" in says and "secret" not in says and "example" not in says


def test_the_doctor_is_light() -> None:
    program = (
        "import sys; from pathlib import Path; from wbir.doctor.findings import Place, examine; from wbir.discovery import REPOSITORY;"
        " examine(Place(REPOSITORY, Path('results'), Path('data'))); print(*sorted({'torch', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY / "workflow", capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
