"""How to run a paper elsewhere: commands at other scales and on real data, worked out from its cohorts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wbir.cohort_plans import REAL_SOURCES, CohortPlan
from wbir.data.catalogue import catalogue
from wbir.data.summary import DataSet, summaries
from wbir.discovery import REPOSITORY
from wbir.errors import InputError
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
    """The real cohorts of a paper, whatever was chosen: their data sets, experiments, and the commands that take them."""
    plain, known = replace(paper, sources={}, data={}), summaries(catalogue())
    rows: dict[str, dict[str, Any]] = {}
    for name, entry in paper.spec["experiments"].items():
        for switch, real in _switches(plain, entry["cohort"]):
            row = _real_row(plain, switch, real, known, target)
            row = rows.setdefault(f"{row['title']} {row['commands']}", row)
            row["experiments"].append(entry.get("title", name))
    return list(rows.values())


def _real_row(plain: Paper, switch: str, real: CohortPlan, known: Mapping[str, DataSet], target: str) -> dict[str, Any]:
    datasets = list(dict.fromkeys(dataset for leaf in real.leaves() for dataset in leaf.datasets))
    titles = list(dict.fromkeys(leaf.spec["title"] for leaf in real.leaves()))
    stand_ins = [leaf.spec["title"] for leaf in plain.cohort(switch).leaves() if leaf.source == "simulated"]
    return {
        "title": ", ".join(titles),
        "own": real.own_data,
        "stand_in": ", ".join(title for title in dict.fromkeys(stand_ins) if title not in titles),
        "datasets": [known[dataset] for dataset in datasets if dataset in known],
        "experiments": [],
        "commands": _commands_of(plain, switch, datasets, known, target),
    }


def _switches(plain: Paper, cohort: str) -> list[tuple[str, CohortPlan]]:
    """The cohorts on the way to this one that may be real, by the name that `sources` takes, each with its real plan."""
    found: dict[str, CohortPlan] = {}
    todo = [plain.cohort(cohort)]
    while todo:
        plan = todo.pop(0)
        name = plan.names[-1]
        source = "public" if "real" in plain.spec.get("cohorts", {}).get(name, {}) else _real_source(plan)
        if source:
            found[name] = replace(plain, sources={name: source}).cohort(name)
        else:
            todo += plan.bases
    return list(found.items())


def _real_source(plan: CohortPlan) -> str:
    """A source of real data that its builder has, the first that it names."""
    return next((source for source in plan.spec["sources"] if source in (*REAL_SOURCES, "package")), "")


def _commands_of(
    plain: Paper, name: str, datasets: Sequence[str], known: Mapping[str, DataSet], target: str
) -> list[dict[str, str]]:
    """What turns a cohort to its data sets: a download of those that may be had so, or one's own copies of all."""
    start = f"snakemake --cores all {target} --config scale=paper"
    if all(known[dataset].access == "package" for dataset in datasets if dataset in known):
        return [{"what": "carried by a pinned package", "command": start}]
    fetched = [dataset for dataset in datasets if dataset in known and known[dataset].fetched]
    lines = []
    if fetched:
        yours = {dataset: f"/path/to/{dataset}" for dataset in datasets if dataset not in fetched}
        if plan := _taken(plain, name, {name: "public"}, yours):
            terms = [dataset for leaf in plan.leaves() for dataset in leaf.fetched]
            what = "downloaded, once you have read the terms and accept them"
            what += f"; {' and '.join(yours)} from your own copy" if yours else ""
            lines.append({"what": what, "command": _config(start, yours, {name: "public"}, list(dict.fromkeys(terms)))})
    yours = {dataset: f"/path/to/{dataset}" for dataset in datasets}
    for sources in ({}, {name: "local"}):
        if _taken(plain, name, sources, yours):
            lines.append({"what": "from your own copy", "command": _config(start, yours, sources, [])})
            break
    return lines


def _taken(plain: Paper, name: str, sources: Mapping[str, str], data: Mapping[str, str]) -> CohortPlan | None:
    """The plan that these words make of a cohort, where nothing of it is simulated and all may be had."""
    try:
        plan = replace(plain, sources=sources, data=data).cohort(name)
    except InputError:  # a source that it does not have
        return None
    return plan if plan.available and all(leaf.source != "simulated" for leaf in plan.leaves()) else None


def _config(start: str, data: Mapping[str, str], sources: Mapping[str, str], terms: Sequence[str]) -> str:
    """The command with its words of configuration, quoted for a shell."""
    words = {
        "data": _mapping(data),
        "sources": _mapping(sources),
        "accept_terms": f"[{', '.join(terms)}]" if terms else "",
    }
    return " ".join([start, *(f"'{key}={value}'" for key, value in words.items() if value)])


def _mapping(values: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{key}: {value}' for key, value in values.items())}}}" if values else ""


def data_sets(paper: Paper, real: Sequence[Mapping[str, Any]]) -> list[DataSet]:
    """The data sets that a paper's cohorts read, or may read (`real`), and those that the catalogue says feed the paper."""
    used = {entry.name for row in real for entry in row["datasets"]}
    used |= {dataset for unit in paper.units() for part in unit.cohort.chain() for dataset in part.datasets}
    number = paper.slug.split("-")[0]
    return [entry for name, entry in summaries(catalogue()).items() if name in used or number in entry.feeds]


def access_text(dataset: str, path: Path = REPOSITORY / "docs" / "data-access.md") -> list[str]:
    """The paragraphs of docs/data-access.md on a data set."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.search(rf"^### [^\n]*`{re.escape(dataset)}`[^\n]*\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
    return [" ".join(part.split()) for part in found.group(1).strip().split("\n\n")] if found else []
