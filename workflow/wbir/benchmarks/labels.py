"""Overlap and surface distance of label maps with 35 labels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from wbir.benchmarks.base import Benchmark, Run, Size, labels

COUNT = 35


def _maps(size: Size) -> Any:
    fixed = labels(size, COUNT)
    return SimpleNamespace(fixed=fixed, moving=np.roll(fixed, (2, 1), (0, 1)))


def _dice(given: Any) -> Run:
    from wbir.measures.histograms import joint_counts

    def run() -> np.ndarray:
        counts = joint_counts(given.fixed, given.moving, (COUNT + 1, COUNT + 1))
        return (2 * counts.diagonal() / (counts.sum(0) + counts.sum(1)))[1:]

    return run


def _tensors(given: Any) -> tuple[Any, Any]:
    import torch

    return tuple(torch.from_numpy(a[None, None].astype(np.int64)) for a in (given.moving, given.fixed))  # type: ignore[return-value]


def _one_hot(given: Any) -> tuple[Any, Any]:
    from monai.networks.utils import one_hot

    return tuple(one_hot(a, COUNT + 1) for a in _tensors(given))  # type: ignore[return-value]


def _dice_monai(given: Any) -> Run:
    from monai.metrics import compute_dice

    moving, fixed = _one_hot(given)
    return lambda: compute_dice(moving, fixed, include_background=False)[0]


def _dice_simpleitk(given: Any) -> Run:
    import SimpleITK as sitk

    fixed, moving = sitk.GetImageFromArray(given.fixed), sitk.GetImageFromArray(given.moving)
    overlap = sitk.LabelOverlapMeasuresImageFilter()

    def run() -> np.ndarray:
        overlap.Execute(fixed, moving)
        return np.array([overlap.GetDiceCoefficient(k) for k in range(1, COUNT + 1)])

    return run


def _hd95(given: Any) -> Run:
    from wbir.cases import Case, Prediction
    from wbir.geometry.frames import Frame
    from wbir.measures.base import Evaluation
    from wbir.measures.surfaces import hd95

    blank = np.zeros(given.fixed.shape, dtype=np.float32)
    frame = Frame(blank.shape, np.eye(4))
    case = Case("maps", frame, blank, blank, fixed_labels=given.fixed, moving_labels=given.moving)

    def run() -> np.ndarray:
        values = hd95(Evaluation(case, Prediction()))
        return np.array([values[str(k)] for k in range(1, COUNT + 1)])  # type: ignore[index]

    return run


def _hd95_monai(given: Any) -> Run:
    from monai.metrics import compute_hausdorff_distance

    moving, fixed = _one_hot(given)
    return lambda: compute_hausdorff_distance(moving, fixed, percentile=95)[0]


def _hd95_surface_distance(given: Any) -> Run:
    from surface_distance import compute_robust_hausdorff, compute_surface_distances

    def one(label: int) -> float:
        masks = (given.fixed == label, given.moving == label)
        return compute_robust_hausdorff(compute_surface_distances(*masks, (1, 1, 1)), 95)

    return lambda: np.array([one(k) for k in range(1, COUNT + 1)])


BENCHMARKS = [
    Benchmark(
        kernel="Dice, 35 labels",
        setup=_maps,
        ours={"numpy": _dice},
        peers={"MONAI": _dice_monai, "SimpleITK": _dice_simpleitk},
    ),
    Benchmark(
        kernel="HD95, 35 labels",
        setup=_maps,
        ours={"scipy k-d trees": _hd95},
        peers={"MONAI": _hd95_monai, "surface-distance": _hd95_surface_distance},
        differs={"surface-distance": "weights the surface between voxels by its area"},
    ),
]
