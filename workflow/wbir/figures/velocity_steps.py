"""The maps along the time steps of a method that integrates velocities, as grids: a row for each kind of map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from wbir.errors import InputError
from wbir.figures._drawing import View, plane_of, show_grid
from wbir.results import PaperResults

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

KIND = {
    "shows": "the grids of the maps after each time step, a column a step and a row for each array of the gallery",
    "options": {
        "experiment, case, where, method": "the prediction: of the case named, or of the first one with these attributes",
        "rows": "{array: title}: arrays (N, dim, *shape) of displacements in voxels of their own grid",
        "axis, at": "the slice of a 3D one",
    },
}


def draw(
    subfigure: SubFigure,
    results: PaperResults,
    *,
    experiment: str,
    method: str,
    rows: Mapping[str, str],
    case: str | None = None,
    where: Mapping[str, str] | None = None,
    axis: int = 2,
    at: float = 0.5,
) -> None:
    """Draw the grids. Raises InputError for an array that the method did not keep."""
    view = View(results, experiment, case=case, where=where, method=method)
    lacking = [name for name in rows if name not in view.arrays]
    if lacking:
        raise InputError(
            f"arrays of {method} among {sorted(view.arrays)}", f"{lacking}", "let the method keep its steps"
        )
    count = len(view.arrays[next(iter(rows))])
    grid = subfigure.subplots(len(rows), count, squeeze=False)
    for line, (name, title) in zip(grid, rows.items(), strict=True):
        for number, (axes, field) in enumerate(zip(line, view.arrays[name], strict=True), start=1):
            plane = plane_of(field, axis, at)
            show_grid(axes, plane, max(1, plane.shape[1] // 24), width=0.5)
            axes.set_xlim(-1, plane.shape[1])
            axes.set_ylim(-1, plane.shape[2])
            if axes in grid[0]:
                axes.set_title(f"t = {number}/{count}", fontsize=8)
        line[0].set_ylabel(title, fontsize=8)
