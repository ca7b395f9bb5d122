"""The inverse of a displacement that another package returned without one."""

from __future__ import annotations

import numpy as np
import torch

from wbir.geometry.flows import invert


def inverse_displacement(displacement: np.ndarray) -> np.ndarray:
    """The displacement of the inverse map: float32 `(dim, *shape)` voxels to the same, by fixed-point iteration.

    See `wbir.geometry.flows.invert`; where the displacement folds there is no inverse and the values mean nothing.
    """
    return invert(torch.from_numpy(displacement)[None])[0].numpy()
