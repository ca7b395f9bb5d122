"""The bridge between our arrays and ITK's images (SimpleITK, ANTs, itk): frames, displacements, affine maps; 2D and 3D.

ITK indexes (i, j, k) like our arrays, but its NumPy views are (k, j, i); its world is LPS+, ours RAS+. An ITK image
needs axes at right angles. The heavy packages are imported where they are used.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.images import from_lps_vectors, to_lps_vectors, voxel_to_lps

THREADS_VARIABLE = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"


def itk_geometry(frame: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Origin `(dim,)` mm LPS, spacing `(dim,)` mm and direction `(dim, dim)` of a frame.

    Raises InputError for a sheared frame, which NIfTI's qform and ITK's direction cosines cannot hold.
    """
    affine, dim = voxel_to_lps(frame), frame.dim
    spacing = np.linalg.norm(affine[:dim, :dim], axis=0)
    direction = affine[:dim, :dim] / spacing
    if np.abs(direction.T @ direction - np.eye(dim)).max() > 1e-4:
        raise InputError("an image with axes at right angles", "a sheared affine", "resample it to an orthogonal grid")
    return affine[:dim, dim], spacing, direction


def to_sitk(array: np.ndarray, frame: Frame) -> Any:
    """A scalar array `frame.shape` as a SimpleITK image (a copy)."""
    import SimpleITK

    return _place(SimpleITK.GetImageFromArray(np.ascontiguousarray(array.T)), frame)


def from_sitk(image: Any) -> np.ndarray:
    """The array `(i, j, k)` of a scalar SimpleITK image (a copy)."""
    import SimpleITK

    return np.ascontiguousarray(SimpleITK.GetArrayViewFromImage(image).T)


def displacement_to_sitk(displacement: np.ndarray, frame: Frame) -> Any:
    """Voxels `(dim, *shape)` as a SimpleITK vector image (float64, mm, LPS), ready for DisplacementFieldTransform."""
    import SimpleITK

    vectors = _spatial_transpose(to_lps_vectors(displacement, frame))
    return _place(SimpleITK.GetImageFromArray(np.ascontiguousarray(vectors), isVector=True), frame)


def displacement_from_sitk(field: Any, frame: Frame) -> np.ndarray:
    """A SimpleITK displacement field on the grid of `frame` as float32 voxels `(dim, *shape)`."""
    import SimpleITK

    return from_lps_vectors(_spatial_transpose(SimpleITK.GetArrayViewFromImage(field)), frame)


def to_ants(array: np.ndarray, frame: Frame) -> Any:
    """A scalar array as an ANTs image (float32, a copy)."""
    origin, spacing, direction = itk_geometry(frame)
    values = np.ascontiguousarray(array, dtype=np.float32)
    return load_ants().from_numpy(values, origin.tolist(), spacing.tolist(), direction)


def displacement_from_ants(field: Any, frame: Frame) -> np.ndarray:
    """An ANTs displacement image on the grid of `frame` as float32 voxels `(dim, *shape)`."""
    return from_lps_vectors(field.numpy(), frame)


def to_itk(array: np.ndarray, frame: Frame, pixel: Any = np.float32) -> Any:
    """A scalar array as an itk image with the given NumPy pixel type (a copy)."""
    import itk

    image = itk.image_from_array(np.ascontiguousarray(array.T, dtype=pixel))
    origin, spacing, direction = itk_geometry(frame)
    image.SetOrigin(origin.tolist())
    image.SetSpacing(spacing.tolist())
    image.SetDirection(itk.matrix_from_array(direction))
    return image


def displacement_from_itk(field: Any, frame: Frame) -> np.ndarray:
    """An itk displacement field on the grid of `frame` as float32 voxels `(dim, *shape)`."""
    import itk

    return from_lps_vectors(_spatial_transpose(itk.array_view_from_image(field)), frame)


def matrix_of(point_map: Callable[[Sequence[float]], Sequence[float]], frame: Frame) -> np.ndarray:
    """The voxel-to-voxel matrix `(dim + 1, dim + 1)` of an affine map of fixed points to moving points (mm, LPS).

    Read off the images of dim + 1 corners of the grid, so that it does not matter how a package stores its parameters.
    """
    to_lps, dim = voxel_to_lps(frame), frame.dim
    corners = np.vstack([np.zeros(dim), np.diag(np.maximum(np.array(frame.shape) - 1.0, 1.0))])
    fixed = np.hstack([corners, np.ones((dim + 1, 1))])
    physical = (fixed @ to_lps.T)[:, :dim]
    moved = np.array([list(point_map(point.tolist())) for point in physical], dtype=np.float64)
    moving = np.hstack([moved, np.ones((dim + 1, 1))]) @ np.linalg.inv(to_lps).T
    matrix = np.linalg.solve(fixed, moving).T
    matrix[dim] = np.eye(dim + 1)[dim]
    return matrix


@functools.lru_cache(maxsize=1)
def load_ants() -> ModuleType:
    """ANTs with one ITK thread: with more, its mutual information sums in any order and no two runs agree.

    ITK reads the number of threads once, at its first use in a process; so the variable is set for that moment only.
    Warns where ANTs was imported before by someone else, as the number may then be fixed already.
    """
    if "ants" in sys.modules and os.environ.get(THREADS_VARIABLE) != "1":
        warnings.warn(f"ants was imported before without {THREADS_VARIABLE}=1: its results may vary", stacklevel=2)
    before = os.environ.get(THREADS_VARIABLE)
    os.environ[THREADS_VARIABLE] = "1"
    try:
        import ants

        ants.smooth_image(
            ants.from_numpy(np.zeros((4, 4), dtype=np.float32)), 1.0
        )  # a threaded filter: ITK asks for the number
    finally:
        if before is None:
            del os.environ[THREADS_VARIABLE]
        else:
            os.environ[THREADS_VARIABLE] = before
    return ants


@contextlib.contextmanager
def one_sitk_thread() -> Iterator[None]:
    """All of SimpleITK's filters on one thread; afterwards the number is what it was."""
    from SimpleITK import ProcessObject

    before = ProcessObject.GetGlobalDefaultNumberOfThreads()
    ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _place(image: Any, frame: Frame) -> Any:
    origin, spacing, direction = itk_geometry(frame)
    image.SetOrigin(origin.tolist())
    image.SetSpacing(spacing.tolist())
    image.SetDirection(direction.ravel().tolist())
    return image


def _spatial_transpose(vectors: np.ndarray) -> np.ndarray:
    """`(i, j, k, component)` to `(k, j, i, component)` and back."""
    return vectors.transpose(*range(vectors.ndim - 2, -1, -1), vectors.ndim - 1)
