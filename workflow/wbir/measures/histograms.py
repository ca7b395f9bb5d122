"""Joint counts of two arrays: what overlap and mutual information are made of."""

from __future__ import annotations

import numpy as np

CHUNK = 1 << 15  # values that are counted at a time: what a cache holds


def joint_counts(first: np.ndarray, second: np.ndarray, sizes: tuple[int, int]) -> np.ndarray:
    """How often index i of `first` meets index j of `second`: int64 of shape `sizes`, in one pass.

    first, second: integer arrays of one shape, values in `[0, sizes[0])` and `[0, sizes[1])`.
    """
    counts = np.zeros(sizes[0] * sizes[1], dtype=np.int64)
    rows, columns = first.reshape(-1), second.reshape(-1)
    step = max(CHUNK, len(counts))
    for start in range(0, len(rows), step):
        joined = rows[start : start + step].astype(np.intp)
        joined *= sizes[1]
        joined += columns[start : start + step]
        counts += np.bincount(joined, minlength=len(counts))
    return counts.reshape(sizes)


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
