"""Slices along the body's planes: arrays turned to given sides of the world, where to cut them, how to set two side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wbir.figures._drawing import slice_of
from wbir.geometry.frames import Frame

PLANES = ("sagittal", "coronal", "axial")  # by the axis across them
SIDES = ("LR", "PA", "IS")  # of the world's axes (RAS+): where each begins and where it ends
SQUARES = 8  # of a checkerboard along the longer side


class Turned:
    """Arrays on the grid of a frame, their axes exchanged and flipped to run towards given sides of the world.

    towards: a sign for each axis of the world, 1 where an axis is to run to right, front, up, -1 for left, back, down.
    Axes lie where they are nearest: an oblique grid is not resampled.
    """

    def __init__(self, frame: Frame, towards: Sequence[int]) -> None:
        from scipy.optimize import linear_sum_assignment

        self.frame, self.dim = frame, frame.dim
        directions = frame.affine[: frame.dim, : frame.dim] / np.array(frame.spacing)
        self.order = tuple(int(a) for a in linear_sum_assignment(-np.abs(directions))[1])
        self.signs = tuple(int(np.sign(directions[w, a]) * towards[w]) or 1 for w, a in enumerate(self.order))
        self.shape = tuple(frame.shape[a] for a in self.order)
        self.spacing = tuple(frame.spacing[a] for a in self.order)
        pairs = zip(SIDES[: frame.dim], towards, strict=True)
        self.ends = tuple(letters if sign > 0 else letters[::-1] for letters, sign in pairs)

    def array(self, array: np.ndarray) -> np.ndarray:
        """An array `frame.shape`, turned: a view."""
        return array.transpose(self.order)[tuple(slice(None, None, sign) for sign in self.signs)]

    def points(self, points: np.ndarray) -> np.ndarray:
        """Voxel indices `(N, dim)` of the frame as those of the turned arrays."""
        turned = points[:, self.order]
        return np.where(np.array(self.signs) > 0, turned, np.array(self.shape) - 1 - turned)

    def extent(self, axis: int) -> float:
        """Millimetres from end to end of a turned axis."""
        return self.shape[axis] * self.spacing[axis]

    def cut(self, array: np.ndarray, axis: int, at: Sequence[float]) -> np.ndarray:
        """The slice of a turned array across `axis`, at a fraction of each axis; a 2D array as it is."""
        return slice_of(array, axis, at[axis] if self.dim == 3 else 0.5)


def in_plane(dim: int, axis: int) -> tuple[int, int]:
    """The axes to the right and upwards of a slice across `axis`."""
    across, up = (a for a in range(dim) if dim == 2 or a != axis)
    return across, up


def middle(image: np.ndarray) -> list[float]:
    """Where to cut: the centre of the intensities along each axis, as a fraction of it."""
    weights = image.astype(np.float64) - image.min()
    sums = [weights.sum(axis=tuple(a for a in range(image.ndim) if a != axis)) for axis in range(image.ndim)]
    return [float(s @ np.arange(len(s)) / max(s.sum(), 1e-12) / max(len(s) - 1, 1)) for s in sums]


def checkerboard(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squares of two slices in turn."""
    side = max(1, -(-max(first.shape) // SQUARES))
    i, j = np.indices(first.shape) // side
    return np.where((i + j) % 2 == 0, first, second)
