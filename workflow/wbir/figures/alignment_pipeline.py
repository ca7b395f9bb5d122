"""One level of a global alignment, drawn by running it: images, normalised gradient fields, similarity map, alignment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wbir.figures._drawing import View, bare, show_image, slice_of
from wbir.results import PaperResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

KIND = {
    "shows": "the steps of one level of cross-similarity alignment, computed on a case at its true rotation",
    "options": {
        "experiment, where": "the case, by its attributes",
        "sigma": "blur of the level, voxels",
        "epsilon": "of the normalised gradients",
    },
}


def draw(
    subfigure: SubFigure,
    results: PaperResults,
    *,
    experiment: str,
    where: Mapping[str, str],
    sigma: float,
    epsilon: float = 1e-5,
) -> None:
    """Draw A and B, B rotated, their gradient fields as colours, the map of all displacements, and A over the aligned B."""
    view = View(results, experiment, where=where)
    fixed, moving, rotated = view.case.fixed, view.case.moving, _rotated_only(view)
    colours, overlap_map, best = _match(fixed, rotated, sigma, epsilon)
    axes = subfigure.subplots(2, 4)
    middle: dict[str, Any] = {"axis": 2, "at": 0.55}
    for place, image, title in (
        (axes[0, 0], fixed, "A (reference)"),
        (axes[1, 0], moving, "B (floating)"),
        (axes[1, 1], rotated, "B rotated by θ"),
    ):
        show_image(place, slice_of(image, **middle))
        place.set_title(title)
    _colours(axes[0, 1], slice_of(colours[0], **middle), "NGF of A")
    _colours(axes[1, 2], slice_of(colours[1], **middle), "NGF of rotated B")
    _map(axes[0, 2], overlap_map, best)
    show_image(axes[0, 3], slice_of(fixed, **middle))
    axes[0, 3].imshow(slice_of(view.image("true_warped"), **middle).T, origin="lower", cmap="inferno", alpha=0.5)
    axes[0, 3].set_title("A with B aligned")
    axes[1, 3].axis("off")
    text = f"for every rotation θ:\nthe best of {overlap_map.size:,}\ndisplacements χ,\nby FFT;\nthe best θ go on\nto the next level"
    axes[1, 3].text(0.02, 0.95, text, va="top", transform=axes[1, 3].transAxes, fontsize=9)


def _rotated_only(view: View) -> np.ndarray:
    """The moving image turned by the true rotation about its centre, without the shift."""
    from wbir.cases import Prediction
    from wbir.measures.base import Evaluation

    matrix = np.array(view.case.truth_matrix, dtype=np.float64)
    centre = (np.asarray(view.case.frame.shape) - 1) / 2
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre
    return Evaluation(view.case, Prediction(matrix=matrix)).warped


def _match(
    fixed: np.ndarray, moving: np.ndarray, sigma: float, epsilon: float
) -> tuple[list[np.ndarray], np.ndarray, Any]:
    """NGF colours `(X, Y, Z, 3)` of both images, the similarity map (NaN where the overlap is small), its best index."""
    import torch

    from wbir.energies.ngf import normalized_gradients
    from wbir.geometry.kernels import gaussian_smooth
    from wbir.registration.cross_similarity import CrossSimilarity

    with torch.no_grad():
        volumes = [gaussian_smooth(torch.from_numpy(v)[None, None], sigma) for v in (fixed, moving)]
        fields = [normalized_gradients(v, epsilon=epsilon) for v in volumes]
        found = CrossSimilarity(fields[0], None, fields[1].shape[2:], overlap=0.5)(fields[1])
    values = np.where(found.allowed()[0].numpy(), found.values[0].numpy(), np.nan)
    colours = [np.moveaxis(field[0].abs().numpy(), 0, -1) for field in fields]
    return colours, values, np.unravel_index(np.nanargmax(values), values.shape)


def _colours(axes: Axes, image: np.ndarray, title: str) -> None:
    axes.imshow(np.clip(image.transpose(1, 0, 2), 0, 1), origin="lower", interpolation="nearest")
    axes.set_title(title)
    bare(axes)


def _map(axes: Axes, values: np.ndarray, best: Any) -> None:
    """The slice of the map through its maximum, which is marked."""
    axes.imshow(values[:, :, best[2]].T, origin="lower", cmap="viridis")
    axes.plot(
        best[0], best[1], "o", markersize=12, markerfacecolor="none", markeredgecolor="#D55E00", markeredgewidth=1.8
    )
    axes.set_title("s_ANGF over χ, maximum marked")
    bare(axes)
