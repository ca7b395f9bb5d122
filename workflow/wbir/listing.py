"""`wbir list`: what is here and what it needs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from wbir.cohort_plans import datasets_of, readers_of
from wbir.data.catalogue import catalogue
from wbir.data.summary import summaries
from wbir.discovery import describe, modules


def print_listing(what: str | None) -> None:
    """Print one kind of thing, or all of them, as tables on standard output."""
    from rich.console import Console
    from rich.table import Table

    kinds = {
        "papers": _papers,
        "methods": _methods,
        "cohorts": _cohorts,
        "datasets": _datasets,
        "metrics": _metrics,
        "figures": _figures,
    }
    console = Console(width=None if sys.stdout.isatty() else 200)
    for name, rows in kinds.items():
        if what in (None, name):
            head, *body = rows()
            table = Table(title=name, title_justify="left")
            for number, word in enumerate(head):
                table.add_column(word, no_wrap=number == 0)
            for row in body:
                table.add_row(*map(str, row))
            console.print(table)


def _papers() -> Iterable[Sequence[Any]]:
    from wbir.papers import load_paper, slugs

    rows: list[Sequence[Any]] = [("slug", "title", "experiments", "tables", "figures", "claims", "needs")]
    for slug in slugs():
        paper = load_paper(slug, "demo")
        spec = paper.spec
        needs = sorted({unit.spec["stack"] for unit in paper.units()})
        counts = [len(spec.get(part, ())) for part in ("experiments", "tables", "figures", "claims")]
        rows.append((slug, spec["title"], *counts, ", ".join(needs)))
    return rows


def _methods() -> Iterable[Sequence[Any]]:
    rows: list[Sequence[Any]] = [("name", "title", "kind", "stack", "threads", "memory MB", "minutes", "GPUs")]
    for name in modules("methods"):
        spec = describe("methods", name)
        rows.append((name, *(spec[k] for k in ("title", "kind", "stack", "threads", "mem_mb", "runtime", "gpu"))))
    return rows


def _cohorts() -> Iterable[Sequence[Any]]:
    known = summaries(catalogue())
    rows: list[Sequence[Any]] = [("name", "title", "sources", "data sets", "dimensions")]
    for name in modules("cohorts"):
        spec = describe("cohorts", name)
        datasets = ", ".join(dataset for dataset in datasets_of(name) if dataset in known)
        rows.append((name, spec["title"], ", ".join(spec["sources"]), datasets, spec["dims"] or "its base's"))
    return rows


def _datasets() -> Iterable[Sequence[Any]]:
    rows: list[Sequence[Any]] = [("name", "access", "files", "size", "licence", "papers", "cohorts")]
    for name, entry in summaries(catalogue()).items():
        feeds, readers = ", ".join(entry.feeds) or "none", ", ".join(readers_of(name)) or "none"
        rows.append((name, entry.access, entry.files or "unknown", entry.size, entry.licence, feeds, readers))
    return rows


def _metrics() -> Iterable[Sequence[Any]]:
    from wbir.measures.base import discover

    rows: list[Sequence[Any]] = [("name", "unit", "better", "range", "reference")]
    return rows + [
        (m.name, m.unit, m.direction, f"{m.range[0]} to {m.range[1]}", m.reference) for m in discover().values()
    ]


def _figures() -> Iterable[Sequence[Any]]:
    rows: list[Sequence[Any]] = [("kind", "shows")]
    return rows + [(name, describe("figures", name)["shows"]) for name in modules("figures")]
