"""The checkout, and what runs left in it: locks of Snakemake, unfinished work."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from wbir.doctor.findings import Finding, Place, gigabytes, output_of, some

UNFINISHED = ("cases", "fit")  # suffixes of the hidden folders of `files.kept_beside`


def check_git(place: Place) -> Finding:
    git: list[str | Path] = ["git", "-C", place.repository]
    commit = output_of([*git, "rev-parse", "--short", "HEAD"])
    if commit is None:
        return Finding("checkout", "note", "no git checkout", "results will not say which commit made them: git clone")
    changed = (output_of([*git, "status", "--porcelain", "--untracked-files=no"]) or "").splitlines()
    if changed:
        return Finding(
            "checkout", "note", f"commit {commit}, {len(changed)} files changed", "commit, or results say `-dirty`"
        )
    return Finding("checkout", "ok", f"commit {commit}, unchanged")


def check_lock(place: Place) -> Finding:
    """Snakemake's lock, and whether a run lives that may hold it."""
    state = place.repository / ".snakemake"
    if is_running(state):
        return Finding(
            "lock", "problem", "a run is going on in this folder", "wait for its end, or stop it (`ps`, `kill`)"
        )
    if any((state / "locks").glob("*")):
        todo = "`make demo` and `wbir alone` remove it; by hand: snakemake --unlock"
        return Finding("lock", "note", "left by a run that was killed", todo)
    return Finding("lock", "ok", "none")


def check_unfinished(place: Place) -> Finding:
    """Hidden folders of work that a killed job left and nobody holds now; those that a process holds are at work."""
    found = {folder: is_held(folder) for folder in unfinished(place.results)}
    left = [folder for folder, held in found.items() if not held]
    if not left:
        return Finding("unfinished work", "ok", f"{len(found)} at work" if found else "none")
    size = gigabytes(sum(file.stat().st_size for folder in left for file in folder.rglob("*") if file.is_file()))
    names = some([str(folder.relative_to(place.results)) for folder in sorted(left)], 2)
    todo = "a run goes on from them; delete those of what you will not run again"
    return Finding("unfinished work", "note", f"{len(left)} folders, {size}: {names}", todo)


def unfinished(results: Path) -> Iterator[Path]:
    """The hidden folders in which fits, predictions and their shards keep their work, beside where its results go."""
    for kind in UNFINISHED:
        for beside in ("*/*/*/*", "*/*/*/*/*/shards"):  # <scale>/<paper>/<experiment>/<method>/<seed>
            yield from results.glob(f"{beside}/.*.{kind}")


def is_held(folder: Path) -> bool:
    """Whether a process holds a folder as `files.alone_in` does. Its file system may have no locks: then nobody does."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def is_running(state: Path) -> bool:
    """Whether a process holds the record lock of a running workflow (`runs.live`)."""
    try:
        handle = os.open(state / "running", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False
