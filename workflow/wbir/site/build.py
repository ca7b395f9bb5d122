"""The site as a whole: a front page, a page per paper or study, a viewer page per shown case."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wbir.errors import InputError
from wbir.files import read_rows
from wbir.papers import SCALES, Paper, slugs
from wbir.results import PaperResults
from wbir.site import case_data, exhibit_views, how_to_run, runs
from wbir.site.front import front_view, load, split_slug, studies
from wbir.site.measurement_data import write_measurements
from wbir.site.rendering import copy_assets, environment

log = logging.getLogger("wbir")
PARTS = ("assets", "papers", "cases", "index.html")  # the index last: it links to all others
IMAGE_BYTES = 26e6  # room for the images of all viewer pages


@dataclass(frozen=True)
class Choices:
    """What the user chose: scale, where cohorts come from, own copies of data."""

    scale: str
    sources: Mapping[str, str]
    data: Mapping[str, str]

    def paper(self, slug: str, scale: str = "") -> Paper:
        return load(slug, scale or self.scale, self.sources, self.data)


def build_site(results: Path, out: Path, choices: Choices) -> None:
    """Write the site of `results` into `out`: index.html, papers/, cases/ and assets/; other files there stay.

    Everything is written into a folder beside `out` and renamed, so that a reader never meets half a site.
    """
    if not results.is_dir():
        raise InputError(f"a results folder at {results}", "no such folder", "run the workflow or give --results")
    here = [s for s in [*slugs(), *studies()] if (results / s / "claims.csv").is_file()]
    found = {slug: PaperResults(choices.paper(slug), results) for slug in here}
    out.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".site.", dir=out))
    try:
        _write_pages(found, temporary, choices)
        _put_in_place(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    log.info("%d papers and studies, %d bytes: %s", len(found), sum(_sizes(out)), out / "index.html")


def _write_pages(found: Mapping[str, PaperResults], out: Path, choices: Choices) -> None:
    templates = environment()
    copy_assets(out)
    for name in ("papers", "cases"):
        (out / name).mkdir()
    site = {"scale": choices.scale, "scales": SCALES}
    views = {}
    for slug, results in found.items():
        shown = case_data.choose_cases(results, IMAGE_BYTES / len(found))
        views[slug] = _paper_view(results, out, shown, choices)
        page = templates.get_template("paper.html").render(site=site, root="../", **views[slug])
        (out / "papers" / f"{slug}.html").write_text(page, encoding="utf-8")
        for number, case in enumerate(shown):
            about = case_data.write_case(results, case, out / "cases")
            near = {"before": shown[number - 1] if number else None, "after": shown[number + 1 : number + 2]}
            methods = [{"name": m, "title": results.paper.title(m), "file": case.script_of(m)} for m in case.methods]
            page = templates.get_template("case.html").render(
                site=site, root="../", shown=case, about=about, methods=methods, near=near, paper=views[slug]["paper"],
                absent=[results.paper.title(m) for m in case.absent],
            )  # fmt: skip
            (out / "cases" / f"{case.name}.html").write_text(page, encoding="utf-8")
        log.info("%s: %d claims, %d cases", slug, len(views[slug]["claims"]), len(shown))
    front = front_view(views)
    (out / "index.html").write_text(
        templates.get_template("index.html").render(site=site, root="", **front), encoding="utf-8"
    )


def _paper_view(
    results: PaperResults, out: Path, shown: Sequence[case_data.ShownCase], choices: Choices
) -> dict[str, Any]:
    """Everything that the page of a paper or study shows; its files are copied beside it."""
    paper = results.paper
    files = out / "papers" / paper.slug
    claims = exhibit_views.claim_views(results)
    rows = runs.run_rows(paper, results.results)
    spec = paper.spec
    number, name = split_slug(paper.slug)
    target = paper.slug if number else "compare"
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
        "measurements": write_measurements(paper, results.folder, files / "measurements.js"),
        "shown": shown,
        "runs": rows,
        "total": runs.run_summary(rows),
        "cohorts": _cohorts(paper),
        "absent": [_absent(paper, name) for name in spec["experiments"] if paper.why_not(name)],
        "quality": _quality(results),
        "commands": how_to_run.commands(paper, target),
        "needs": how_to_run.needs({scale: choices.paper(paper.slug, scale) for scale in SCALES}),
        "real": how_to_run.real_data(choices.paper(paper.slug, "paper"), target),
        "datasets": how_to_run.data_sets(paper),
    }


def _cohorts(paper: Paper) -> list[dict[str, Any]]:
    """The cohorts that ran, each once: what they model, and where they came from."""
    plans = {u.cohort.id: u.cohort for u in paper.units()}
    keys = ("title", "describes", "reference")
    return [{"id": i, "source": p.source, "seed": p.seed} | {k: p.spec[k] for k in keys} for i, p in plans.items()]


def _absent(paper: Paper, experiment: str) -> dict[str, str]:
    title = paper.spec["experiments"][experiment].get("title", experiment)
    return {"id": experiment, "title": title, "why": paper.why_not(experiment) or ""}


def _quality(results: PaperResults) -> list[dict[str, str]]:
    """The controls' judgement of every method, flagged ones first."""
    rows = read_rows(results.folder / "qc.csv")
    for row in rows:
        row["title"] = results.paper.title(row["method"])
    return sorted(rows, key=lambda row: row["flag"] == "ok")


def _put_in_place(temporary: Path, out: Path) -> None:
    """Rename the parts of a finished site onto those of the last one."""
    for name in PARTS:
        if (out / name).exists():
            os.replace(out / name, temporary / f"replaced-{name}")
        os.replace(temporary / name, out / name)


def _sizes(out: Path) -> list[int]:
    return [path.stat().st_size for name in PARTS for path in [out / name, *(out / name).rglob("*")] if path.is_file()]
