"""Curves of a metric along its label, a line per method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wbir.figures._drawing import colour
from wbir.results import PaperResults

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

KIND = {
    "shows": "a metric along its numeric label, a line per method, mean over cases",
    "options": {
        "select": "experiment, metric and what else pins the measurements",
        "methods": "{key: name}: a line each",
        "xlabel, ylabel": "axis labels with units",
        "mark": 'a reading (label "") whose value is marked by a vertical dashed line',
    },
}


def draw(
    subfigure: SubFigure,
    results: PaperResults,
    *,
    select: Mapping[str, Any],
    methods: Mapping[str, str],
    xlabel: str,
    ylabel: str,
    mark: str = "",
) -> None:
    """Draw the lines; the marked value is that of the first method's first case."""
    axes = subfigure.subplots()
    for index, (method, name) in enumerate(methods.items()):
        rows = results.select({**select, "method": method, "label": "*"})
        rows = rows[rows["label"] != ""]
        means = rows.assign(x=rows["label"].astype(float)).groupby("x")["value"].mean()
        axes.plot(means.index, means.to_numpy(), color=colour(index), linewidth=1.4, label=name)
        if mark:
            marked = results.select({"experiment": select["experiment"], "method": method, "metric": mark})
            for value in marked["value"].dropna().unique():
                axes.axvline(value, color=colour(index), linestyle="--", linewidth=0.9)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    if len(methods) > 1:
        axes.legend(loc="best", fontsize=8)
