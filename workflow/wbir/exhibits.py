"""Exhibits: every table and figure of a paper, written where the report finds them."""

from __future__ import annotations

import importlib
import logging
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wbir.errors import InputError
from wbir.files import write_rows, write_text, written_whole
from wbir.results import PaperResults
from wbir.tables import COLUMNS, build_table, to_html, to_latex, to_markdown, to_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger("wbir")
STYLE: Any = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9,
    "legend.frameon": False,
    "svg.hashsalt": "wbir",  # the same bytes in every run
    "image.cmap": "gray",
    "figure.facecolor": "white",
}


def make_exhibits(results: PaperResults, wanted: Sequence[str] = ()) -> None:
    """Write the wanted exhibits (default: all) as `tables/<id>.{csv,md,tex,html}` and `figures/<id>.{png,svg}`.

    Raises InputError for an id that the paper does not have.
    """
    tables, figures = results.paper.spec.get("tables", {}), results.paper.spec.get("figures", {})
    unknown = sorted(set(wanted) - set(tables) - set(figures))
    if unknown:
        raise InputError(
            f"exhibits of {results.paper.slug} among {[*tables, *figures]}", f"{unknown}", "correct the id"
        )
    for table_id in tables:
        if not wanted or table_id in wanted:
            _write_table(results, table_id)
    for figure_id, spec in figures.items():
        if not wanted or figure_id in wanted:
            _write_figure(results, figure_id, spec)


def _write_table(results: PaperResults, table_id: str) -> None:
    table = build_table(results, table_id)
    base = results.folder / "tables"
    write_rows(base / f"{table_id}.csv", to_rows(table), COLUMNS)
    for suffix, render in (("md", to_markdown), ("tex", to_latex), ("html", to_html)):
        write_text(base / f"{table_id}.{suffix}", render(table))
    log.info("%s %s", results.paper.slug, table.place)


def _write_figure(results: PaperResults, figure_id: str, spec: Mapping[str, Any]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context(STYLE):
        figure = draw_figure(results, spec)
        for suffix, options in (("png", {"dpi": 160}), ("svg", {"metadata": {"Date": None}})):
            with written_whole(results.folder / "figures" / f"{figure_id}.{suffix}") as temporary:
                figure.savefig(temporary, **options)  # type: ignore[arg-type]
                if suffix == "svg":
                    temporary.write_text(number_clips(temporary.read_text(encoding="utf-8")), encoding="utf-8")
        plt.close(figure)
    log.info("%s %s", results.paper.slug, spec["place"])


def number_clips(svg: str) -> str:
    """Name the clip paths by their order: matplotlib names those that are no rectangle by their place in memory."""
    for number, name in enumerate(re.findall(r'<clipPath id="(\w+)"', svg)):
        svg = svg.replace(f'<clipPath id="{name}"', f'<clipPath id="clip{number}"').replace(
            f"url(#{name})", f"url(#clip{number})"
        )
    return svg


def draw_figure(results: PaperResults, spec: Mapping[str, Any]) -> Figure:
    """A figure of panels: each is drawn by its kind's `draw(subfigure, results, **options)`."""
    import matplotlib.pyplot as plt

    panels = spec["panels"]
    rows, columns = spec.get("layout", (len(panels), 1))
    figure = plt.figure(figsize=tuple(spec.get("size", (8, 4 * rows))), layout="constrained")
    ratios = spec.get("ratios")
    options = {"height_ratios": ratios} if ratios and columns == 1 else {"width_ratios": ratios} if ratios else {}
    grid = figure.subfigures(rows, columns, squeeze=False, **options).ravel()
    for subfigure, panel in zip(grid, panels, strict=False):
        entry = {k: v for k, v in panel.items() if k not in ("kind", "title")}
        if panel.get("title"):
            subfigure.suptitle(panel["title"], fontsize=10, x=0.01, ha="left", fontweight="bold")
        try:
            importlib.import_module(f"wbir.figures.{panel['kind']}").draw(subfigure, results, **entry)
        except InputError as error:  # a failed case, or data without what the panel shows: the others are drawn
            log.warning("%s, a panel of kind %s: %s", results.paper.slug, panel["kind"], error)
            subfigure.clear()
            subfigure.text(
                0.5, 0.5, textwrap.fill(f"not drawn: {error}", 60), ha="center", va="center", color="firebrick"
            )
    return figure
