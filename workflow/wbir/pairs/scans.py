"""Reading an image of any usual format: NIfTI by nibabel; NRRD, MetaImage, DICOM folders, PNG, TIFF, … by SimpleITK."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.images import LARGEST_RATIO, checked_values, frame_of, one_line, read_image
from wbir.pairs.quiet import silenced

NIFTI = (".nii", ".nii.gz", ".hdr", ".img", ".mgz", ".mgh")
PICTURES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")  # their pixels have no place in the world
DETACHED = (".mhd", ".nhdr")  # the voxels stand in another file
RGB_TO_GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
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
    if not path.exists():
        raise InputError("an image file or a DICOM folder", f"nothing at {path}", "check the path")
    if path.is_file() and path.name.lower().endswith(NIFTI):
        array, frame = read_image(path, dtype=dtype)
        scan = Scan(path, array, frame)
    else:
        array, affine = _by_simpleitk(path, grey)
        while array.ndim > 2 and array.shape[-1] == 1:
            array = array[..., 0]
        if array.ndim not in (2, 3):
            raise InputError("a 2D or 3D image", f"{path} of shape {array.shape}", "extract one volume")
        frame = frame_of(array.shape, affine, path)
        scan = Scan(path, checked_values(array, dtype, path), frame, path.suffix.lower() not in PICTURES)
    if np.issubdtype(dtype, np.integer) and scan.array.min() < 0:
        raise InputError(f"labels from 0 in {path}", f"{scan.array.min()}", "renumber them")
    return scan


def _by_simpleitk(path: Path, grey: bool) -> tuple[np.ndarray, np.ndarray]:
    """The array `(i, j[, k])` and a `(4, 4)` affine, RAS+ mm."""
    import SimpleITK

    try:
        with silenced():
            image = _series(path) if path.is_dir() else _file(path)
    except RuntimeError as error:
        known = "NIfTI, NRRD, MetaImage, a DICOM folder, PNG or TIFF"
        raise InputError(f"an image ({known})", f"{path} ({one_line(error)})", "fetch or write it again") from error
    components, spacing = image.GetNumberOfComponentsPerPixel(), image.GetSpacing()
    if components > 1 and not grey:
        what = "colours" if components in (3, 4) else "vectors"
        raise InputError("one grey channel", f"{path} with {components} ({what})", "convert it, or give --grey")
    if not all(math.isfinite(s) and s > 0 for s in spacing):
        raise InputError(f"a spacing above 0 mm in {path}", f"{list(spacing)}", "repair the header")
    array = SimpleITK.GetArrayFromImage(image)
    if components > 1:
        array = array[..., :3] @ RGB_TO_GREY if components >= 3 else array[..., 0]
    return array.T, affine_of(image)


def _file(path: Path) -> Any:
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    wanted, held = math.prod(reader.GetSize()), path.stat().st_size
    if path.suffix.lower() not in DETACHED and wanted > held * LARGEST_RATIO:
        raise InputError(f"{wanted} voxels in {path}", f"a file of {held} bytes", "fetch or write it again")
    return reader.Execute()


def _series(folder: Path) -> Any:
    """The one DICOM series of a folder."""
    import SimpleITK

    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if len(names) != 1:
        got = f"{len(names)} in {folder}" if names else f"none in {folder}"
        raise InputError("a folder with one DICOM series", got, "put each series into a folder of its own")
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), names[0]))
    return reader.Execute()


def affine_of(image: Any) -> np.ndarray:
    """`(4, 4)`: array index to RAS+ mm of a SimpleITK image; ITK's world is LPS+."""
    dim = image.GetDimension()
    affine = np.eye(max(dim, 3) + 1)
    affine[:dim, :dim] = np.reshape(image.GetDirection(), (dim, dim)) @ np.diag(image.GetSpacing())
    affine[:dim, -1] = image.GetOrigin()
    affine[:2] *= -1
    if dim == 2:
        affine[2, 2] = 1.0
    return affine


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
