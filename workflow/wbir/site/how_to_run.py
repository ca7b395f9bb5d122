"""How to run a paper elsewhere: commands at other scales and on real data, worked out from its cohorts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from wbir.cohort_plans import CohortPlan, datasets_of
from wbir.discovery import REPOSITORY
from wbir.files import read_rows
from wbir.papers import Paper

SCALE_WORDS = {"demo": "on a CPU in minutes", "bench": "on one GPU in about half an hour", "paper": "as printed"}


def commands(paper: Paper, target: str) -> list[dict[str, str]]:
    """One command per scale. `target`: what Snakemake is asked for."""
    return [
        {
            "what": f"{scale} scale, {words}",
            "command": f"snakemake --cores all {target}" + ("" if scale == "demo" else f" --config scale={scale}"),
        }
        for scale, words in SCALE_WORDS.items()
    ]


def needs(papers: dict[str, Paper]) -> list[dict[str, Any]]:
    """What the units of each scale ask for: number, memory and longest time of one, GPUs. `papers`: by scale."""
    rows = []
    for scale, paper in papers.items():
        specs = [unit.spec for unit in paper.units()]
        if specs:
            rows.append(
                {
                    "scale": scale,
                    "units": len(specs),
                    "memory": max(s["mem_mb"] for s in specs),
                    "minutes": max(s["runtime"] for s in specs),
                    "gpu": 0 if scale == "demo" else sum(s["gpu"] > 0 for s in specs),
                    "stacks": ", ".join(sorted({s["stack"] for s in specs})),
                }
            )
    return rows


def real_data(paper: Paper, target: str) -> list[dict[str, Any]]:
    """The experiments whose cohort can be made from real data: source, command at the paper scale."""
    rows: dict[str, dict[str, Any]] = {}
    for name, entry in paper.spec["experiments"].items():
        plan = paper.cohort(entry["cohort"]).chain()[-1]
        if set(plan.spec["sources"]) - {"simulated"}:
            row = rows.setdefault(
                plan.id,
                {"cohort": plan.spec["title"], "dataset": " ".join(datasets_of(plan.builder)), "experiments": []},
            )
            row["experiments"].append(entry.get("title", name))
            row["commands"] = _commands_of(plan, target)
    return list(rows.values())


def _commands_of(plan: CohortPlan, target: str) -> list[dict[str, str]]:
    """A command for each source of real data that a cohort has."""
    name = plan.id.split(".", 1)[-1]
    start = f"snakemake --cores all {target} --config scale=paper"
    words = {
        "public": ("downloaded when asked for", f"{start} 'sources={{{name}: public}}'"),
        "local": (
            "your own copy",
            f"{start} 'data={{{datasets_of(plan.builder)[0]}: /path/to/{datasets_of(plan.builder)[0]}}}' 'sources={{{name}: local}}'",
        ),
        "package": ("carried by a pinned package", start),
    }
    return [{"what": words[s][0], "command": words[s][1]} for s in plan.spec["sources"] if s in words]


def data_sets(paper: Paper) -> list[dict[str, Any]]:
    """The data sets that feed a paper, or that its cohorts read: access, licence, size and where they are."""
    used = {
        d
        for entry in paper.spec["experiments"].values()
        for d in datasets_of(paper.cohort(entry["cohort"]).chain()[-1].builder)
    }
    number = paper.slug.split("-")[0]
    sets: dict[str, dict[str, Any]] = {}
    for row in read_rows(REPOSITORY / "config" / "datasets.csv"):
        if row["dataset"] in used or number in row["feeds"].split():
            entry = sets.setdefault(row["dataset"], {"name": row["dataset"], "files": 0, "bytes": 0, "unknown": 0})
            entry["files"] += 1
            entry["bytes"] += int(row["bytes"]) if row["bytes"].isdigit() else 0
            entry["unknown"] += not row["bytes"].isdigit()
            entry |= {key: row[key] for key in ("access", "home", "licence", "note")}
            entry["about"] = _access_text(row["dataset"])
    return list(sets.values())


def _access_text(dataset: str, path: Path = REPOSITORY / "docs" / "data-access.md") -> list[str]:
    """The paragraphs of docs/data-access.md on a data set."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(rf"^### [^\n]*`{re.escape(dataset)}`[^\n]*\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
    return [" ".join(part.split()) for part in found.group(1).strip().split("\n\n")] if found else []
