"""Kills a run of `make demo` again and again, starts it anew by the same command, and compares what came of it in the end.

    python -m faults.kills 22-variational-principle 26-bounding-box --kills 20 --seed 1     (from the folder `tests`)

The results must be those of an undisturbed run, byte by byte (`comparing`). At a random moment falls, by kill -9,
`snakemake`  Snakemake alone: its jobs go on as orphans, and the next run meets them;
`job`        a job: its work ends with it, Snakemake goes on with what does not need it;
`all`        make, Snakemake and all jobs, as when a machine goes down.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from faults.comparing import differences, left_out

ROOT = Path(__file__).resolve().parents[2]
VICTIMS = ("snakemake", "job", "all")
END_S = 1800.0  # an undisturbed demo of all papers takes less


@dataclass(frozen=True)
class Kill:
    """What was killed, how long after the last start of the run."""

    after_s: float
    victim: str
    what: str


def start(folder: Path, cores: int = 2) -> subprocess.Popen[bytes]:
    """`make demo` in a clone, without its `make setup`: the environment is that of this process. Its words go to demo.log."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "workflow"), "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["make", "-o", ".venv/ready", "demo", f"CORES={cores}"]
    with (folder / "demo.log").open("ab") as stream:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=stream, stderr=stream, start_new_session=True
        )


def undisturbed(folder: Path) -> float:
    """Run to the end; returns the seconds it took. Raises RuntimeError where it fails."""
    started = time.monotonic()
    _ends_well(folder)
    return time.monotonic() - started


def disturbed(folder: Path, kills: int, within_s: float, chance: random.Random) -> Iterator[Kill]:
    """Run, with so many kills, each at most `within_s` after the start before it; then let it end.

    Yields each kill, fewer where the run ends before. Raises RuntimeError where the last run fails.
    """
    run = start(folder)
    started = time.monotonic()
    for _ in range(kills):
        victim = chance.choice(VICTIMS)
        moment = time.monotonic() + chance.uniform(0, within_s)
        while time.monotonic() < moment or not (found := _victims(folder, victim)):
            if run.poll() == 0:
                return _wait_for_orphans(folder)
            if run.poll() is not None:  # a job was killed, and all went on that could
                run, started = start(folder), time.monotonic()
            time.sleep(0.02)
        chosen = found if victim == "all" else [chance.choice(found)]
        words = " + ".join(_words(process) for process in chosen)
        for process in chosen:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        yield Kill(time.monotonic() - started, victim, words)
        if victim != "job":
            run.wait()
            run, started = start(folder), time.monotonic()
    if run.wait(END_S):
        _ends_well(folder)
    _wait_for_orphans(folder)


def _ends_well(folder: Path) -> None:
    if start(folder).wait(END_S):
        raise RuntimeError(f"make demo failed\n{(folder / 'demo.log').read_text(errors='replace')[-3000:]}")


def _victims(folder: Path, victim: str) -> list[psutil.Process]:
    """What may be killed now."""
    return [process for process in living(folder) if _is(process, victim)]


def living(folder: Path) -> list[psutil.Process]:
    """The processes of runs in a clone, orphans as well: those that work in its folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _is(process: psutil.Process, victim: str) -> bool:
    """Whether a process is Snakemake (`--unlock` too), or a job; a job's own child dies with it and is none."""
    with contextlib.suppress(psutil.Error):
        command = process.cmdline()
        if victim == "snakemake":
            return any(Path(part).name == "snakemake" for part in command[:2])
        if victim == "job":
            parent = process.parent()
            return command[1:3] == ["-m", "wbir"] and not (parent and parent.cmdline()[1:3] == ["-m", "wbir"])
        return True
    return False


def _words(process: psutil.Process) -> str:
    """A process in words: a job by its command and what it writes."""
    with contextlib.suppress(psutil.Error):
        command = process.cmdline()
        if command[1:3] == ["-m", "wbir"]:
            return " ".join(
                [command[3], *command[command.index("--out") + 1 :][:1]] if "--out" in command else command[3:5]
            )
        return next((Path(part).name for part in command[:2] if Path(part).name == "snakemake"), process.name())
    return "one that had just ended"


def _wait_for_orphans(folder: Path) -> None:
    deadline = time.monotonic() + END_S
    while living(folder) and time.monotonic() < deadline:
        time.sleep(0.2)


def clone(target: Path, papers: list[str]) -> Path:
    """A fresh clone of the last commit in which `all` is these papers."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], check=True)
    config = target / "config" / "config.yaml"
    config.write_text(config.read_text().replace("papers: all", f"papers: [{', '.join(papers)}]"))
    return target


def main() -> int:
    """The harness as a command: 0 where the disturbed run ended in the very bytes of the undisturbed one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("papers", nargs="+", help="slugs of papers")
    parser.add_argument("--kills", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and victims (default: 0)")
    parser.add_argument(
        "--within", type=float, help="most seconds from a start to a kill (default: by the run's length)"
    )
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kills-")).resolve()
    calm, rough = (clone(folder / name, options.papers) for name in ("calm", "rough"))
    seconds = undisturbed(calm)
    print(f"undisturbed: {seconds:.0f} s in {calm}", flush=True)
    within = options.within or 1.5 * seconds / options.kills
    started = time.monotonic()
    chance = random.Random(options.seed)
    for number, kill in enumerate(disturbed(rough, options.kills, within, chance), 1):
        print(f"{number:3} {kill.victim:9} after {kill.after_s:5.1f} s: {kill.what}", flush=True)
    print(f"disturbed: {time.monotonic() - started:.0f} s in {rough}")
    unlike = differences(calm, rough)
    print("\n".join(unlike) or "the same bytes", f"left out: {', '.join(sorted(left_out(calm)))}", sep="\n")
    return bool(unlike)


if __name__ == "__main__":
    sys.exit(main())
