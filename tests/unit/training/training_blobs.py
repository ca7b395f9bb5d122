"""Pairs of shifted blobs, and how a tiny network is trained on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from wbir.cases import Case
from wbir.geometry.frames import Frame

SHAPE = (16, 14)
TRAINING = {
    "iterations": 12, "rate": 1e-3, "decay": "poly", "period": 1, "batch": 2, "accumulate": 2, "validate_every": 4,
    "patience": 0, "keep": "last", "precision": "float32", "memory_mb": 100,
}  # fmt: skip


def blob_case(name: str, split: str, shift: float, **changes: Any) -> Case:
    grid = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij")).astype(float)
    centre = np.array([8.0, 7.0]).reshape(2, 1, 1)
    images = [np.exp(-(((grid - centre - s) / 2.5) ** 2).sum(0)).astype(np.float32) for s in (0.0, shift)]
    labels = [np.digitize(image, [0.3, 0.7]).astype(np.int16) for image in images]
    arrays = {"fixed": images[0], "moving": images[1], "fixed_labels": labels[0], "moving_labels": labels[1]} | changes
    return Case(name, Frame.of(SHAPE), attributes={"split": split}, **arrays)
