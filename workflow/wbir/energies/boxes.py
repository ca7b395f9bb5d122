"""Bounding boxes of labels, and their masks: weak annotations in place of segmentations.

Voxel i of an axis covers `[i - 1/2, i + 1/2]`; a box is that of the voxels it holds, so that the tight box of one voxel
has the length 1. A mask tells the part of each voxel that lies in the box: a box with faces between voxels has no
rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from wbir.errors import InputError


def boxes_of(labels: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """Tight boxes `(len(classes), dim, 2)` float32, voxels: the lower and the upper face along each axis.

    NaN for a class that is not there. Raises InputError for labels that are no whole numbers, and for a class below 1.
    """
    from scipy.ndimage import find_objects

    if not np.issubdtype(labels.dtype, np.integer) or min(classes, default=1) < 1:
        raise InputError("whole-number labels and classes from 1", f"{labels.dtype}, {list(classes)}", "correct them")
    boxes = np.full((len(classes), labels.ndim, 2), np.nan, dtype=np.float32)
    slices = find_objects(labels, max_label=max(classes, default=0))
    for row, label in zip(boxes, classes, strict=True):
        found = slices[label - 1]
        if found is not None:
            row[:] = [(part.start - 0.5, part.stop - 0.5) for part in found]
    return boxes


def misplaced(boxes: np.ndarray, error: float, generator: np.random.Generator) -> np.ndarray:
    """The boxes with every face moved, each by its own draw from `[-error, error]` times the box's length along that axis.

    Raises InputError for an error outside [0, 1/2): a face could pass the one across.
    """
    if not 0 <= error < 0.5:
        raise InputError("a box error from 0 to below 0.5 of a side", f"{error}", "correct `error`")
    length = boxes[..., 1:] - boxes[..., :1]
    return (boxes + length * generator.uniform(-error, error, boxes.shape)).astype(np.float32)


def box_masks(boxes: Tensor, shape: Sequence[int]) -> Tensor:
    """`(B, C, dim, 2)` to `(B, C, *shape)` in [0, 1]: the part of each voxel inside the box; 0 for a box of NaN.

    Raises InputError where the boxes have another dimension than the shape.
    """
    if boxes.ndim != 4 or boxes.shape[2:] != (len(shape), 2):
        raise InputError(f"boxes (B, C, {len(shape)}, 2)", f"{tuple(boxes.shape)}", "give lower and upper faces")
    mask = boxes.new_ones(boxes.shape[:2])
    for axis, size in enumerate(shape):
        centres = torch.arange(size, device=boxes.device, dtype=boxes.dtype)
        low, high = (boxes[:, :, axis, side, None] for side in (0, 1))
        part = (torch.minimum(high, centres + 0.5) - torch.maximum(low, centres - 0.5)).clamp(min=0).nan_to_num(0.0)
        mask = mask[..., None] * part.view(*part.shape[:2], *(1,) * axis, size)
    return mask
