"""What ran: a row per unit with its time, memory and provenance, from the manifests beside the measurements."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wbir.files import read_rows
from wbir.results import PaperResults


def experiments_that_ran(results: PaperResults) -> list[str]:
    """The experiments with measurements, in the declaration's order: data given to that run need not be given to the site."""
    files = [results.folder / f"{name}.csv" for name in ("measurements", "timings")]
    measured = {row["experiment"] for path in files for row in read_rows(path)}
    return [name for name in results.paper.spec["experiments"] if name in measured]


def run_rows(results: PaperResults) -> list[dict[str, Any]]:
    """A row per unit that ran; a unit without a manifest has none of its numbers."""
    paper, rows = results.paper, []
    experiments = {name: paper.spec["experiments"][name] for name in experiments_that_ran(results)}
    units = [paper.unit(n, m, s) for n, e in experiments.items() for m in e["methods"] for s in paper.seeds(n)]
    for unit in units:
        kept, fit = (_read(results.results / unit.id / name) for name in ("manifest.json", "fit.json"))
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
                "training": _training(fit),
                "cohort": asdict(unit.cohort) | kept.get("cohort", {}),  # as it ran, whatever is asked for now
            }
        )
    return rows


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _training(fit: Mapping[str, Any]) -> dict[str, Any]:
    """What a fit tells of itself: cases, steps, trainable parameters, time, memory and device; nothing where none ended."""
    if not fit or "failed" in fit:
        return {}
    readings = {reading["metric"]: reading["value"] for reading in fit.get("readings", [])}
    return {
        "cases": fit["cases"],
        "steps": readings.get("training_steps", math.nan),
        "parameters": readings.get("trainable_parameters", math.nan),
        "seconds": float(fit["wall_seconds"]),
        "memory": readings.get("train_peak_gpu_memory", float(fit["peak_memory_mb"])),
        "device": fit["device"],
    }


def run_summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All units together: time, largest memory, devices, commits and library versions."""
    seconds = [r["seconds"] for r in rows if not math.isnan(r["seconds"])]
    seconds += [r["training"]["seconds"] for r in rows if r["training"]]
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
