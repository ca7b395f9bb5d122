"""A way to make small evaluations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wbir.cases import Case, Prediction
from wbir.geometry.frames import Frame
from wbir.measures.base import Evaluation

OF_THE_PREDICTION = ("displacement", "inverse", "matrix", "warped")


@pytest.fixture
def evaluate() -> Callable[..., Evaluation]:
    """`evaluate(shape, spacing=..., fixed=..., displacement=..., …)`: images are zero where not given."""

    def make(shape: tuple[int, ...], spacing: Any = 1.0, frame: Frame | None = None, **arrays: Any) -> Evaluation:
        predicted = {name: arrays.pop(name) for name in OF_THE_PREDICTION if name in arrays}
        images = {name: np.zeros(shape, dtype=np.float32) for name in ("fixed", "moving")}
        case = Case("a", frame or Frame.of(shape, spacing), **{**images, **arrays})
        return Evaluation(case, Prediction(**predicted))

    return make
