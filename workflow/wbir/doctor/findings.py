"""What a check sees and what it says, and all checks, found by their names."""

from __future__ import annotations

import importlib
import inspect
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wbir.discovery import modules

LEVELS = ("ok", "note", "problem")
GROUPS = ("software", "machine", "cluster", "checkout", "data")  # in the order of the report


@dataclass(frozen=True)
class Finding:
    """One line of the report. level: `problem` is what stops `make demo`; todo: what to do about it, empty where all is well."""

    what: str
    level: str
    says: str
    todo: str = ""


@dataclass(frozen=True)
class Place:
    """Where to look: the repository, and the folders of results and of data sets."""

    repository: Path
    results: Path
    cache: Path


Check = Callable[[Place], Finding | Iterable[Finding]]


def checks() -> list[tuple[str, Check]]:
    """All checks with their names (`check_disk` is `disk`), group by group, in the order in which they are written."""
    groups = [importlib.import_module(f"wbir.doctor.{name}") for name in GROUPS if name in modules("doctor")]
    return [
        (name.removeprefix("check_"), function)
        for group in groups
        for name, function in vars(group).items()
        if name.startswith("check_") and inspect.isfunction(function)
    ]


def examine(place: Place) -> list[Finding]:
    """The findings of all checks. A check that fails itself is a note: the others go on."""
    found: list[Finding] = []
    for name, check in checks():
        try:
            result = check(place)
            found += [result] if isinstance(result, Finding) else list(result)
        except Exception as error:
            found.append(Finding(name, "note", f"could not be looked at: {type(error).__name__}: {error}"))
    return found


def output_of(command: Sequence[str | Path], seconds: float = 5.0) -> str | None:
    """What a program says on standard output, or None where it is missing, fails, or takes longer than `seconds`."""
    try:
        done = subprocess.run(list(command), capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def gigabytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def some(names: Sequence[str], most: int = 4) -> str:
    """The first few of some names, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
