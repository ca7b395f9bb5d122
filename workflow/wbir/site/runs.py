"""What ran: a row per unit with its time, memory and provenance, from the manifests beside the measurements."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wbir.papers import Paper


def run_rows(paper: Paper, results: Path) -> list[dict[str, Any]]:
    """A row per unit of the paper; a unit without a manifest has none of its numbers."""
    rows = []
    for unit in paper.units():
        path = results / unit.id / "manifest.json"
        kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        rows.append(
            {
                "experiment": unit.experiment,
                "method": unit.method,
                "title": paper.title(unit.method),
                "file": unit.use,
                "note": paper.method(unit.method).get("note", ""),
                "seed": unit.seed,
                "cases": kept.get("cases", 0),
                "seconds": float(kept.get("wall_seconds", math.nan)),
                "memory": float(kept.get("peak_memory_mb", math.nan)),
                "device": kept.get("device", "–"),
                "commit": kept.get("commit", "–"),
                "digest": kept.get("config_digest", "–"),
                "libraries": kept.get("libraries", {}) | ({"python": kept["python"]} if "python" in kept else {}),
                "parameters": {k: json.dumps(v) for k, v in sorted(kept.get("parameters", {}).items())},
                "failed": kept.get("failed", []),
                "cohort": unit.cohort.id,
                "source": unit.cohort.source,
            }
        )
    return rows


def run_summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All units together: time, largest memory, devices, commits and library versions."""
    seconds = [r["seconds"] for r in rows if not math.isnan(r["seconds"])]
    memory = [r["memory"] for r in rows if not math.isnan(r["memory"])]
    libraries: dict[str, set[str]] = {}
    for row in rows:
        for name, version in row["libraries"].items():
            libraries.setdefault(name, set()).add(version)
    return {
        "units": len(rows),
        "seconds": sum(seconds) if seconds else math.nan,
        "memory": max(memory) if memory else math.nan,
        "devices": sorted({r["device"] for r in rows} - {"–"}),
        "commits": sorted({r["commit"] for r in rows} - {"–"}),
        "libraries": {name: ", ".join(sorted(versions)) for name, versions in sorted(libraries.items())},
        "failed": sum(len(r["failed"]) for r in rows),
    }
