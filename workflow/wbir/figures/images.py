"""Images and deformation grids of cases in rows and columns."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wbir.figures._drawing import View, bare, plane_of, show_grid, show_image, slice_of
from wbir.results import PaperResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

KIND = {
    "shows": "images, differences, Jacobians and grids of cases, in rows and columns",
    "options": {
        "rows": "a list of entries; a row's keys are merged with a column's",
        "columns": "a list of entries",
        "entry": "title, experiment, case or where, method; inverse: negated (id - u in place of the inverse); "
        "show: fixed|moving|warped|warped_cubic|inverse_warped|"
        "difference|true_warped|jacobian|ARRAY "
        "or grid: displacement|inverse|truth|ARRAY (over: identity draws the undeformed grid below); axis, at: the slice",
        "letters": "letter the panels from this one on",
    },
}


def draw(
    subfigure: SubFigure,
    results: PaperResults,
    *,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Mapping[str, Any]],
    letters: str = "",
) -> None:
    """Draw a panel per row and column; row titles stand at the left, column titles on top."""
    grid = subfigure.subplots(len(rows), len(columns), squeeze=False)
    names = iter(string.ascii_lowercase[string.ascii_lowercase.index(letters) :]) if letters else None
    views: dict[tuple[Any, ...], View] = {}
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            entry = {**column, **row}
            axes = grid[i, j]
            chosen = {k: entry[k] for k in ("case", "where", "method", "inverse") if k in entry}
            key = (entry["experiment"], str(chosen))
            if key not in views:
                views[key] = View(results, entry["experiment"], **chosen)
            _panel(axes, views[key], entry)
            title = column.get("title", "") if i == 0 else ""
            title = f"({next(names)}) {title}" if names else title
            axes.set_title(title, fontsize=8)
            if j == 0 and row.get("title"):
                axes.set_ylabel(row["title"], fontsize=8)


def _panel(axes: Axes, view: View, entry: Mapping[str, Any]) -> None:
    axis, at = int(entry.get("axis", 2)), float(entry.get("at", 0.5))
    if "grid" in entry:
        plane = plane_of(view.displacement(entry["grid"]), axis, at)
        step = int(entry.get("step", max(2, plane.shape[1] // 32)))
        if entry.get("over") == "identity":
            show_grid(axes, np.zeros_like(plane), step, color="black", width=0.9)
            show_grid(axes, plane, step, color="#D62728", width=0.6)
        else:
            show_grid(axes, plane, step)
        return
    image = slice_of(view.image(entry["show"]), axis, at)
    if entry["show"] == "difference":
        show_image(axes, image, cmap="RdBu_r", vmin=-0.5, vmax=0.5)
    elif entry["show"] == "jacobian":
        show_image(axes, image, cmap="PuOr_r", vmin=0.0, vmax=2.0)
    else:
        show_image(axes, image, vmin=0.0, vmax=float(max(image.max(), 1e-6)))
    if "compare" in entry:
        _arrow(axes, view, entry, axis, at)
    bare(axes)


def _arrow(axes: Axes, view: View, entry: Mapping[str, Any], axis: int, at: float) -> None:
    """Point where this panel's image is furthest from its target (`compare: fixed|moving`), on the smoothed difference."""
    from scipy.ndimage import gaussian_filter

    error = np.abs(view.image(entry["show"]) - view.image(entry["compare"]))
    x, y = np.unravel_index(np.argmax(gaussian_filter(slice_of(error, axis, at), 1.5)), slice_of(error, axis, at).shape)
    axes.annotate("", (x, y), (x + 9, y + 9), arrowprops={"arrowstyle": "-|>", "color": "#E69F00", "linewidth": 1.5})
