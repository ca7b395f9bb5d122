"""Python, its packages against the lock file, and what the methods of each stack need."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from wbir.discovery import describe, modules
from wbir.doctor.findings import Finding, Place, some

AGAIN = "run `make setup` (after removing .venv/ready), or `pip install -r requirements.lock`"
CONDA_NAMES = {"pytorch": "torch"}  # where conda's name differs from the registry's


def check_python(place: Place) -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == (3, 11):
        return Finding("python", "ok", found)
    return Finding("python", "problem", f"{found}, not 3.11", "make PYTHON=/path/to/python3.11 demo")


def check_packages(place: Place) -> Finding:
    """Every package of requirements.lock, in this Python; a build's local name (`+cpu`) does not count."""
    wanted = locked(place.repository / "requirements.lock")
    found = {name: installed(name) for name in wanted}
    missing = [name for name, version in found.items() if version is None]
    if stops := [name for name in missing if canonical(name) in needed(place.repository / "pyproject.toml")]:
        return Finding("packages", "problem", f"missing: {some(stops)}", AGAIN)
    if missing:
        return Finding("packages", "note", f"missing: {some(missing)}", f"tests need them, the demo does not: {AGAIN}")
    other = [f"{name} {v}, not {wanted[name]}" for name, v in found.items() if v and v.split("+")[0] != wanted[name]]
    if other:
        return Finding(
            "packages", "note", f"not as in requirements.lock: {some(other)}", f"numbers may differ: {AGAIN}"
        )
    return Finding("packages", "ok", f"{len(wanted)} as in requirements.lock")


def check_snakemake(place: Place) -> Finding:
    found, wanted = installed("snakemake"), locked(place.repository / "requirements.lock").get("snakemake")
    if found is None:
        return Finding("snakemake", "problem", "not installed", AGAIN)
    if int(found.split(".")[0]) < 9:
        return Finding("snakemake", "problem", f"{found}, older than 9", AGAIN)
    if shutil.which("snakemake") is None and not (Path(sys.executable).parent / "snakemake").exists():
        return Finding("snakemake", "note", f"{found}, not on PATH", "source .venv/bin/activate")
    if found != wanted:
        return Finding("snakemake", "note", f"{found}; tested with {wanted}", AGAIN)
    return Finding("snakemake", "ok", found)


def check_stacks(place: Place) -> Iterator[Finding]:
    """Whether this Python has the packages of each stack (envs/<stack>.yaml); programs come inside of packages."""
    users: dict[str, list[str]] = {}
    for name in modules("methods"):
        users.setdefault(describe("methods", name)["stack"], []).append(name)
    for stack, methods in sorted(users.items()):
        lacking = [name for name in of_stack(place.repository / "envs" / f"{stack}.yaml") if installed(name) is None]
        what = f"{stack} stack"
        if lacking:
            yield Finding(
                what, "problem", f"lacks {some(lacking)}, for {some(methods)}", f"{AGAIN}, or use --use-conda"
            )
        else:
            yield Finding(what, "ok", f"installed, for {some(methods, 3)}")


def check_chromium(place: Place) -> Finding:
    path = shutil.which("chromium")
    if path:
        return Finding("chromium", "ok", path)
    return Finding(
        "chromium", "note", "not found", "only the tests of the site in a browser need it: apt-get install chromium"
    )


def locked(path: Path) -> dict[str, str]:
    """Package versions of a lock file."""
    lines = [line.split("==") for line in path.read_text(encoding="utf-8").splitlines()]
    return {pair[0].strip(): pair[1].strip() for pair in lines if len(pair) == 2 and not pair[0].startswith("#")}


def needed(path: Path) -> set[str]:
    """The packages that a pyproject.toml asks for, and as far as they are installed those that they ask for."""
    from packaging.requirements import Requirement

    todo = [Requirement(line) for line in tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"]]
    seen: set[tuple[str, str]] = set()
    while todo:
        one = todo.pop()
        for extra in ("", *one.extras):
            if (one.name, extra) in seen:
                continue
            seen.add((one.name, extra))
            lines = (importlib.metadata.requires(one.name) or []) if installed(one.name) else []
            asked = map(Requirement, lines)
            todo += [r for r in asked if r.marker is None or r.marker.evaluate({"extra": extra})]
    return {canonical(name) for name, _ in seen}


def canonical(name: str) -> str:
    """As a registry compares names: lower case, hyphens."""
    return re.sub(r"[-_.]+", "-", name).lower()


def of_stack(path: Path) -> Iterable[str]:
    """The packages of a conda environment, by the registry's names, without Python and pip."""
    import yaml

    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"]
    flat = [line for entry in entries for line in (entry["pip"] if isinstance(entry, dict) else [entry])]
    names = [re.split(r"[=<>\s:]", line.split("::")[-1], maxsplit=1)[0] for line in flat]
    return [CONDA_NAMES.get(name, name) for name in names if name not in ("python", "pip")]


def installed(name: str) -> str | None:
    """The version of a distribution in this Python, or None; nothing is imported."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
