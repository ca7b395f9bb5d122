"""Whether a structure stays visible while an image is turned into another."""

from __future__ import annotations

import math

import numpy as np

from wbir.measures.base import Evaluation, metric
from wbir.measures.overlap import LABELS, present_labels, with_mean

MARGIN = 3  # voxels around a structure that count as its surroundings


@metric(
    unit="1",
    direction="higher",
    range=(0, 1),
    reference="ours, for WBIR 2022 paper 02, Fig. 2: least visible mass of a labelled structure along the method's frames I_t",
    needs=LABELS,
)
def structure_coherence(evaluation: Evaluation) -> dict[str, float]:
    """Per label of the fixed and moving labels, and under "" their mean; 1 for a structure that is carried from place to place.

    Visibility of a voxel is (b - I) / (b - a), clipped to [0, 1], with a and b the moving image's medians inside the structure and
    around it. Its square is summed over the structure's two places, moving and fixed, and 3 voxels around them, without the fixed mask
    (where a tumour may look like the structure), and set in relation to the straight line between its first and last value. A
    structure that is carried keeps its mass; one that fades out here while it fades in there has two half-visible copies, of a quarter
    each. The value is the least along the frames, at most 1. Frames are the array `frames` of the prediction, or the moving and the
    warped image where there are none of the case's shape. NaN where a label is in one image only or does not differ from its
    surroundings.
    """
    frames = evaluation.prediction.arrays.get("frames")
    if frames is None or frames.shape[1:] != evaluation.case.frame.shape:
        frames = np.stack([evaluation.case.moving, evaluation.warped])
    return with_mean({str(k): _least_visibility(evaluation, frames, int(k)) for k in present_labels(evaluation)})


def _least_visibility(evaluation: Evaluation, frames: np.ndarray, label: int) -> float:
    from scipy.ndimage import binary_dilation

    case = evaluation.case  # its own labels: they lie on the grid of its images and of the frames
    moving, fixed = (np.asarray(labels) == label for labels in (case.moving_labels, case.fixed_labels))
    around = binary_dilation(moving, iterations=MARGIN) & ~moving
    if not (moving.any() and fixed.any() and around.any()):
        return math.nan
    inside, outside = (float(np.median(case.moving[part])) for part in (moving, around))
    if inside == outside:
        return math.nan
    place = binary_dilation(moving | fixed, iterations=MARGIN)
    if case.fixed_mask is not None and not np.all(case.fixed_mask[place]):
        place &= ~case.fixed_mask
    visible = np.clip((outside - frames[:, place].astype(np.float64)) / (outside - inside), 0.0, 1.0)
    mass = (visible**2).sum(axis=1)
    line = np.linspace(mass[0], mass[-1], len(mass))
    return float(np.min(mass[line > 0] / line[line > 0])) if np.any(line > 0) else math.nan
