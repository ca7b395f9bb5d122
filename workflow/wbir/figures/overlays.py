"""Fixed and moving image laid over each other in two colours that add up to grey where they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wbir.errors import InputError
from wbir.figures._drawing import PALETTE, View, bare, slice_of
from wbir.results import PaperResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

KIND = {
    "shows": "the fixed image in blue and the moving or warped one in orange, grey where they agree; label contours",
    "options": {
        "rows": "a list of entries; a row's keys are merged with a column's",
        "columns": "a list of entries",
        "entry": "title, experiment, case or where, method; show: moving|warped|start; axis, at: the slice; "
        "window: [low, high] intensities shown black and white",
        "labels": "{label: name}: contours of the fixed (dotted) and the shown labels, a colour each, with a legend",
    },
}
BLUE, ORANGE = np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.5, 0.0])


def draw(
    subfigure: SubFigure, results: PaperResults, *, rows: Sequence[Mapping[str, Any]], columns: Sequence[Mapping[str, Any]]
) -> None:  # fmt: skip
    """Draw a panel per row and column; row titles stand at the left, column titles on top."""
    grid = subfigure.subplots(len(rows), len(columns), squeeze=False)
    views: dict[str, View] = {}
    shown: dict[str, str] = {}
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            entry = {**column, **row}
            chosen = {k: entry[k] for k in ("case", "where", "method") if k in entry}
            key = f"{entry['experiment']} {chosen}"
            if key not in views:
                views[key] = View(results, entry["experiment"], **chosen)
            shown |= panel(grid[i, j], views[key], entry)
            if i == 0:
                grid[i, j].set_title(column.get("title", ""), fontsize=8)
            if j == 0:
                grid[i, j].set_ylabel(row.get("title", ""), fontsize=8)
    if shown:
        from matplotlib.lines import Line2D

        handles = [Line2D([], [], color=colour, label=name) for name, colour in shown.items()]
        subfigure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 7), fontsize=7)


def panel(axes: Axes, view: View, entry: Mapping[str, Any]) -> dict[str, str]:
    """Draw one overlay; the names of the labels whose contours it has, with their colours."""
    axis, at = int(entry.get("axis", 1)), float(entry.get("at", 0.5))
    low, high = entry.get("window", (float(view.case.fixed.min()), float(view.case.fixed.max())))
    fixed, other = (slice_of(image, axis, at) for image in (view.case.fixed, moved(view, "moving", entry["show"])))
    axes.imshow(overlay(fixed, other, low, high).transpose(1, 0, 2), origin="lower", aspect=aspect(view, axis))
    bare(axes)
    names = dict(entry.get("labels", {}))
    if not names:
        return {}
    maps = [
        slice_of(a, axis, at) for a in (view.forward.given("fixed_labels"), moved(view, "moving_labels", entry["show"]))
    ]
    found = {}
    for number, (label, name) in enumerate(names.items()):
        colour = PALETTE[number % len(PALETTE)]
        for labels, style in zip(maps, ("dotted", "solid"), strict=True):
            inside = (labels == int(label)).T.astype(float)
            if inside.any():
                axes.contour(inside, [0.5], colors=[colour], linewidths=0.9, linestyles=style)
                found[str(name)] = colour
    return found


def moved(view: View, name: str, show: str) -> np.ndarray:
    """The case's moving image or labels as they are (`moving`), or pulled back by a displacement (`warped`, `start`)."""
    array, labels = view.forward.given(name), name.endswith("labels")
    if show == "moving":
        return array
    if show not in ("warped", "start"):
        raise InputError("show among moving, warped, start", repr(show), "correct it")
    from wbir.measures.base import warp

    field = view.displacement("displacement" if show == "warped" else "start")
    return warp(array, field, mode="nearest" if labels else "linear", padding="zeros" if labels else "border")


def overlay(fixed: np.ndarray, moving: np.ndarray, low: float, high: float) -> np.ndarray:
    """RGB `(*shape, 3)` in [0, 1]: blue times the fixed and orange times the moving image, windowed."""
    scaled = [np.clip((image - low) / max(high - low, 1e-12), 0, 1)[..., None] for image in (fixed, moving)]
    return np.clip(scaled[0] * BLUE + scaled[1] * ORANGE, 0, 1)


def aspect(view: View, axis: int) -> float:
    """Height of a voxel of the slice over its width."""
    spacing = [s for a, s in enumerate(view.case.frame.spacing) if a != axis or view.case.frame.dim == 2]
    return float(spacing[1] / spacing[0])
