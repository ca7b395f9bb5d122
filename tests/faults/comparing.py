"""Whether two runs of the workflow gave the same: every file below `results` byte by byte, but for what tells of times."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from wbir.files import read_rows

# Tables of times, and the verdicts that rest on them.
OF_TIMES = ("timings.csv", "claims-speed.csv", "checks-speed.csv", "scoreboard-speed.csv")
# Provenance: how long a run took and with how much memory. A run that goes on with the cases of a killed one need not load what made them.
OF_THE_RUN = ("wall_seconds", "peak_memory_mb", "libraries")
# The folder in which `files.written_whole` writes a file: a kill leaves it behind, no one reads it.
UNFINISHED = re.compile(r"/\.[^/]+\.[a-z0-9_]{8}/[^/]+$")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder/results` by its path; those that tell of times alone are left out, see `left_out`."""
    results = folder / "results"
    ignored = set(left_out(folder))
    files = sorted(path for path in results.rglob("*") if path.is_file() and not UNFINISHED.search(str(path)))
    named = {str(path.relative_to(results)): path for path in files}
    return {name: _content(path) for name, path in named.items() if name not in ignored}


def left_out(folder: Path) -> Iterator[str]:
    """The files that differ between any two runs: times, and the tables, figures and pages that show times (`speed: true`)."""
    results = folder / "results"
    for path in (found for name in OF_TIMES for found in results.rglob(name)):
        yield str(path.relative_to(results))
    for claims in results.rglob("claims-speed.csv"):
        if read_rows(claims):
            yield str((claims.parent / "claims.html").relative_to(results))
            yield str((claims.parent.parent / "scoreboard.html").relative_to(results))
    for declared in (folder / "config" / "papers").glob("*/paper.yaml"):
        paper = yaml.safe_load(declared.read_text(encoding="utf-8"))
        for kind in ("tables", "figures"):
            for name in (name for name, spec in paper.get(kind, {}).items() if _shows_times(spec)):
                for path in results.glob(f"*/{declared.parent.name}/{kind}/{name}.*"):
                    yield str(path.relative_to(results))


def differences(one: Path, other: Path) -> list[str]:
    """Files that only one of the two clones has, or that differ; empty where the runs gave the same."""
    first, second = contents(one), contents(other)
    alone = [f"{name}: in one of them only" for name in sorted(first.keys() ^ second.keys())]
    return alone + [f"{name}: differs" for name in sorted(first.keys() & second.keys()) if first[name] != second[name]]


def _content(path: Path) -> bytes:
    """The bytes of a file; of a file of provenance all but what tells of the run."""
    if path.name not in ("manifest.json", "fit.json"):
        return path.read_bytes()
    known = json.loads(path.read_text(encoding="utf-8"))
    lasting = {key: value for key, value in known.items() if key not in OF_THE_RUN}
    if "readings" in lasting:
        lasting["readings"] = [reading for reading in lasting["readings"] if not reading["speed"]]
        lasting.pop("config_digest")  # the digest of the readings among others
    return json.dumps(lasting, sort_keys=True).encode()


def _shows_times(spec: Any) -> bool:
    """Whether an exhibit shows a time in any of its parts."""
    if isinstance(spec, Mapping):
        return spec.get("speed") is True or any(map(_shows_times, spec.values()))
    return isinstance(spec, list) and any(map(_shows_times, spec))
