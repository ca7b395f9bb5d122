"""Images and displacement fields on disk (NIfTI); nibabel is imported where it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from wbir.errors import InputError
from wbir.files import written_whole
from wbir.geometry.frames import Frame

DISPLACEMENT_INTENT = 1007  # NIFTI_INTENT_VECTOR: what ITK writes and reads for displacement fields


def read_image(path: Path | str, dtype: Any = np.float32) -> tuple[np.ndarray, Frame]:
    """Read a 2D or 3D scalar NIfTI: `(array, frame)`. Raises InputError for a missing, damaged or 4D file."""
    image = _load(path)
    shape = tuple(n for n in image.shape)
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) not in (2, 3):
        raise InputError("a 2D or 3D scalar image", f"{path} of shape {image.shape}", "extract one volume")
    try:
        array = np.asarray(image.dataobj).reshape(shape)
    except (OSError, EOFError, ValueError) as error:
        raise InputError("a complete NIfTI file", f"{path} ({error})", "fetch or write it again") from error
    return np.ascontiguousarray(array, dtype=dtype), Frame(shape, _cut_affine(image.affine, len(shape)))


def write_image(path: Path | str, array: np.ndarray, frame: Frame) -> None:
    """Write a scalar image with its frame; the bytes do not depend on the time of writing."""
    import nibabel

    with written_whole(path) as temporary:
        nibabel.save(nibabel.Nifti1Image(array, _full_affine(frame)), temporary)


def read_displacement(path: Path | str, frame: Frame) -> np.ndarray:
    """Read an ITK displacement field (mm, LPS) as float32 `(dim, *shape)` in voxels of `frame`."""
    image = _load(path)
    expected = (*frame.shape, *(1,) * (4 - frame.dim), frame.dim)
    if image.shape != expected:
        raise InputError(f"a displacement field of shape {expected}", f"{path} of {image.shape}", "check its grid")
    return from_lps_vectors(np.asarray(image.dataobj, dtype=np.float64).reshape(*frame.shape, frame.dim), frame)


def write_displacement(path: Path | str, displacement: np.ndarray, frame: Frame) -> None:
    """Write `(dim, *shape)` voxels of `frame` as an ITK displacement field (mm, LPS, intent 1007)."""
    import nibabel

    if displacement.shape != (frame.dim, *frame.shape):
        raise ValueError(f"a displacement of {frame.shape} has {frame.dim} components first, got {displacement.shape}")
    shape = (*frame.shape, *(1,) * (4 - frame.dim), frame.dim)
    image = nibabel.Nifti1Image(
        to_lps_vectors(displacement, frame).reshape(shape).astype(np.float32), _full_affine(frame)
    )
    image.header.set_intent(DISPLACEMENT_INTENT)
    with written_whole(path) as temporary:
        nibabel.save(image, temporary)


def to_lps_vectors(displacement: np.ndarray, frame: Frame) -> np.ndarray:
    """Voxels of `frame`, `(dim, *shape)`, to ITK's vectors: millimetres in LPS, float64 `(*shape, dim)`."""
    linear = voxel_to_lps(frame)[: frame.dim, : frame.dim]
    return np.moveaxis(displacement, 0, -1).astype(np.float64) @ linear.T


def from_lps_vectors(vectors: np.ndarray, frame: Frame) -> np.ndarray:
    """ITK's vectors, millimetres in LPS, `(*shape, dim)`, to voxels of `frame`, float32 `(dim, *shape)`."""
    linear = np.linalg.inv(voxel_to_lps(frame)[: frame.dim, : frame.dim])
    voxels = np.moveaxis(vectors.astype(np.float64) @ linear.T, -1, 0)
    return np.ascontiguousarray(voxels, dtype=np.float32)


def voxel_to_lps(frame: Frame) -> np.ndarray:
    """`(dim + 1, dim + 1)`: array index to world millimetres in LPS+, ITK's convention (x and y of RAS+ turned)."""
    return np.diag([*[-1.0, -1.0, 1.0][: frame.dim], 1.0]) @ frame.affine


def _full_affine(frame: Frame) -> np.ndarray:
    affine = np.eye(4)
    dim = frame.dim
    affine[:dim, :dim] = frame.affine[:dim, :dim]
    affine[:dim, 3] = frame.affine[:dim, dim]
    return affine


def _cut_affine(affine: np.ndarray, dim: int) -> np.ndarray:
    cut = np.eye(dim + 1)
    cut[:dim, :dim] = affine[:dim, :dim]
    cut[:dim, dim] = affine[:dim, 3]
    return cut


def _load(path: Path | str) -> Any:
    import nibabel
    from nibabel.filebasedimages import ImageFileError

    if not Path(path).is_file():
        raise InputError("an image file", f"nothing at {path}", "check the path")
    try:
        return nibabel.load(path)
    except (ImageFileError, OSError, EOFError, ValueError) as error:
        raise InputError("a NIfTI image", f"{path} ({error})", "fetch or write it again") from error
