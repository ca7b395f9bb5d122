"""Measuring a deformation of a pair: every metric whose needs are met, before and after."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from wbir.cases import Case, Prediction
from wbir.measures.base import Evaluation, discover
from wbir.pairs.deformations import Deformation
from wbir.pairs.pair import Pair

COLUMNS = ("stage", "metric", "label", "value", "unit", "better")
NEITHER = "none"


class PairEvaluation(Evaluation):
    """A deformation of a pair as metrics see it: on the fixed grid, everything resampled once from the moving originals.

    case: the pair placed by the files' own world coordinates (see placing.placed_case). images: normalised, each on its
    own grid; they are what intensity metrics compare. inverse: of the deformation on the fixed grid, where it is known.
    """

    def __init__(
        self,
        pair: Pair,
        case: Case,
        images: Sequence[np.ndarray],
        found: Deformation,
        inverse: np.ndarray | None = None,
    ) -> None:
        frame = pair.fixed.frame
        self.pair, self.images, self.found = pair, images, found
        known = Prediction(inverse=inverse)
        if found.displacement is not None:
            known.displacement = found.on(frame)
        elif found.matrix is not None:
            known.matrix = np.linalg.inv(frame.affine) @ found.matrix @ frame.affine
        super().__init__(case, known)

    @cached_property
    def warped(self) -> np.ndarray:
        """float32 `shape`: the normalised moving image, linear; its least value beyond its grid."""
        moving = self.images[1]
        return self._pull(moving, self.pair.moving.frame, order=1, outside=float(moving.min()))

    @cached_property
    def warped_labels(self) -> np.ndarray:
        """int16 `shape`: the moving labels, nearest neighbour from their own grid, background beyond it."""
        labels = self.pair.labels["moving"]
        return self._pull(labels.array, labels.frame, order=0)

    @cached_property
    def warped_original(self) -> np.ndarray:
        """float32 `shape`: the moving image in its own intensities."""
        moving = self.pair.moving
        return self._pull(moving.array, moving.frame, order=1, outside=float(moving.array.min()))

    def given(self, name: str) -> np.ndarray:
        """As in Evaluation; the moving labels are those of the file, so that no label is lost by the fixed grid."""
        return self.pair.labels["moving"].array if name == "moving_labels" and self.pair.labels else super().given(name)

    def _pull(self, array: np.ndarray, frame: Any, *, order: int, outside: float = 0.0) -> np.ndarray:
        return self.found.pull(array, frame, self.case.frame, order=order, outside=outside)

    def inverse(self) -> Evaluation:
        """The plain evaluation of the inverse map: what `inverse_displacement` asks for."""
        from wbir.pairs.deformations import inverse_on_grid

        if self.prediction.displacement is None or self.is_identity or self.prediction.inverse is not None:
            return Evaluation(self.case, self.prediction).inverse()
        swapped = Prediction(displacement=inverse_on_grid(self.displacement), inverse=self.displacement)
        return Evaluation(replace(self.case, truth=None, truth_matrix=None), swapped)


def header_case(pair: Pair, case: Case, images: Sequence[np.ndarray]) -> Case:
    """The case with its moving side where the files say it lies, whatever the registration started from."""
    frame, plain = pair.fixed.frame, Deformation(pair.fixed.frame)
    labels = pair.labels.get("moving")
    moving = plain.pull(images[1], pair.moving.frame, frame, outside=float(images[1].min()))
    return replace(
        case,
        moving=moving,
        moving_labels=None if labels is None else plain.pull(labels.array, labels.frame, frame, order=0),
        moving_mask=None,
        moving_points=frame.to_voxel(pair.points["moving"]) if pair.points else None,
    )


def measure(stages: Mapping[str, Evaluation]) -> list[dict[str, str]]:
    """Rows of measurements.csv: each stage (`before`, `initial`, `after`) by every metric that its case can give."""
    rows = []
    for metric in discover().values():
        for stage, evaluation in stages.items():
            if not all(any(getattr(evaluation.case, n) is not None for n in need.split("|")) for need in metric.needs):
                continue
            value = metric(evaluation)
            labelled = value if isinstance(value, Mapping) else {"": value}
            rows += [_row(stage, metric, label, float(number)) for label, number in labelled.items()]
    return rows


def _row(stage: str, metric: Any, label: str, value: float) -> dict[str, str]:
    shown = "" if math.isnan(value) else f"{value:.10g}"
    cells = (stage, metric.name, label, shown, metric.unit, metric.direction)
    return dict(zip(COLUMNS, cells, strict=True))


def summary(rows: Iterable[Mapping[str, str]], stages: Sequence[str]) -> list[str]:
    """Lines that set the stages of each unlabelled metric side by side."""
    found: dict[str, dict[str, str]] = {}
    about: dict[str, str] = {}
    for row in rows:
        if row["label"] == "":
            found.setdefault(row["metric"], {})[row["stage"]] = row["value"]
            better = "" if row["better"] == NEITHER else f"{row['better']} is better"
            about[row["metric"]] = "  ".join(filter(None, (row["unit"], better)))
    lines = ["  ".join([f"{'':26}", *(f"{stage:>10}" for stage in stages)])]
    for metric, values in found.items():
        cells = [f"{_short(values.get(stage, '')):>10}" for stage in stages]
        lines.append("  ".join([f"{metric:26}", *cells, about[metric]]))
    return lines


def _short(value: str) -> str:
    return f"{float(value):.4g}" if value else "-"
