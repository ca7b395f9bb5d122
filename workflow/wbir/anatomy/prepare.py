"""From scans to a pair on one grid: canonical axes, cropping, resampling, intensities, an affine start.

World coordinates are millimetres in RAS+. A world map is a `(4, 4)` matrix that takes fixed millimetres to moving ones,
the direction of a pull-back. All images here are 3D, but for `resample` and `normalise`, which take 2D too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wbir.errors import InputError
from wbir.geometry.frames import Frame

Box = tuple[np.ndarray, np.ndarray]
Scan = tuple[np.ndarray, Frame]
MARGIN_MM = 30.0


def canonical(array: np.ndarray, frame: Frame) -> tuple[np.ndarray, Frame]:
    """The same scan with array axes turned and flipped to lie nearest to right, anterior, superior."""
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

    turn = io_orientation(frame.affine)
    turned = np.ascontiguousarray(apply_orientation(array, turn))
    return turned, Frame(turned.shape, frame.affine @ inv_ornt_aff(turn, frame.shape))


def content_box(content: np.ndarray, frame: Frame, *, tail: float = 0.001) -> Box:
    """World corners (low, high) of the true voxels of `content` in a canonical frame, in mm, as voxel centres.

    tail: the share of content left out at either end of each axis, so that a few stray voxels do not widen the box.
    Raises InputError where nothing is true.
    """
    if not content.any():
        raise InputError("an image with content", "an empty one", "check the file")
    low, high = np.zeros(3), np.zeros(3)
    for axis in range(3):
        share = np.cumsum(content.sum(axis=tuple(a for a in range(3) if a != axis), dtype=np.int64)) / content.sum()
        low[axis] = np.searchsorted(share, tail, side="right")
        high[axis] = np.searchsorted(share, 1 - tail, side="left")
    corners = frame.to_world(np.stack([low, high]))
    return corners.min(axis=0), corners.max(axis=0)


def top_of_head(array: np.ndarray, frame: Frame, head: np.ndarray, *, height_mm: float = 170.0) -> Scan:
    """A canonical scan cut `height_mm` below the vertex: neck and shoulders mislead an alignment.

    head: voxels of the head, of the array's shape. 170 mm holds the brain and the skull base of an adult.
    """
    vertex = content_box(head, frame)[1][2]
    below = np.clip(int(np.floor(frame.to_voxel(np.array([[0.0, 0.0, vertex - height_mm]]))[0, 2])), 0, None)
    affine = frame.affine.copy()
    affine[:3, 3] += affine[:3, 2] * below
    cut = array[:, :, below:]
    return cut, Frame(cut.shape, affine)


def union(boxes: Sequence[Box]) -> Box:
    """The smallest box around all boxes."""
    return np.min([low for low, _ in boxes], axis=0), np.max([high for _, high in boxes], axis=0)


def same_size(boxes: Sequence[Box]) -> list[Box]:
    """Each box about its own centre, with the largest sides of all: grids around them have one shape."""
    half = np.max([high - low for low, high in boxes], axis=0) / 2
    return [((low + high) / 2 - half, (low + high) / 2 + half) for low, high in boxes]


def grid(box: Box, spacing: float, *, margin_mm: float, multiple: int = 1) -> Frame:
    """An axis-aligned RAS grid of `spacing` mm around `box` and a margin, centred on it.

    multiple: each side is rounded up to a multiple of this many voxels.
    """
    if spacing <= 0:
        raise InputError("a spacing above 0 mm", f"{spacing}", "correct the parameter")
    low, high = np.asarray(box[0]) - margin_mm, np.asarray(box[1]) + margin_mm
    sides = np.ceil((high - low) / spacing - 1e-6).astype(int) + 1
    shape = tuple(int(-(-n // multiple) * multiple) for n in sides)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = (low + high) / 2 - spacing * (np.array(shape) - 1) / 2
    return Frame(shape, affine)


def resample(
    array: np.ndarray,
    frame: Frame,
    target: Frame,
    *,
    order: int = 1,
    world_map: np.ndarray | None = None,
    outside: float = 0.0,
) -> np.ndarray:
    """A scan on the grid `target`, once through `world_map` (target mm to scan mm; None is the identity).

    Interpolated, and smoothed for a coarser target, as by `read_through`. Voxels outside the scan become `outside`.
    """
    through = np.eye(frame.dim + 1) if world_map is None else world_map
    matrix = np.linalg.inv(frame.affine) @ through @ target.affine
    return read_through(array, matrix, target.shape, order=order, outside=outside)


def read_through(
    array: np.ndarray, matrix: np.ndarray, shape: Sequence[int], *, order: int = 1, outside: float = 0.0
) -> np.ndarray:
    """An array (2D or 3D) on a grid of `shape` whose voxel x is read at `matrix @ x`, homogeneous, in the array's voxels.

    order 0 is nearest neighbour (labels, masks: the type is kept), order 1 linear (images: float32). For order 1 and
    steps of more than a voxel the array is smoothed first, along each of its axes, by a Gaussian with the full width at
    half maximum of the step (less the array's own voxel), so that coarse grids do not alias. What lies outside the array
    becomes `outside`.
    """
    from scipy import ndimage

    if order not in (0, 1):
        raise ValueError(f"order is 0 or 1, got {order}")
    dim, matrix = array.ndim, np.round(matrix, 9)  # a border voxel must not fall outside by rounding
    source = array if order == 0 else np.asarray(array, dtype=np.float32)
    if order == 1:
        steps = np.linalg.norm(matrix[:dim, :dim], axis=1)
        sigmas = np.sqrt(np.maximum(steps**2 - 1, 0)) / (2 * np.sqrt(2 * np.log(2)))
        if sigmas.max() > 0:
            source = ndimage.gaussian_filter(source, sigmas, mode="nearest", truncate=3)
    return ndimage.affine_transform(
        source,
        matrix[:dim, :dim],
        matrix[:dim, dim],
        output_shape=tuple(shape),
        order=order,
        mode="constant",
        cval=outside,
    )


def normalise(
    image: np.ndarray, *, inside: np.ndarray | None = None, percentiles: tuple[float, float] = (0.5, 99.5)
) -> np.ndarray:
    """Intensities to [0, 1], float32: linear between two percentiles taken over `inside`, cut beyond them.

    Raises InputError for an image without contrast.
    """
    values = image[inside] if inside is not None else image
    low, high = np.percentile(values, percentiles) if values.size else (0.0, 0.0)
    if not high > low:
        raise InputError("an image with contrast", f"one value at both percentiles ({low:g})", "check the file")
    return np.clip((image - low) / (high - low), 0, 1).astype(np.float32)


def centre_on(array: np.ndarray, shape: Sequence[int], *, mode: str = "edge") -> np.ndarray:
    """Pad and crop by whole voxels to `shape`, so that the middle of the grid, whatever it shows, is the middle.

    Along each axis the array's index 0 comes to lie at `floor((new - old) / 2)`. mode: as in `numpy.pad`.
    """
    shifts = [(new - old) // 2 for new, old in zip(shape, array.shape, strict=True)]
    cut = tuple(
        slice(max(-s, 0), max(-s, 0) + min(new, old)) for s, new, old in zip(shifts, shape, array.shape, strict=True)
    )
    pads = [(max(s, 0), max(new - old - max(s, 0), 0)) for s, new, old in zip(shifts, shape, array.shape, strict=True)]
    return np.pad(array[cut], pads, mode=mode)  # type: ignore[call-overload]


def thumbnail(array: np.ndarray, frame: Frame, *, box: Box | None = None, spacing: float = 4.0) -> Scan:
    """A scan on a coarse RAS grid around `box` (None: all of it), ready for `align_affine`."""
    if box is None:
        corners = frame.to_world(np.indices((2, 2, 2)).reshape(3, -1).T * (np.array(frame.shape) - 1))
        box = (corners.min(axis=0), corners.max(axis=0))
    coarse = grid(box, spacing, margin_mm=0)
    return resample(array, frame, coarse), coarse


def align_affine(fixed: Scan, moving: Scan, *, iterations: int = 200) -> np.ndarray:
    """The affine world map (fixed mm to moving mm) that aligns two thumbnails of like contrast; `(4, 4)`.

    The centres of mass are laid together; then a similarity (on every second voxel) and an affine map, both about
    the fixed centre of mass, maximise the correlation over the fixed grid (SimpleITK, regular-step gradient descent,
    scales from the physical shift). One thread and no random sampling: the same bytes every time. Scans should show
    the same part of the body.

    Raises InputError where the optimisation fails or ends at a map that no two heads need.
    """
    import SimpleITK as sitk

    images = [_to_sitk(*fixed), _to_sitk(*_padded(*moving))]
    try:
        start = sitk.CenteredTransformInitializer(
            *images, sitk.Similarity3DTransform(), sitk.CenteredTransformInitializerFilter.MOMENTS
        )
        similarity = sitk.Similarity3DTransform(_optimise(images, start, iterations, shrink=2))
        affine = sitk.AffineTransform(3)
        affine.SetMatrix(similarity.GetMatrix())
        affine.SetTranslation(similarity.GetTranslation())
        affine.SetCenter(similarity.GetCenter())
        affine = sitk.AffineTransform(_optimise(images, affine, iterations, shrink=1))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(
            "two scans that an affine map can align", reason, "look at both, or set affine: false"
        ) from error
    return _checked(_matrix(affine))


def _padded(array: np.ndarray, frame: Frame) -> Scan:
    """A margin of zeros: the metric sees only where the moving scan is defined, and must not gain by leaving it."""
    width = int(np.ceil(MARGIN_MM / min(frame.spacing)))
    affine = frame.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ np.full(3, width)
    padded = np.pad(array, width)
    return padded, Frame(padded.shape, affine)


def _to_sitk(array: np.ndarray, frame: Frame) -> Any:
    """A RAS grid as a SimpleITK image. SimpleITK is told RAS for its LPS: every map it returns is then in RAS too."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetSpacing(frame.spacing)
    image.SetOrigin(tuple(frame.affine[:3, 3]))
    return image


def _optimise(images: Sequence[Any], start: Any, iterations: int, *, shrink: int) -> Any:
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsCorrelation()
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0,
        minStep=0.002,
        numberOfIterations=iterations,
        relaxationFactor=0.9,
        gradientMagnitudeTolerance=1e-8,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([shrink])
    method.SetSmoothingSigmasPerLevel([shrink - 1])
    method.SetInitialTransform(start, inPlace=False)
    return sitk.CompositeTransform(method.Execute(*images)).GetNthTransform(0)


def _matrix(affine: Any) -> np.ndarray:
    """`A (x - c) + c + t` as a homogeneous matrix."""
    linear = np.array(affine.GetMatrix()).reshape(3, 3)
    centre, translation = np.array(affine.GetCenter()), np.array(affine.GetTranslation())
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, centre + translation - linear @ centre
    return matrix


def _checked(matrix: np.ndarray) -> np.ndarray:
    """Heads differ in length by less than 40% and are not mirrored: anything else is a failed alignment."""
    stretches = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    if np.linalg.det(matrix[:3, :3]) <= 0 or stretches.max() > 1.4 or stretches.min() < 1 / 1.4:
        got = f"stretches {', '.join(f'{s:.2f}' for s in stretches)}"
        raise InputError("an affine alignment within 40% in length", got, "look at both scans, or set affine: false")
    return matrix
