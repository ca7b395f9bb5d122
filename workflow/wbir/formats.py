"""Reading an image of any usual format: NIfTI by nibabel; NRRD, MetaImage, DICOM folders, PNG, TIFF, … by SimpleITK."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.images import LARGEST_RATIO, checked_values, frame_of, one_line, read_image
from wbir.quiet import silenced

NIFTI = (".nii", ".nii.gz", ".hdr", ".img", ".mgz", ".mgh")
DETACHED = (".mhd", ".nhdr")  # the voxels stand in another file
RGB_TO_GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def read_any(path: Path | str, *, dtype: Any = np.float32, grey: bool = False) -> tuple[np.ndarray, Frame]:
    """A 2D or 3D scalar image as `(array, frame)`: a file, or a folder that holds one DICOM series.

    dtype: float32 for images, an integer type for labels (whole numbers). grey: turn colours to luminance.
    Raises InputError for what is missing, damaged, 4D, coloured, not finite, or has no proper spacing and axes.
    """
    path = Path(path)
    if not path.exists():
        raise InputError("an image file or a DICOM folder", f"nothing at {path}", "check the path")
    if path.is_file() and path.name.lower().endswith(NIFTI):
        return read_image(path, dtype=dtype)
    array, affine = _by_simpleitk(path, grey)
    while array.ndim > 2 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3):
        raise InputError("a 2D or 3D image", f"{path} of shape {array.shape}", "extract one volume")
    frame = frame_of(array.shape, affine, path)
    return checked_values(array, dtype, path), frame


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
