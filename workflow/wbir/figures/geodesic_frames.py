"""The images along geodesics, a row per method, with the weight M_t as outline or inset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wbir.errors import InputError
from wbir.figures._drawing import View, bare, show_grid, show_image
from wbir.results import PaperResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

KIND = {
    "shows": "frames I_t of methods that keep `frames` and `weights`, beside target, deformed image, grid and superposition (2D)",
    "options": {
        "experiment, case, where": "the case: by name, or the first one with these attributes",
        "rows": "{method: title}: a row each",
        "columns": "times in [0, 1], and words: target, deformed (the moving image without intensity additions), grid, "
        "superposition (moving in orange, target in blue)",
        "outline": "draw M_t on the frames, and the fixed mask on the target, as a red line",
        "inset": "show M_t in the top right corner of each frame",
        "arrow": "a label: point to where its moving and fixed places differ most",
        "final": "frame the last image I_1 in green",
    },
}
RED, GREEN, PURPLE = "#D62728", "#009E73", "#9467BD"
WORDS = {"target": "target T", "deformed": "deformed only", "grid": "deformation", "superposition": "source, target"}
HALF = 0.5


def draw(
    subfigure: SubFigure,
    results: PaperResults,
    *,
    experiment: str,
    rows: Mapping[str, str],
    columns: Sequence[float | str],
    case: str | int | None = None,
    where: Mapping[str, str] | None = None,
    outline: bool = False,
    inset: bool = False,
    arrow: int | None = None,
    final: bool = False,
) -> None:
    """Draw the panels. Raises InputError for an unknown column."""
    unknown = [c for c in columns if isinstance(c, str) and c not in WORDS]
    if unknown:
        raise InputError(f"columns that are times or among {list(WORDS)}", f"{unknown}", "correct `columns`")
    grid = subfigure.subplots(len(rows), len(columns), squeeze=False)
    for i, (method, title) in enumerate(rows.items()):
        view = View(results, experiment, case=case, where=where, method=method)
        for axes, column in zip(grid[i], columns, strict=True):
            if isinstance(column, str):
                _extra(axes, view, column, outline)
            else:
                _frame(axes, view, float(column), outline=outline, inset=inset)
                if arrow is not None:
                    _point(axes, view, arrow)
                if final and column == 1:
                    _box(axes)
            if i == 0:
                axes.set_title(WORDS[column] if isinstance(column, str) else _time(float(column)), fontsize=8)
        grid[i, 0].set_ylabel(title, fontsize=8)


def _time(time: float) -> str:
    return {0.0: "source S, t = 0", 1.0: "result, t = 1"}.get(time, f"t = {time:g}")


def _frame(axes: Axes, view: View, time: float, *, outline: bool, inset: bool) -> None:
    frames, weights = view.image("frames"), view.image("weights")
    number = round(time * (len(frames) - 1))
    show_image(axes, frames[number], vmin=0.0, vmax=1.0)
    weight = weights[number]
    if outline:
        _outline(axes, weight)
    if inset:
        corner = axes.inset_axes((0.70, 0.70, 0.30, 0.30))
        show_image(corner, weight, vmin=0.0, vmax=1.0)
        for spine in corner.spines.values():
            spine.set(visible=True, color=RED, linewidth=0.8)


def _extra(axes: Axes, view: View, what: str, outline: bool) -> None:
    fixed, moving = view.case.fixed, view.case.moving
    if what == "grid":
        field = view.displacement("displacement")
        show_grid(axes, field, max(2, field.shape[1] // 28), width=0.5)
        axes.set_xlim(-0.5, field.shape[1] - 0.5)
        axes.set_ylim(-0.5, field.shape[2] - 0.5)
        return
    if what == "superposition":
        colours = np.stack([moving, 0.5 * (moving + fixed), fixed], axis=-1)
        axes.imshow(np.clip(colours, 0, 1).transpose(1, 0, 2), origin="lower", interpolation="nearest")
        bare(axes)
    else:
        show_image(axes, fixed if what == "target" else view.image("deformed"), vmin=0.0, vmax=1.0)
    if outline and what != "deformed" and view.case.fixed_mask is not None:
        _outline(axes, view.case.fixed_mask.astype(float))


def _outline(axes: Axes, weight: np.ndarray) -> None:
    if weight.min() < HALF < weight.max():
        axes.contour(weight.T, [HALF], colors=RED, linewidths=0.8)


def _box(axes: Axes) -> None:
    for spine in axes.spines.values():
        spine.set(visible=True, color=GREEN, linewidth=2.0)


def _point(axes: Axes, view: View, label: int) -> None:
    """An arrow at the densest difference between a label's moving and fixed places."""
    from scipy.ndimage import gaussian_filter

    moving, fixed = view.case.moving_labels, view.case.fixed_labels
    if moving is None or fixed is None:
        return  # real patients come without them
    differ = gaussian_filter(((moving == label) != (fixed == label)).astype(float), 2.0)
    x, y = (int(v) for v in np.unravel_index(np.argmax(differ), differ.shape))
    away: dict[str, Any] = {"arrowstyle": "-|>", "color": PURPLE, "linewidth": 1.2}
    side = 1 if x >= differ.shape[0] / 2 else -1
    reach = 0.16 * differ.shape[0]
    axes.annotate("", (x + side, y), (x + side * reach, y + 0.6 * reach), arrowprops=away)
