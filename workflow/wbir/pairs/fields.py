"""Deformations on disk: ITK displacement fields and linear transforms, and Learn2Reg's displacement fields.

itk: a vector image, millimetres LPS+, on a grid of the fixed world; x -> x + d(x) takes fixed points to moving points.
ANTs, Elastix (`deformationField.nii`), SimpleITK, 3D Slicer and this package write it. A file .tfm, .txt, .mat or .h5 with a
linear ITK transform is read as well.
learn2reg: voxels, as scipy's map_coordinates takes them: `moving(x + u(x))`, x and u in array indices. Either a NIfTI
`(X, Y, Z, 3)` on the fixed image's voxels, or the .npz of 2020 and 2021, `(3, X/2, Y/2, Z/2)`: voxels of the full grid,
to be doubled in size by scipy's `zoom(component, 2, order=2)`, as the challenge's evaluation did.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from wbir.errors import InputError
from wbir.files import written_whole
from wbir.formats import NIFTI, affine_of
from wbir.geometry.frames import Frame
from wbir.images import checked_values, frame_of, from_lps_vectors, load_nifti, nifti_values, one_line
from wbir.pairs.deformations import Deformation
from wbir.quiet import silenced

CONVENTIONS = ("itk", "learn2reg")
LINEAR = (".tfm", ".txt", ".mat", ".h5", ".xfm")
HALF_ORDER = 2  # of the spline by which the challenge doubled a field


def read_deformation(
    path: Path | str, fixed: Frame | None, moving: Frame | None, convention: str = "itk"
) -> Deformation:
    """Read a field or a linear transform; `fixed` and `moving` are the frames of the images (None: not known).

    Raises InputError for a missing or damaged file, another number of dimensions, a grid that the convention cannot mean,
    and values that are not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("a displacement field or a linear transform", f"nothing at {path}", "check the path")
    if path.suffix.lower() in LINEAR:
        found = _linear(path, fixed)
    elif convention == "learn2reg" or path.suffix.lower() == ".npz":
        found = _learn2reg(path, fixed, moving)
    else:
        found = _itk(path)
    if fixed is not None and found.frame.dim != fixed.dim:
        raise InputError(
            f"a field of {fixed.dim} dimensions, as the image", f"{found.frame.dim}D in {path}", "check it"
        )
    if found.displacement is not None and not np.all(np.isfinite(found.displacement)):
        raise InputError(f"displacements in {path} that a float32 can hold", "larger ones", "write it again")
    return found


def read_linear(path: Path, dim: int) -> np.ndarray:
    """The world matrix (RAS+ mm, fixed to moving) of a linear ITK transform file, `(dim + 1, dim + 1)`."""
    import SimpleITK

    try:
        with silenced():
            transform = SimpleITK.ReadTransform(str(path))
    except RuntimeError as error:
        raise InputError("an ITK transform", f"{path} ({one_line(error)})", "export it again") from error
    if transform.GetDimension() != dim:
        raise InputError(f"a transform of {dim} dimensions", f"{transform.GetDimension()}D in {path}", "check the file")
    if not transform.IsLinear():
        raise InputError(
            "a linear transform", f"{path} ({transform.GetName()})", "export it as a displacement field (.nii.gz)"
        )
    corners = [[0.0] * dim, *np.eye(dim).tolist()]
    mapped = np.array([transform.TransformPoint(c) for c in corners])
    matrix = np.eye(dim + 1)
    matrix[:dim, :dim], matrix[:dim, dim] = (mapped[1:] - mapped[0]).T, mapped[0]
    if not np.all(np.isfinite(matrix)) or abs(np.linalg.det(matrix)) < 1e-9:
        raise InputError("a transform that can be inverted", f"{path}: {matrix.tolist()}", "check the file")
    return _flip(matrix)


def write_linear(path: Path, matrix: np.ndarray) -> None:
    """Write a world matrix (RAS+ mm, fixed to moving) as ITK's AffineTransform (LPS+)."""
    import SimpleITK

    dim, lps = len(matrix) - 1, _flip(matrix)
    transform = SimpleITK.AffineTransform(dim)
    transform.SetMatrix(lps[:dim, :dim].ravel().tolist())
    transform.SetTranslation(lps[:dim, dim].tolist())
    with written_whole(path) as temporary:
        SimpleITK.WriteTransform(transform, str(temporary))


def _flip(matrix: np.ndarray) -> np.ndarray:
    """A world matrix of RAS+ seen in LPS+, and back."""
    turn = np.diag([*[-1.0, -1.0, 1.0][: len(matrix) - 1], 1.0])
    return turn @ matrix @ turn


def _linear(path: Path, fixed: Frame | None) -> Deformation:
    if fixed is None:
        raise InputError(f"a reference image for the transform {path}", "none", "give --reference")
    return Deformation(fixed, matrix=read_linear(path, fixed.dim))


def _itk(path: Path) -> Deformation:
    if path.name.lower().endswith(NIFTI):
        vectors, affine = _nifti_vectors(path)
    else:
        vectors, affine = _simpleitk_vectors(path)
    frame = frame_of(vectors.shape[:-1], affine, path)
    with np.errstate(over="ignore"):  # looked at by read_deformation
        return Deformation(frame, displacement=from_lps_vectors(vectors, frame))


def _nifti_vectors(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """ITK's vectors `(*shape, dim)` and a `(4, 4)` affine: the NIfTI has shape (X, Y, Z, 1, dim) or (X, Y, 1, 1, 2)."""
    image = load_nifti(path)
    shape = tuple(image.shape)
    dim = shape[-1] if len(shape) == 5 and shape[3] == 1 else 0
    if dim not in (2, 3) or (dim == 2 and shape[2] != 1):
        todo = "export an ITK field, or give --convention learn2reg" if len(shape) == 4 else "export an ITK field"
        raise InputError("an ITK displacement field (X, Y, Z, 1, 3) or (X, Y, 1, 1, 2)", f"{path} of {shape}", todo)
    vectors = checked_values(nifti_values(image, path), np.float64, path)
    return vectors.reshape(*shape[:dim], dim), image.affine


def _simpleitk_vectors(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import SimpleITK

    try:
        with silenced():
            image = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError("a displacement field", f"{path} ({one_line(error)})", "fetch or write it again") from error
    dim = image.GetDimension()
    if dim not in (2, 3) or image.GetNumberOfComponentsPerPixel() != dim:
        got = f"{path}, {dim}D with {image.GetNumberOfComponentsPerPixel()} components"
        raise InputError("a displacement field with one component for each dimension", got, "export the field")
    vectors = checked_values(SimpleITK.GetArrayFromImage(image), np.float64, path)
    return vectors.transpose(*range(dim - 1, -1, -1), dim), affine_of(image)


def _learn2reg(path: Path, fixed: Frame | None, moving: Frame | None) -> Deformation:
    """u in indices: the moving index is x + u(x), whatever the two headers say of the world."""
    if fixed is None:
        raise InputError(f"the fixed image for the voxels of {path}", "none", "give --reference (or --fixed)")
    moving = moving or fixed
    if path.suffix.lower() == ".npz":
        displacement = _doubled(_npz(path), fixed, path)
    else:
        image = load_nifti(path)
        shape = tuple(image.shape)
        if shape == (*fixed.shape, *(1,) * (4 - fixed.dim), fixed.dim) and len(shape) == 5:
            todo = "this is an ITK field: leave out --convention learn2reg"
            raise InputError(f"a Learn2Reg field {(*fixed.shape, fixed.dim)}", f"{path} of {shape}", todo)
        if shape != (*fixed.shape, fixed.dim):
            todo = "give the image on whose voxels it was made"
            raise InputError(f"a Learn2Reg field {(*fixed.shape, fixed.dim)}", f"{path} of {shape}", todo)
        displacement = np.moveaxis(checked_values(nifti_values(image, path), np.float64, path), -1, 0)
    places = np.indices(fixed.shape, dtype=np.float64).reshape(fixed.dim, -1).T
    world = moving.to_world(places + displacement.reshape(fixed.dim, -1).T)
    with np.errstate(over="ignore"):
        voxels = (fixed.to_voxel(world) - places).T.astype(np.float32)
    return Deformation(fixed, displacement=np.ascontiguousarray(voxels).reshape(fixed.dim, *fixed.shape))


def _npz(path: Path) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = list(archive.files)
            array = np.asarray(archive[names[0]]) if len(names) == 1 else None
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        todo = "write it again with numpy.savez; pickled objects are not read"
        raise InputError(f"one array of numbers in {path}", one_line(error), todo) from error
    if array is None:
        raise InputError(f"one array in {path}", f"{len(names)}", "keep the displacement only")
    return checked_values(array, np.float64, path)


def _doubled(field: np.ndarray, fixed: Frame, path: Path) -> np.ndarray:
    """A field of half or of full resolution as `(dim, *shape)`."""
    dim, shape = fixed.dim, fixed.shape
    half = (dim, *(n // 2 for n in shape))
    if field.shape == (dim, *shape):
        return field
    if field.shape != half or any(n % 2 for n in shape):
        raise InputError(f"a field of {half} or {(dim, *shape)}", f"{path} of {field.shape}", "give the fixed image")
    from scipy.ndimage import zoom

    return np.stack([zoom(component, 2, order=HALF_ORDER) for component in field])


def describe_field(deformation: Deformation) -> dict[str, Any]:
    """What a manifest says of a deformation's grid."""
    frame = deformation.frame
    return {
        "shape": list(frame.shape),
        "affine_ras_mm": frame.affine.tolist(),
        "linear": deformation.matrix is not None,
    }
