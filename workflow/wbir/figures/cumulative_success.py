"""Success rate as a function of the acceptable error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wbir.figures._drawing import colour
from wbir.results import PaperResults

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

KIND = {
    "shows": "the fraction of cases with an error below t, along t, a line per method",
    "options": {
        "select": "experiment, metric and what else pins the measurements",
        "methods": "{key: name}: a line each",
        "limit": "the largest acceptable error shown",
        "threshold": "an error marked by a dashed line",
        "xlabel, ylabel": "axis labels with units",
    },
}


def draw(
    subfigure: SubFigure,
    results: PaperResults,
    *,
    select: Mapping[str, Any],
    methods: Mapping[str, str],
    limit: float,
    xlabel: str,
    ylabel: str,
    threshold: float | None = None,
) -> None:
    """Draw the empirical distribution functions; failed cases count as failures."""
    axes = subfigure.subplots()
    t = np.linspace(0.0, limit, 401)
    for index, (method, name) in enumerate(methods.items()):
        errors = results.select({**select, "method": method})["value"].fillna(np.inf).to_numpy()
        if len(errors):
            rate = (errors[None] < t[:, None]).mean(axis=1)
            axes.plot(t, rate, color=colour(index), linewidth=1.5, label=f"{name} (n = {len(errors)})")
    if threshold is not None:
        axes.axvline(threshold, color="#57606a", linestyle="--", linewidth=0.8)
    axes.set_xlim(0, limit)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
