"""What a metric is, how metrics are found, and what a metric sees."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from wbir.cases import Case, Prediction, lacking
from wbir.errors import InputError

DIRECTIONS = ("higher", "lower", "none")
Value = float | dict[str, float]


@dataclass(frozen=True)
class Metric:
    """A metric and what its numbers mean.

    direction: whether `higher` or `lower` is better, or `none`.
    range: lowest and highest possible value (infinite where there is no limit). NaN marks an undefined value.
    reference: where the definition stands (paper, section, equation, or the usual name).
    needs: what a case must have; `"truth|truth_matrix"` means either.
    """

    name: str
    function: Callable[[Evaluation], Value]
    unit: str
    direction: str
    range: tuple[float, float]
    reference: str
    needs: tuple[str, ...] = ()

    def lacks(self, case: Case) -> str:
        """What the metric needs and the case does not have, in words; empty where nothing is missing."""
        return lacking(case, self.needs)

    def __call__(self, evaluation: Evaluation) -> Value:
        """The value, or label -> value. Raises InputError where the case lacks what the metric needs."""
        if missing := self.lacks(evaluation.case):
            raise InputError(
                f"{missing} for the metric {self.name}",
                f"none in case {evaluation.case.id}",
                "measure something else, or give the cohort what is missing",
            )
        return self.function(evaluation)


def metric(
    *, unit: str, direction: str, range: tuple[float, float], reference: str, needs: tuple[str, ...] = ()
) -> Callable[[Callable[[Evaluation], Value]], Callable[[Evaluation], Value]]:
    """Declare a function of an Evaluation as a metric; its name is the function's. The function stays callable."""
    if direction not in DIRECTIONS:
        raise ValueError(f"the direction of a metric is one of {DIRECTIONS}, got {direction!r}")

    def declare(function: Callable[[Evaluation], Value]) -> Callable[[Evaluation], Value]:
        declared = Metric(function.__name__, function, unit, direction, range, reference, needs)

        @functools.wraps(function)
        def guarded(evaluation: Evaluation) -> Value:
            return declared(evaluation)

        guarded.metric = declared  # type: ignore[attr-defined]
        return guarded

    return declare


def discover() -> dict[str, Metric]:
    """Every metric of this package by name, sorted. Raises ValueError where two have one name."""
    package = importlib.import_module("wbir.measures")
    found: dict[str, Metric] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for value in vars(module).values():
            declared = getattr(value, "metric", None)
            if isinstance(declared, Metric) and value.__module__ == module.__name__:
                if declared.name in found:
                    raise ValueError(f"two metrics are called {declared.name}")
                found[declared.name] = declared
    return dict(sorted(found.items()))


class Evaluation:
    """A case, a prediction for it, and what follows from the two; each computed once, when asked for.

    Raises InputError where the prediction does not fit the case, or has NaN or infinite values.
    """

    def __init__(self, case: Case, prediction: Prediction) -> None:
        self.case, self.prediction = case, prediction
        self._kept: dict[str, Any] = {}
        dim, shape = case.frame.dim, case.frame.shape
        expected: dict[str, tuple[int, ...]] = {
            "displacement": (dim, *shape),
            "inverse": (dim, *shape),
            "matrix": (dim + 1, dim + 1),
            "warped": shape,
        }
        for name, size in expected.items():
            array = getattr(prediction, name)
            if array is not None and np.shape(array) != size:
                raise InputError(f"{name} for case {case.id} of shape {size}", f"{np.shape(array)}", "check the method")
            if array is not None and not np.all(np.isfinite(array)):
                raise InputError(f"finite {name} for case {case.id}", "NaN or infinity", "see the method's log")

    @cached_property
    def is_identity(self) -> bool:
        """Whether the prediction's map moves nothing."""
        if self.prediction.displacement is not None:
            return not np.any(self.prediction.displacement)
        matrix = self.prediction.matrix
        return matrix is None or np.array_equal(matrix, np.eye(self.case.frame.dim + 1))

    @cached_property
    def displacement(self) -> np.ndarray:
        """float32 `(dim, *shape)`, voxels of the fixed grid, pull-back."""
        if self.prediction.displacement is not None:
            return np.asarray(self.prediction.displacement, dtype=np.float32)
        frame = self.case.frame
        if self.is_identity:
            return np.zeros((frame.dim, *frame.shape), dtype=np.float32)
        return _matrix_displacement(np.asarray(self.prediction.matrix), frame.shape)

    @cached_property
    def warped(self) -> np.ndarray:
        """float32 `shape`: the method's own warped image, or the moving image warped linearly (edge values outside)."""
        if self.prediction.warped is not None:
            return np.asarray(self.prediction.warped, dtype=np.float32)
        return self.case.moving if self.is_identity else self.warp(self.case.moving, mode="linear")

    @cached_property
    def warped_labels(self) -> np.ndarray:
        """int16 `shape`: the moving labels, nearest neighbour, background outside the grid."""
        labels = self.given("moving_labels")
        if self.is_identity:
            return labels
        return np.rint(self.warp(labels, mode="nearest", padding="zeros")).astype(labels.dtype)

    @cached_property
    def jacobian_determinant(self) -> np.ndarray:
        """float32 `shape`: det J of the map id + u, before any shift or clip."""
        if self.is_identity:
            return np.ones(self.case.frame.shape, dtype=np.float32)
        import torch

        from wbir.geometry.jacobians import jacobian_determinant

        with torch.no_grad():
            return jacobian_determinant(torch.from_numpy(self.displacement)[None])[0].numpy()

    def given(self, name: str) -> np.ndarray:
        """An array of the case by name (`fixed_labels`). Raises InputError where the case has none."""
        array = getattr(self.case, name)
        if array is None:
            raise InputError(f"{name} in case {self.case.id}", "none", "measure something else")
        return array

    def once(self, name: str, compute: Callable[[Evaluation], Any]) -> Any:
        """The result of `compute(self)`, kept under `name` for the metrics that share it."""
        if name not in self._kept:
            self._kept[name] = compute(self)
        return self._kept[name]

    def to_millimetres(self, vectors: np.ndarray) -> np.ndarray:
        """Voxel vectors, components first `(dim, ...)`, to millimetres of the world: float64 `(dim, ...)`."""
        dim = self.case.frame.dim
        return np.tensordot(self.case.frame.affine[:dim, :dim], vectors, axes=1)

    def warp(self, image: np.ndarray, *, mode: str = "linear", padding: str = "border") -> np.ndarray:
        """Pull an image of the moving grid back by the displacement: float32 `shape`."""
        return warp(image, self.displacement, mode=mode, padding=padding)

    def map_points(self, points: np.ndarray) -> np.ndarray:
        """Fixed voxel points `(N, dim)` to moving voxel points; by the matrix where there is no displacement."""
        if self.prediction.displacement is None and self.prediction.matrix is not None:
            return map_by(self.prediction.matrix, points)
        return points + sample_field(self.displacement, points)

    @cached_property
    def truth(self) -> np.ndarray:
        """float32 `(dim, *shape)`: the true displacement, or that of the true matrix. Raises InputError for neither."""
        if self.case.truth is not None:
            return self.case.truth
        return _matrix_displacement(self.given("truth_matrix"), self.case.frame.shape)

    @cached_property
    def inverse_displacement(self) -> np.ndarray:
        """float32 `(dim, *shape)`: the method's own inverse, else the inverse of its matrix, else a numerical one."""
        if self.prediction.inverse is not None:
            return np.asarray(self.prediction.inverse, dtype=np.float32)
        return self.inverse().displacement

    def inverse(self) -> Evaluation:
        """The evaluation with fixed and moving in each other's place, by the inverse map.

        The method's own inverse is used where there is one; a matrix is inverted exactly, a displacement numerically.
        `warped` is dropped, and so is `truth` (not `truth_matrix`, which is inverted).
        """
        from wbir.registration.inverse import inverse_displacement

        case, prediction = self.case, self.prediction
        matrix = None if prediction.matrix is None else np.linalg.inv(prediction.matrix)
        swapped = Prediction(displacement=prediction.inverse, inverse=prediction.displacement, matrix=matrix)
        if prediction.inverse is None and prediction.displacement is not None:
            swapped.displacement = self.displacement if self.is_identity else inverse_displacement(self.displacement)
        pairs = ("fixed", "fixed_labels", "fixed_mask", "fixed_points")
        changes: dict[str, Any] = {}
        for name in pairs:
            other = name.replace("fixed", "moving")
            changes |= {name: getattr(case, other), other: getattr(case, name)}
        true = None if case.truth_matrix is None else np.linalg.inv(case.truth_matrix)
        return Evaluation(replace(case, truth=None, truth_matrix=true, **changes), swapped)


def warp(image: np.ndarray, displacement: np.ndarray, *, mode: str = "linear", padding: str = "border") -> np.ndarray:
    """Warp a numpy image `shape` by a numpy displacement `(dim, *shape)` through wbir.geometry: float32 `shape`."""
    import torch

    from wbir.geometry import warping

    with torch.no_grad():
        tensors = [torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32)) for a in (image, displacement)]
        return warping.warp(tensors[0][None, None], tensors[1][None], mode=mode, padding=padding)[0, 0].numpy()


def _matrix_displacement(matrix: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    import torch

    from wbir.geometry import rigid

    double = torch.from_numpy(np.asarray(matrix, dtype=np.float64))
    return rigid.matrix_displacement(double, shape).reshape(len(shape), *shape).float().numpy()


def map_by(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points `(N, dim)` moved by a homogeneous matrix `(dim + 1, dim + 1)`."""
    dim = points.shape[1]
    return points @ np.asarray(matrix)[:dim, :dim].T + np.asarray(matrix)[:dim, dim]


def sample_field(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A field `(C, *shape)` at voxel points `(N, dim)`, linear, edge values outside: `(N, C)` float64."""
    from scipy.ndimage import map_coordinates

    double = field.astype(np.float64)
    return np.stack([map_coordinates(c, points.T, order=1, mode="nearest") for c in double], axis=1)
