"""What the page of a paper or a study shows, gathered from its declaration and its results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from wbir.files import read_rows
from wbir.papers import SCALES, Paper
from wbir.results import PaperResults
from wbir.site import exhibit_views, how_to_run, runs
from wbir.site.cohort_views import cohort_views
from wbir.site.front import split_slug
from wbir.site.measurement_data import write_measurements


def paper_view(results: PaperResults, files: Path, at_scale: Callable[[str, str], Paper]) -> dict[str, Any]:
    """Everything that the page of a paper or study shows; the files that it links to are copied to `files`.

    at_scale: loads a declaration by its slug and scale, with the user's choice of data.
    """
    paper = results.paper
    claims = exhibit_views.claim_views(results)
    rows = runs.run_rows(results)
    spec = paper.spec
    number, name = split_slug(paper.slug)
    real = how_to_run.real_data(at_scale(paper.slug, "paper"), paper.slug)
    datasets = how_to_run.data_sets(paper, real)
    return {
        "paper": {
            "slug": paper.slug,
            "number": number,
            "name": name,
            **{key: spec.get(key, "") for key in ("title", "reference", "summary", "data")},
            "conflicts": list(spec.get("conflicts", ())),
        },
        "claims": claims,
        "exhibits": exhibit_views.exhibits(results, claims),
        "files": exhibit_views.copy_exhibits(results, files),
        "measurements": write_measurements(results, files / "measurements.js"),
        "runs": rows,
        "total": runs.run_summary(rows),
        "cohorts": cohort_views(rows),
        "absent": [_absent(paper, n) for n in spec["experiments"] if n not in {row["experiment"] for row in rows}],
        "quality": _quality(results),
        "commands": how_to_run.commands(paper, paper.slug),
        "needs": how_to_run.needs({scale: at_scale(paper.slug, scale) for scale in SCALES}),
        "real": real,
        "datasets": datasets,
        "about": {entry.name: how_to_run.access_text(entry.name) for entry in datasets},
    }


def _absent(paper: Paper, experiment: str) -> dict[str, str]:
    """An experiment that did not run, and why."""
    title = paper.spec["experiments"][experiment].get("title", experiment)
    return {"id": experiment, "title": title, "why": paper.why_not(experiment) or "no measurement in these results"}


def _quality(results: PaperResults) -> list[dict[str, str]]:
    """The controls' judgement of every method, flagged ones first."""
    rows = read_rows(results.folder / "qc.csv")
    for row in rows:
        row["title"] = results.paper.title(row["method"])
    return sorted(rows, key=lambda row: row["flag"] == "ok")
