"""The check sheet: one picture by which a person sees whether a registration can be right.

Slices are shown as a radiologist sees them (left of the picture is the patient's right; a PNG stands as in a viewer).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wbir.figures._drawing import plane_of, show_grid, show_image
from wbir.figures._planes import PLANES, Turned, checkerboard, in_plane, middle
from wbir.files import written_whole
from wbir.measures.base import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOWARDS = (-1, -1, 1)  # left, back, up
LINES = 32  # of the grid, about
FOLDED = "#FF00FF"
PANELS = (
    "Fixed", "Moving, before", "Warped, after", "Checkerboard\nfixed / warped", "Difference before\nmoving - fixed",
    "Difference after\nwarped - fixed", "Deformation grid\nmean shift removed", "Jacobian determinant\n1: no change, magenta: folds",
)  # fmt: skip


def write_sheet(path: Path, before: Evaluation, after: Evaluation, title: str) -> None:
    """Draw the sheet: a row of panels for 2D in two lines, a row for each plane in 3D."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    turned = _Turned(before, after)
    rows, columns = (2, 4) if turned.dim == 2 else (3, 8)
    heights = [turned.proportion(2 if turned.dim == 2 else 2 - row) for row in range(rows)]
    width = 3.3 if turned.dim == 2 else 2.5  # of a panel, inches
    size = (columns * width, 1.2 + sum(0.75 * width * h + 0.45 for h in heights))
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{title}\n{turned.folds()}", fontsize=12)
    grid = figure.subplots(rows, columns, squeeze=False, height_ratios=heights)
    for number, axes in enumerate(grid.ravel()):
        panel, axis = (number, 2) if turned.dim == 2 else (number % columns, 2 - number // columns)
        shown = _panel(axes, turned, panel, axis)
        if turned.dim == 2 or number < columns:
            axes.set_title(PANELS[panel], fontsize=10)
        if turned.dim == 3 and panel == 0:
            axes.set_ylabel(PLANES[axis], fontsize=10)
        _orient(axes, turned, axis)
        if panel in (4, 5, 7):
            bar = figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.02)
            bar.ax.tick_params(labelsize=7)
    with written_whole(path) as temporary:
        figure.savefig(temporary, dpi=110, metadata={"Software": None})


class _Turned(Turned):
    """The arrays of a pair turned so that their axes run to the left, to the back and upwards (LPS for x and y)."""

    def __init__(self, before: Evaluation, after: Evaluation) -> None:
        frame = after.case.frame
        super().__init__(frame, TOWARDS[: frame.dim])
        self.fixed, self.moving = self.array(after.case.fixed), self.array(before.warped)
        self.warped, self.jacobian = self.array(after.warped), self.array(after.jacobian_determinant)
        field = np.stack([self.array(after.displacement[a]) for a in self.order])
        field = field * np.reshape(self.signs, (-1, *(1,) * self.dim))
        self.field = field - field.mean(axis=tuple(range(1, self.dim + 1)), keepdims=True)
        self.at = middle(self.fixed)
        values = np.concatenate([self.fixed.ravel()[::7], self.warped.ravel()[::7]])
        self.low, self.high = (float(v) for v in np.percentile(values, (0.5, 99.5)))
        self.high = max(self.high, self.low + 1e-6)

    def proportion(self, axis: int) -> float:
        """Height over width of the slices across an axis, in the world; not further from 1 than a sheet can bear."""
        across, up = (self.extent(a) for a in in_plane(self.dim, axis))
        return min(max(up / across, 0.3), 3.0)

    def folds(self) -> str:
        count = int(np.count_nonzero(self.jacobian <= 0))
        share = f"{100 * count / self.jacobian.size:.3g} %"
        return f"folds (determinant at or below 0): {count} of {self.jacobian.size} voxels ({share})"


def _panel(axes: Axes, turned: _Turned, panel: int, axis: int) -> Any:
    """Draw panel number `panel` of PANELS and return what a colour bar needs."""
    fixed, moving, warped = (
        turned.cut(image, axis, turned.at) for image in (turned.fixed, turned.moving, turned.warped)
    )
    grey: dict[str, Any] = {"cmap": "gray", "vmin": turned.low, "vmax": turned.high}
    if panel < 4:
        show_image(axes, (fixed, moving, warped, checkerboard(fixed, warped))[panel], **grey)
    elif panel < 6:
        reach = turned.high - turned.low
        show_image(axes, (moving, warped)[panel - 4] - fixed, cmap="RdBu_r", vmin=-reach, vmax=reach)
    elif panel == 6:
        plane = plane_of(turned.field, axis, turned.at[axis] if turned.dim == 3 else 0.5)
        axes.imshow(fixed.T, origin="lower", alpha=0.35, **grey)
        show_grid(axes, plane, max(2, max(plane.shape[1:]) // LINES), width=0.7)
    else:
        _jacobian(axes, turned.cut(turned.jacobian, axis, turned.at))
    return axes.images[0] if axes.images else None


def _jacobian(axes: Axes, determinant: np.ndarray) -> None:
    """White is 1 (no change of volume), orange grows, violet shrinks; folds stand out in magenta."""
    from matplotlib import colormaps

    colours = colormaps["PuOr_r"].with_extremes(bad=FOLDED)
    show_image(axes, np.ma.masked_less_equal(determinant, 0.0), cmap=colours, vmin=0.0, vmax=2.0)


def _orient(axes: Axes, turned: _Turned, axis: int) -> None:
    """True proportions; x to the left of the patient; up is up, or the front where there is no up."""
    across, up = in_plane(turned.dim, axis)
    axes.set_aspect(turned.spacing[up] / turned.spacing[across])
    shape = turned.fixed.shape
    axes.set_xlim(-0.5, shape[across] - 0.5)
    limits = (-0.5, shape[up] - 0.5)
    axes.set_ylim(limits if up == 2 else limits[::-1])
    if turned.dim == 3:
        axes.set_xlabel(" – ".join(turned.ends[across]), fontsize=7, labelpad=1)
