"""The site as a whole: a front page, a page per paper or study, a viewer page per shown case."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbir.errors import InputError
from wbir.papers import SCALES, Paper, load_paper, slugs, studies
from wbir.results import PaperResults
from wbir.site import case_data
from wbir.site.front import front_view
from wbir.site.paper_view import paper_view
from wbir.site.rendering import copy_assets, environment

if TYPE_CHECKING:
    from jinja2 import Template

log = logging.getLogger("wbir")
PARTS = ("assets", "papers", "cases", "index.html")  # the index last: it links to all others
WHOLE_BYTES = 38e6  # the site stays below 40 MB: what tables and figures leave is for the viewer's images,
IMAGE_BYTES, LEAST_IMAGE_BYTES = 26e6, 6e6  # but no more and no less than this


@dataclass(frozen=True)
class Choices:
    """What the user chose: scale, where cohorts come from, own copies of data."""

    scale: str
    sources: Mapping[str, str]
    data: Mapping[str, str]

    def paper(self, slug: str, scale: str = "") -> Paper:
        return load_paper(slug, scale or self.scale, self.sources, self.data)


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
    views = {slug: paper_view(results, out / "papers" / slug, choices.paper) for slug, results in found.items()}
    room = min(IMAGE_BYTES, max(LEAST_IMAGE_BYTES, WHOLE_BYTES - sum(_sizes(out)))) / max(1, len(found))
    for slug, results in found.items():
        shown = case_data.choose_cases(results, room)
        page = templates.get_template("paper.html").render(site=site, root="../", shown=shown, **views[slug])
        (out / "papers" / f"{slug}.html").write_text(page, encoding="utf-8")
        _write_cases(results, shown, out / "cases", templates.get_template("case.html"), {"site": site} | views[slug])
        log.info("%s: %d claims, %d cases", slug, len(views[slug]["claims"]), len(shown))
    page = templates.get_template("index.html").render(site=site, root="", **front_view(views))
    (out / "index.html").write_text(page, encoding="utf-8")


def _write_cases(
    results: PaperResults,
    shown: Sequence[case_data.ShownCase],
    folder: Path,
    template: Template,
    view: Mapping[str, Any],
) -> None:
    """A viewer page per shown case, and the scripts with its images."""
    for number, case in enumerate(shown):
        page = template.render(
            site=view["site"],
            paper=view["paper"],
            root="../",
            shown=case,
            about=case_data.write_case(results, case, folder),
            methods=[{"name": m, "title": results.paper.title(m), "file": case.script_of(m)} for m in case.methods],
            absent=[results.paper.title(m) for m in case.absent],
            near={"before": shown[number - 1] if number else None, "after": shown[number + 1 : number + 2]},
        )
        (folder / f"{case.name}.html").write_text(page, encoding="utf-8")


def _put_in_place(temporary: Path, out: Path) -> None:
    """Rename the parts of a finished site onto those of the last one."""
    for name in PARTS:
        if (out / name).exists():
            os.replace(out / name, temporary / f"replaced-{name}")
        os.replace(temporary / name, out / name)


def _sizes(out: Path) -> list[int]:
    return [path.stat().st_size for name in PARTS for path in [out / name, *(out / name).rglob("*")] if path.is_file()]
