"""Quality against time: a labelled point per method, time on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wbir.figures._drawing import colour
from wbir.results import PaperResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

KIND = {
    "shows": "mean quality over cases against the median CPU time for a case (log axis), a labelled point per method",
    "options": {
        "select": "experiment, metric and what else pins the measurements",
        "methods": "{key: name}: a point each",
        "own": "keys of the methods drawn filled and in bold type",
        "ylabel": "label of the quality axis with its unit",
    },
}
POINTS_PER_INCH = 72
AXES_SHARE = 0.85  # of a panel, nearly
CANDIDATES = [  # places of a name about its point, in points: beside, above, below, then further off
    (sx * dx, dy, "left" if sx > 0 else "right")
    for dx, dy in ((7, 0), (6, 8), (6, -8), (6, 16), (6, -16), (10, 24), (10, -24), (14, 32), (14, -32))
    for sx in (1, -1)
]
LETTER = (4.6, 9.0)  # width and height of a letter of the names, points


def draw(
    subfigure: SubFigure,
    results: PaperResults,
    *,
    select: Mapping[str, Any],
    methods: Mapping[str, str],
    ylabel: str,
    own: Sequence[str] = (),
) -> None:
    """Draw the points of the methods that have measurements; where there is none, say so."""
    from matplotlib.ticker import LogLocator

    axes = subfigure.subplots()
    points = {}
    for key, name in methods.items():
        quality = results.select({**select, "method": key})["value"].mean()
        wanted = {"experiment": select["experiment"], "method": key, "metric": "cpu_seconds"}
        seconds = results.select(wanted, speed=True)  # wall time would take the machine's other load for the method's
        time = seconds["value"].median()
        if math.isfinite(quality) and math.isfinite(time):
            points[key] = (float(time), float(quality), name)
    axes.set_xlabel("median CPU time for a pair (s)")
    axes.set_ylabel(ylabel)
    if not points:
        axes.text(0.5, 0.5, "not run: needs the data set", ha="center", va="center", transform=axes.transAxes)
        return
    times, values = zip(*((t, q) for t, q, _ in points.values()), strict=True)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    axes.set_xlim(min(times) / 1.6, max(times) * 2.2)
    margin = 0.12 * (max(values) - min(values) or 1.0)
    axes.set_ylim(min(values) - margin, max(values) + margin)
    axes.grid(alpha=0.25, linewidth=0.5)
    for key, (time, quality, _) in points.items():
        face = colour(0) if key in own else "white"
        axes.plot(time, quality, "o", markersize=6, color=face, markeredgecolor=colour(0 if key in own else 6))
    _name_points(axes, points, own)


def _name_points(axes: Axes, points: Mapping[str, tuple[float, float, str]], own: Sequence[str]) -> None:
    """Write each name at the first place about its point that is free of points and of other names."""
    panel, scale = axes.figure.bbox, AXES_SHARE * POINTS_PER_INCH / axes.figure.dpi
    width, height = panel.width * scale, panel.height * scale
    (low, high), (bottom, top) = np.log(axes.get_xlim()), axes.get_ylim()
    at = {
        key: ((math.log(t) - low) / (high - low) * width, (q - bottom) / (top - bottom) * height)
        for key, (t, q, _) in points.items()
    }
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in at.values()]
    for key, (time, quality, name) in points.items():
        boxes = [_box(*at[key], dx, dy, side, name) for dx, dy, side in CANDIDATES]
        costs = [sum(_overlap(box, other) for other in taken) + _outside(box, width, height) for box in boxes]
        best = int(np.argmin(costs))  # the first of the least
        dx, dy, side = CANDIDATES[best]
        taken.append(boxes[best])
        axes.annotate(
            name,
            (time, quality),
            (dx, dy),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=7.5,
            fontweight="bold" if key in own else "normal",
            arrowprops={"arrowstyle": "-", "lw": 0.4, "color": "0.5", "shrinkA": 0, "shrinkB": 3}
            if abs(dy) > 10
            else None,
        )


def _box(x: float, y: float, dx: float, dy: float, side: str, name: str) -> tuple[float, float, float, float]:
    length = LETTER[0] * len(name)
    left = x + dx if side == "left" else x + dx - length
    return left, y + dy - LETTER[1] / 2, left + length, y + dy + LETTER[1] / 2


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if wide > 0 and high > 0 else 0.0


def _outside(box: Sequence[float], width: float, height: float) -> float:
    left, bottom, right, top = box
    return 10 * (max(0.0, -left) + max(0.0, right - width) + max(0.0, -bottom) + max(0.0, top - height))
