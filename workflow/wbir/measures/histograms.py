"""Joint counts of two arrays: what overlap and mutual information are made of."""

from __future__ import annotations

import numpy as np


def joint_counts(first: np.ndarray, second: np.ndarray, sizes: tuple[int, int]) -> np.ndarray:
    """How often index i of `first` meets index j of `second`: int64 of shape `sizes`, in one pass.

    first, second: integer arrays of one shape, values in `[0, sizes[0])` and `[0, sizes[1])`.
    """
    joined = first.ravel().astype(np.int64) * sizes[1] + second.ravel()
    return np.bincount(joined, minlength=sizes[0] * sizes[1]).reshape(sizes)


def entropy(counts: np.ndarray) -> float:
    """Shannon entropy in nats of the distribution that counts make."""
    positive = counts[counts > 0] / counts.sum()
    return float(-(positive * np.log(positive)).sum())


def quantised(image: np.ndarray, bins: int) -> np.ndarray:
    """The bin, 0 to `bins - 1`, of every voxel, on equal bins between the image's extremes (as numpy.histogram)."""
    low, high = float(image.min()), float(image.max())
    if high <= low:
        return np.zeros(image.shape, dtype=np.int64)
    scaled = (image.astype(np.float64) - low) * (bins / (high - low))
    return np.minimum(scaled.astype(np.int64), bins - 1)
