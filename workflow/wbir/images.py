"""Images and displacement fields on disk (NIfTI); nibabel is imported where it is used."""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from wbir.errors import InputError
from wbir.files import written_whole
from wbir.geometry.frames import Frame

DISPLACEMENT_INTENT = 1007  # NIFTI_INTENT_VECTOR: what ITK writes and reads for displacement fields
FLAT = 1e-6  # volume of a voxel whose axes are cut to length 1, below which they lie in a plane
WHOLE = 1e-3  # so far may a label be from a whole number
PACKED = {".gz", ".bz2", ".zst", ".mgz"}
LARGEST_RATIO = 1100  # what gzip can pack at best, and a little more


def read_image(path: Path | str, dtype: Any = np.float32) -> tuple[np.ndarray, Frame]:
    """Read a 2D or 3D scalar NIfTI: `(array, frame)`; every value is finite and the frame can be inverted.

    dtype: an integer type takes whole numbers only (labels). Raises InputError for a missing, damaged, 4D or colour file,
    a spacing that is not above 0, an affine without inverse, and values that `dtype` cannot hold.
    """
    image = load_nifti(path)
    shape = tuple(int(n) for n in image.shape)
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) not in (2, 3):
        raise InputError("a 2D or 3D scalar image", f"{path} of shape {image.shape}", "extract one volume")
    return checked_values(nifti_values(image, path).reshape(shape), dtype, path), frame_of(shape, image.affine, path)


def checked_values(array: np.ndarray, dtype: Any, path: Path | str) -> np.ndarray:
    """The array as `dtype`. Raises InputError for colours, NaN or infinity, and numbers that an integer type cannot hold."""
    if array.dtype.kind not in "biuf":
        what = "colours" if array.dtype.fields else f"{array.dtype} values"
        raise InputError("a scalar image of real numbers", f"{path} with {what}", "convert it to one grey channel")
    with np.errstate(all="ignore"):
        values = array if np.issubdtype(dtype, np.integer) else array.astype(dtype)
        bad = values.size - int(np.count_nonzero(np.isfinite(values)))
        if bad:
            raise InputError(f"finite values in {path}", f"{bad} voxels with NaN or infinity", "repair the image")
        if values is array:
            values = _whole(array, np.dtype(dtype), path)
    return np.ascontiguousarray(values)


def _whole(array: np.ndarray, dtype: Any, path: Path | str) -> np.ndarray:
    """Whole numbers as an integer type; scaled files may miss them by rounding."""
    rounded = np.rint(array) if array.dtype.kind == "f" else array
    if rounded is not array and np.abs(array - rounded).max(initial=0) > WHOLE:
        raise InputError(f"whole numbers in {path}", "fractions", "give a label map, not an image of probabilities")
    limits = np.iinfo(dtype)
    if rounded.size and (rounded.min() < limits.min or rounded.max() > limits.max):
        got = f"{rounded.min():g} to {rounded.max():g}"
        raise InputError(f"numbers from {limits.min} to {limits.max} in {path}", got, "renumber them")
    return rounded.astype(dtype)


def frame_of(shape: tuple[int, ...], affine: np.ndarray, path: Path | str) -> Frame:
    """The frame of an array from a file's `(4, 4)` affine (RAS+ mm). Raises InputError for one without inverse."""
    cut = _cut_affine(np.asarray(affine, dtype=np.float64), len(shape))
    expected = f"an affine of {path} whose axes are finite and no two alike"
    refused = InputError(expected, str(cut.tolist()), "repair the header: it must have an inverse")
    try:
        frame = Frame(shape, cut)
    except ValueError as error:
        raise refused from error
    if abs(np.linalg.det(cut[:-1, :-1] / np.array(frame.spacing))) < FLAT:
        raise refused
    return frame


def write_image(path: Path | str, array: np.ndarray, frame: Frame) -> None:
    """Write a scalar image with its frame; the bytes do not depend on the time of writing."""
    import nibabel

    with written_whole(path) as temporary:
        nibabel.save(nibabel.Nifti1Image(array, _full_affine(frame)), temporary)


def read_displacement(path: Path | str, frame: Frame) -> np.ndarray:
    """Read an ITK displacement field (mm, LPS) as float32 `(dim, *shape)` in voxels of `frame`."""
    image = load_nifti(path)
    expected = (*frame.shape, *(1,) * (4 - frame.dim), frame.dim)
    if image.shape != expected:
        raise InputError(f"a displacement field of shape {expected}", f"{path} of {image.shape}", "check its grid")
    vectors = checked_values(nifti_values(image, path), np.float64, path)
    return from_lps_vectors(vectors.reshape(*frame.shape, frame.dim), frame)


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


def load_nifti(path: Path | str) -> Any:
    """A nibabel image whose header can be used. Raises InputError else."""
    import nibabel

    if not Path(path).is_file():
        raise InputError("an image file", f"nothing at {path}", "check the path")
    try:
        with _quiet_nibabel():
            image = nibabel.load(path)
            _check_header(image, path)
    except InputError:
        raise
    except Exception as error:  # the parser meets bytes of any kind, and fails in any way
        raise InputError("a NIfTI image", f"{path} ({one_line(error)})", "fetch or write it again") from error
    return image


def _check_header(image: Any, path: Path | str) -> None:
    """What nibabel mends without a word, or would try to read: spacings of 0 or less, sizes that the file cannot hold."""
    from nibabel.openers import ImageOpener

    shape, files = image.shape, image.file_map
    if min(shape, default=0) < 1 or len(shape) < 2:
        raise InputError("a 2D or 3D image", f"{path} of shape {tuple(shape)}", "fetch or write it again")
    header = files.get("header", files["image"]).filename
    if hasattr(image.header, "from_fileobj") and "pixdim" in getattr(image.header, "keys", list)():
        with ImageOpener(header) as stream:
            raw = type(image.header).from_fileobj(stream, check=False)
        spacing = [float(s) for s in raw["pixdim"][1 : 1 + min(len(shape), 3)]]
        if not all(math.isfinite(s) and s > 0 for s in spacing):
            raise InputError(f"a spacing above 0 mm in {path}", f"{spacing}", "repair the header's pixdim")
    file = Path(files["image"].filename)
    wanted, held = math.prod(map(int, shape)) * image.get_data_dtype().itemsize, file.stat().st_size
    if wanted > held * (LARGEST_RATIO if file.suffix in PACKED else 1):
        raise InputError(f"{wanted} bytes of voxels in {path}", f"a file of {held} bytes", "fetch or write it again")


def nifti_values(image: Any, path: Path | str) -> np.ndarray:
    """The scaled voxels. Raises InputError for a file that ends early or whose packing is damaged."""
    try:
        with _quiet_nibabel():
            return np.asarray(image.dataobj)
    except Exception as error:  # as above
        raise InputError("a complete NIfTI file", f"{path} ({one_line(error)})", "fetch or write it again") from error


def one_line(error: BaseException) -> str:
    """The last line of another package's message, not too long; its type where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:200]


@contextlib.contextmanager
def _quiet_nibabel() -> Iterator[None]:
    """Nothing of nibabel's remarks on headers, and of numpy's on odd numbers."""
    logger = logging.getLogger("nibabel.global")
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before
