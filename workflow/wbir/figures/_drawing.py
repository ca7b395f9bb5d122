"""What figure kinds share: slices, grids of lines, colours of methods, views of a case and its prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wbir.cases import Case, Prediction
from wbir.errors import InputError, require_known
from wbir.measures.base import Evaluation
from wbir.results import PaperResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, readable with colour-vision deficiency.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")


def colour(index: int) -> str:
    return PALETTE[index % len(PALETTE)]


class View:
    """A case with a method's prediction from the gallery: what a panel may show of them."""

    def __init__(
        self,
        results: PaperResults,
        experiment: str,
        *,
        case: str | int | None = None,
        where: Mapping[str, str] | None = None,
        method: str | None = None,
        inverse: str = "",
    ) -> None:
        """The case named, or the one of that number (from 1) with the attributes `where`, the first by default.

        inverse: `negated` takes id - u for the inverse.
        """
        require_known({"inverse": (inverse, ("", "negated"))}, "of a figure")
        cohort = results.cohort(experiment).select(**(where or {}))
        if not len(cohort):
            raise InputError(f"a case of {experiment} with {dict(where or {})}", "none", "correct `where`")
        name = case if isinstance(case, str) else cohort.rows[min(case or 1, len(cohort)) - 1]["case"]
        self.case: Case = cohort.case(name)
        self.arrays: Mapping[str, np.ndarray] = results.gallery(experiment, method, self.case.id) if method else {}
        known: dict[str, Any] = {
            name: self.arrays.get(name) for name in ("displacement", "inverse", "matrix", "warped")
        }
        if inverse == "negated" and known["displacement"] is not None:
            known["inverse"] = -known["displacement"]
        self.forward = Evaluation(self.case, Prediction(**known))

    def image(self, what: str) -> np.ndarray:
        """`fixed`, `moving`, `warped`, `warped_cubic`, `inverse_warped`, `difference`, `true_warped`, `jacobian`,
        or an array of the gallery.
        """
        if what in ("fixed", "moving"):
            return getattr(self.case, what)
        if what == "warped":
            return self.forward.warped
        if what == "warped_cubic":
            return self.forward.warp(self.case.moving, mode="cubic")
        if what == "inverse_warped":
            return self.forward.inverse().warped
        if what == "difference":
            return self.forward.warped - self.case.fixed
        if what == "true_warped":
            truth = Prediction(displacement=self.case.truth, matrix=self.case.truth_matrix)
            return Evaluation(self.case, truth).warp(self.case.moving, padding="zeros")
        if what == "jacobian":
            return self.forward.jacobian_determinant
        if what in self.arrays:
            return self.arrays[what]
        raise InputError(
            f"something to show among fixed, moving, warped, …, {sorted(self.arrays)}", repr(what), "correct it"
        )

    def displacement(self, what: str) -> np.ndarray:
        """`displacement`, `inverse`, `truth`, or an array of the gallery: `(dim, *shape)` voxels."""
        if what == "displacement":
            return self.forward.displacement
        if what == "inverse":
            return self.forward.inverse_displacement
        if what == "truth" and self.case.truth is not None:
            return self.case.truth
        if what in self.arrays:
            return self.arrays[what]
        raise InputError(
            f"a displacement among displacement, inverse, truth, {sorted(self.arrays)}", repr(what), "correct it"
        )


def slice_of(array: np.ndarray, axis: int, at: float) -> np.ndarray:
    """A 2D image as it is; of a 3D one the slice at a fraction of an axis."""
    return array if array.ndim == 2 else np.take(array, round(at * (array.shape[axis] - 1)), axis=axis)


def show_image(axes: Axes, image: np.ndarray, **options: Any) -> None:
    """Draw a slice, or one in colours `(X, Y, 3)`, with array axis 0 to the right and axis 1 upwards (right and anterior,
    or superior, in RAS).
    """
    axes.imshow(image.swapaxes(0, 1), **{"origin": "lower", "interpolation": "nearest", **options})
    bare(axes)


def bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def show_grid(axes: Axes, displacement: np.ndarray, step: int = 4, color: str = "#0072B2", width: float = 0.6) -> None:
    """Draw the lines of a grid mapped by id + u; `displacement` is `(2, X, Y)` in voxels."""
    x, y = np.meshgrid(*(np.arange(n, dtype=float) for n in displacement.shape[1:]), indexing="ij")
    x, y = x + displacement[0], y + displacement[1]
    for i in _lines(x.shape[0], step):
        axes.plot(x[i], y[i], color=color, linewidth=width)
    for j in _lines(x.shape[1], step):
        axes.plot(x[:, j], y[:, j], color=color, linewidth=width)
    axes.set_aspect("equal")
    bare(axes)


def _lines(n: int, step: int) -> list[int]:
    return sorted({*range(0, n, step), n - 1})


def plane_of(displacement: np.ndarray, axis: int, at: float) -> np.ndarray:
    """The in-plane part `(2, X, Y)` of a displacement on a slice."""
    if displacement.shape[0] == 2:
        return displacement
    kept = [c for c in range(3) if c != axis]
    return np.stack([slice_of(displacement[c], axis, at) for c in kept])
