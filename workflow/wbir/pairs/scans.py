"""A user's image on its own grid, and how the grids of two such images lie to each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wbir.errors import InputError
from wbir.formats import read_any
from wbir.geometry.frames import Frame

PICTURES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")  # their pixels have no place in the world
SAME = 0.05  # two grids are one where no corner is further apart than this, voxels
EDGE = 0.5  # a voxel reaches so far from its centre, voxels


@dataclass(frozen=True, eq=False)
class Scan:
    """An image or a label map on its own grid, as the file has it.

    placed: whether the file says where its voxels lie in the world (a PNG does not).
    """

    path: Path
    array: np.ndarray
    frame: Frame
    placed: bool = True


def read_scan(path: Path | str, *, dtype: Any = np.float32, grey: bool = False) -> Scan:
    """Read a 2D or 3D scalar image, or a folder that holds one DICOM series.

    dtype: float32 for images, int16 for labels (whole numbers from 0). grey: turn colours to luminance.
    Raises InputError for what is missing, damaged, 4D, coloured, not finite, or has no proper spacing and axes.
    """
    path = Path(path)
    array, frame = read_any(path, dtype=dtype, grey=grey)
    scan = Scan(path, array, frame, path.suffix.lower() not in PICTURES)
    if np.issubdtype(dtype, np.integer) and scan.array.min() < 0:
        raise InputError(f"labels from 0 in {path}", f"{scan.array.min()}", "renumber them")
    return scan


def same_grid(a: Frame, b: Frame) -> bool:
    """Whether two grids are the same voxels: shape, and corners to a twentieth of a voxel."""
    if a.shape != b.shape:
        return False
    corners = corner_indices(a.shape)
    return bool(np.abs(b.to_voxel(a.to_world(corners)) - corners).max() < SAME)


def covers(outer: Frame, inner: Frame) -> bool:
    """Whether every voxel centre of `inner` lies in a voxel of `outer`."""
    places = outer.to_voxel(inner.to_world(corner_indices(inner.shape)))
    limits = np.array(outer.shape) - 1 + EDGE + SAME
    return bool(np.all((places >= -EDGE - SAME) & (places <= limits)))


def corner_indices(shape: tuple[int, ...]) -> np.ndarray:
    """Voxel indices of the corners of a grid, `(2^dim, dim)`."""
    return np.indices((2,) * len(shape)).reshape(len(shape), -1).T * (np.array(shape) - 1.0)


def inside(frame: Frame, voxels: np.ndarray) -> np.ndarray:
    """Which voxel coordinates `(N, dim)` lie in a voxel of the grid."""
    return np.all((voxels >= -EDGE) & (voxels < np.array(frame.shape) - EDGE), axis=1)


def check_overlay(image: Scan, overlay: Scan, what: str) -> None:
    """Raise InputError where labels or a mask cannot be laid on their image.

    Another grid is taken where both files say where they lie and the overlay covers the image's grid in the world.
    """
    if image.frame.dim != overlay.frame.dim:
        got = f"{overlay.frame.dim}D in {overlay.path}"
        raise InputError(f"{what} of {image.frame.dim} dimensions, as the image", got, "give the map of this image")
    if same_grid(image.frame, overlay.frame):
        return
    if (
        image.placed
        and overlay.placed
        and image.frame.shape != overlay.frame.shape
        and covers(overlay.frame, image.frame)
    ):
        return
    raise InputError(
        f"{what} on the grid of {image.path} ({image.frame.shape}), or a grid that covers it in the world",
        f"{overlay.path} of shape {overlay.frame.shape}",
        "give the map of this image, or resample it",
    )
