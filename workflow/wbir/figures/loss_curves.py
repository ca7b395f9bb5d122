"""How training went: the loss of each learned method along its steps, and the validation's score beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wbir.figures._drawing import colour
from wbir.results import PaperResults

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

WINDOWS = 12  # the bold line is the mean of the last twelfth of the rows, over the rows themselves
KIND = {
    "shows": "training loss along the steps relative to the first (bold: its running mean), and validation scores if there are any",
    "options": {
        "experiment": "whose units were trained",
        "methods": "{key: name}: a colour each; seeds or folds are lines of one colour",
        "validation": "the validation column shown beside (dice, likeness …); none where the history has no such column",
    },
}


def draw(
    subfigure: SubFigure,
    results: PaperResults,
    *,
    experiment: str,
    methods: Mapping[str, str],
    validation: str = "dice",
) -> None:
    """Draw one panel, or two where a validation was recorded."""
    histories = {method: results.histories(experiment, method) for method in methods}
    column = f"validation {validation}"
    watched = any(column in history for found in histories.values() for history in found)
    axes = subfigure.subplots(1, 2 if watched else 1, squeeze=False)[0]
    for index, (method, name) in enumerate(methods.items()):
        for number, history in enumerate(histories[method]):
            style: dict[str, Any] = {"color": colour(index), "linewidth": 1.3, "label": "" if number else name}
            relative = history["loss"] / history["loss"].iloc[0]
            _line(axes[0], history, relative, {"color": colour(index), "linewidth": 0.6, "alpha": 0.25})
            _line(axes[0], history, relative.rolling(max(1, len(history) // WINDOWS), min_periods=1).mean(), style)
            if watched and column in history:
                _line(axes[1], history, history[column], style | {"marker": ".", "markersize": 4})
    for place, label in zip(axes, ("training loss / first loss", f"validation {validation}"), strict=False):
        place.set_xlabel("step")
        place.set_ylabel(label)
    axes[0].axhline(0, color="#57606a", linewidth=0.6)
    axes[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)


def _line(axes: Axes, history: pandas.DataFrame, values: pandas.Series, style: Mapping[str, Any]) -> None:
    known = values.notna()
    axes.plot(history["step"][known], values[known], **style)
