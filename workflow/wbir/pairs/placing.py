"""From a pair on two grids to a case on one: where the moving image starts, its resampling, intensities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wbir.anatomy.prepare import normalise
from wbir.cases import Case
from wbir.errors import InputError
from wbir.pairs.deformations import Deformation
from wbir.pairs.fields import LINEAR, read_linear
from wbir.pairs.pair import Pair
from wbir.pairs.scans import Scan

INITIALS = ("header", "centres", "mass")
NORMALISATIONS = ("percentiles", "joint", "none")
PERCENTILES = (0.5, 99.5)  # those of the cohorts
MUCH_FINER = 1.25  # ratio of spacings from which the moving image is smoothed before it is resampled
FWHM = 2 * np.sqrt(2 * np.log(2))


def start_matrix(pair: Pair, initial: str) -> np.ndarray:
    """Where the moving image starts: a world matrix `(dim + 1, dim + 1)`, fixed to moving, RAS+ mm.

    header: the files' own world coordinates. centres, mass: the shift between the centres of the grids, or of the
    intensities above each image's least. Else the path of a linear ITK transform. Raises InputError for another word,
    and where the images do not meet.
    """
    dim = pair.fixed.frame.dim
    matrix = np.eye(dim + 1)
    if initial in ("centres", "mass"):
        middle = _grid_centre if initial == "centres" else _centre_of_mass
        matrix[:dim, dim] = middle(pair.moving) - middle(pair.fixed)
    elif initial != "header":
        if not initial.lower().endswith(LINEAR):
            raise InputError(f"--initial {', '.join(INITIALS)} or a linear ITK transform", repr(initial), "take one")
        matrix = read_linear(Path(initial), dim)
    if not overlap(pair, matrix):
        todo = "give --initial centres" if initial == "header" else "give another --initial"
        raise InputError(f"images that meet in world coordinates (--initial {initial})", "no overlap", todo)
    return matrix


def overlap(pair: Pair, matrix: np.ndarray) -> float:
    """The share of the fixed grid that the placed moving grid covers, on a lattice of points."""
    return Deformation(pair.fixed.frame, matrix=matrix).share_within(pair.fixed.frame, pair.moving.frame)


def placed_case(pair: Pair, images: Sequence[np.ndarray], start: np.ndarray, *, meet: bool = True) -> Case:
    """The case that a method sees: everything on the fixed grid, the moving side placed by `start`.

    images: the two images, normalised, each on its own grid. The moving image is read linearly, after a Gaussian with the
    full width at half maximum of the fixed voxel (less its own) along axes where it is much finer; its border values go
    on beyond its grid, as a sharp border there would draw methods to it. Labels and masks by nearest neighbour. The
    final warped image comes from the original moving image, not from this one.
    meet: raise InputError where the placed moving image, or a mask, shows nothing within the fixed grid.
    """
    frame, placed = pair.fixed.frame, Deformation(pair.fixed.frame, matrix=start)
    moving = placed.pull(smoothed(images[1], pair.moving, placed), pair.moving.frame, frame, outside=None)
    if meet and moving.min() == moving.max():
        raise InputError("contrast of the moving image within the fixed one's grid", "none", "give --initial centres")
    through = {"fixed": Deformation(frame), "moving": placed}
    labels = {k: through[k].pull(s.array, s.frame, frame, order=0) for k, s in pair.labels.items()}
    masks = {k: through[k].pull(s.array, s.frame, frame, order=0) > 0 for k, s in pair.masks.items()}
    for side, mask in masks.items():
        if (meet or side == "fixed") and not mask.any():
            raise InputError(f"a {side} mask that meets the fixed image's grid", "none of it", "check it, or --initial")
    back = Deformation(frame, matrix=np.linalg.inv(start))
    return Case(
        "pair",
        frame,
        np.ascontiguousarray(images[0]),
        moving,
        fixed_labels=labels.get("fixed"),
        moving_labels=labels.get("moving"),
        fixed_mask=masks.get("fixed"),
        moving_mask=masks.get("moving"),
        fixed_points=frame.to_voxel(pair.points["fixed"]) if pair.points else None,
        moving_points=frame.to_voxel(back(pair.points["moving"])) if pair.points else None,
    )


def smoothed(image: np.ndarray, scan: Scan, placed: Deformation) -> np.ndarray:
    """The moving image without the detail that the fixed grid cannot hold; as it is where the grids are alike."""
    assert placed.matrix is not None
    dim = scan.frame.dim
    steps = (np.linalg.inv(scan.frame.affine) @ placed.matrix @ placed.frame.affine)[:dim, :dim]
    ratios = np.linalg.norm(steps, axis=1)  # a fixed voxel in moving voxels, along each moving axis
    sigmas = np.where(ratios > MUCH_FINER, np.sqrt(np.maximum(ratios**2 - 1, 0)) / FWHM, 0.0)
    if not sigmas.any():
        return image
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, sigmas, mode="nearest", truncate=3)


def normalised(pair: Pair, how: str) -> tuple[np.ndarray, np.ndarray]:
    """Both images, float32, each on its own grid.

    percentiles: each by itself to [0, 1], linear between its percentiles 0.5 and 99.5 and cut beyond, as the cohorts do.
    joint: one shift and scale for both, from the percentiles of the two together, uncut (CT). none: as stored.
    """
    images = (pair.fixed.array, pair.moving.array)
    if how == "none":
        return images
    if how == "joint":
        lows, highs = zip(*(np.percentile(image, _percentiles(image)) for image in images), strict=True)
        low, high = min(lows), max(highs)
        return tuple(((image - low) / (high - low)).astype(np.float32) for image in images)  # type: ignore[return-value]
    return normalise(images[0], percentiles=_percentiles(images[0])), normalise(
        images[1], percentiles=_percentiles(images[1])
    )


def _percentiles(image: np.ndarray) -> tuple[float, float]:
    """The cohorts' percentiles, or the extremes of an image that is almost everywhere the same."""
    low, high = np.percentile(image, PERCENTILES)
    return PERCENTILES if high > low else (0.0, 100.0)


def _grid_centre(scan: Scan) -> np.ndarray:
    return scan.frame.to_world((np.array(scan.frame.shape) - 1.0)[None] / 2)[0]


def _centre_of_mass(scan: Scan) -> np.ndarray:
    weights = scan.array.astype(np.float64) - scan.array.min()
    total = weights.sum()
    sums = [weights.sum(axis=tuple(a for a in range(weights.ndim) if a != axis)) for axis in range(weights.ndim)]
    return scan.frame.to_world(np.array([[float(s @ np.arange(len(s)) / total) for s in sums]]))[0]
