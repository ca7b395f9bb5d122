"""Box plots of a metric: groups side by side, a box per method (or per value of an attribute) in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wbir.figures._drawing import colour
from wbir.results import PaperResults, conjoined, selection_of

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

KIND = {
    "shows": "box plots of a metric over cases, every case as a dot",
    "options": {
        "select": "experiment, metric and what else pins the measurements",
        "groups": "{by: label|method|attribute, items: {key: name}}, or {by: selection, items: {name: selection}}: side by side",
        "boxes": "as groups: coloured, within a group",
        "ylabel": "label of the value axis, with its unit",
        "colours": "colours of the boxes, in order (default: the house's)",
    },
}


def draw(
    subfigure: SubFigure,
    results: PaperResults,
    *,
    select: Mapping[str, Any],
    groups: Mapping[str, Any],
    boxes: Mapping[str, Any],
    ylabel: str,
    colours: Sequence[str] = (),
) -> None:
    """Draw the boxes: median, quartiles, whiskers of 1.5 interquartile ranges."""
    axes = subfigure.subplots()
    group_items, box_items = _items(groups), _items(boxes)
    width = min(0.3, 0.8 / len(box_items))
    for b, (name, box) in enumerate(box_items):
        paint = colours[b] if colours else colour(b)
        for g, (_, group) in enumerate(group_items):
            values = results.select(conjoined({"label": "*"}, select, group, box))["value"].dropna().to_numpy()
            if not len(values):
                continue
            place = g + (b - (len(box_items) - 1) / 2) * width
            drawn = axes.boxplot(values, positions=[place], widths=0.8 * width, patch_artist=True, showfliers=False)
            drawn["boxes"][0].set(facecolor=paint, alpha=0.35, edgecolor=paint)
            drawn["medians"][0].set(color=paint, linewidth=2)
            axes.plot(np.full(len(values), place), values, "o", color=paint, markersize=3)
        axes.plot([], [], "s", color=paint, label=name)
    axes.set_xticks(range(len(group_items)), [name for name, _ in group_items])
    axes.set_xlim(-0.6, len(group_items) - 0.4)
    axes.set_ylabel(ylabel)
    if len(box_items) > 1:
        axes.legend(loc="best", fontsize=8)


def _items(axis: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The shown name of each item, and what it selects."""
    if axis["by"] == "selection":
        return list(axis["items"].items())
    return [(name, selection_of(axis["by"], str(key))) for key, name in axis["items"].items()]
