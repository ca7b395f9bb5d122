"""A user's pair as it was given: two images on their own grids, with labels, masks and landmarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wbir.errors import InputError
from wbir.pairs.points import read_points
from wbir.pairs.scans import Scan, check_overlay, inside, read_scan
from wbir.registration.itk_bridge import itk_geometry

SMALLEST = 4  # voxels along an axis
SIDES = ("fixed", "moving")


@dataclass(frozen=True, eq=False)
class Pair:
    """fixed, moving: the images. labels, masks: scans by side, each on a grid of its own that covers the image's.
    points: world landmarks `(N, dim)` by side, RAS+ mm; row n corresponds to row n."""

    fixed: Scan
    moving: Scan
    labels: Mapping[str, Scan]
    masks: Mapping[str, Scan]
    points: Mapping[str, np.ndarray]


def read_pair(
    images: Mapping[str, Path],
    labels: Mapping[str, Path | None],
    masks: Mapping[str, Path | None],
    points: Mapping[str, Path | None],
    *,
    points_in: str = "voxel",
    grey: bool = False,
) -> Pair:
    """Read a pair; keys are `fixed` and `moving`. Raises InputError for whatever does not fit together."""
    scans = {side: read_scan(images[side], grey=grey) for side in SIDES}
    fixed, moving = scans["fixed"], scans["moving"]
    if fixed.frame.dim != moving.frame.dim:
        got = f"{fixed.path} with {fixed.frame.dim} and {moving.path} with {moving.frame.dim}"
        raise InputError("two images of the same number of dimensions", got, "give both in 2D, or both in 3D")
    for scan in scans.values():
        check_image(scan)
    itk_geometry(fixed.frame)  # the fields are written on this grid
    both = {
        name: paths
        for name, paths in (("labels", labels), ("landmarks", points))
        if sum(map(bool, paths.values())) == 1
    }
    for name, paths in both.items():
        missing = next(side for side in SIDES if not paths[side])
        raise InputError(f"{name} of both images", f"none of the {missing} image", "give both, or neither")
    return Pair(
        fixed,
        moving,
        {side: _overlay(scans[side], path, "labels") for side, path in labels.items() if path},
        {side: _overlay(scans[side], path, "a mask") for side, path in masks.items() if path},
        _landmarks(scans, points, points_in),
    )


def check_image(scan: Scan) -> None:
    """Raise InputError for an image in which there is nothing to register."""
    if min(scan.frame.shape) < SMALLEST:
        got = f"{scan.path} of shape {scan.frame.shape}"
        raise InputError(f"at least {SMALLEST} voxels along each axis", got, "give a 2D image, or more slices")
    if scan.array.min() == scan.array.max():
        raise InputError(
            f"an image with contrast in {scan.path}", f"{scan.array.flat[0]:g} everywhere", "check the file"
        )


def _overlay(image: Scan, path: Path, what: str) -> Scan:
    overlay = read_scan(path, dtype=np.int16)
    check_overlay(image, overlay, what)
    if what == "a mask" and not overlay.array.any():
        raise InputError(f"a mask with voxels above 0 in {path}", "an empty one", "leave it out, or draw it")
    return overlay


def _landmarks(scans: Mapping[str, Scan], paths: Mapping[str, Path | None], space: str) -> dict[str, np.ndarray]:
    found = {side: read_points(path, scans[side].frame, space) for side, path in paths.items() if path}
    for side, points in found.items():
        check_inside(points, scans[side], str(paths[side]))
    if len({len(points) for points in found.values()}) > 1:
        counts = ", ".join(f"{len(points)} {side}" for side, points in found.items())
        raise InputError("as many fixed as moving landmarks, row by row", counts, "correct the files")
    return found


def check_inside(points: np.ndarray, scan: Scan, path: str) -> None:
    """Raise InputError where world points lie outside an image."""
    outside = np.flatnonzero(~inside(scan.frame, scan.frame.to_voxel(points)))
    if len(outside):
        place = np.round(scan.frame.to_voxel(points[outside[0]][None])[0], 2).tolist()
        expected = f"landmarks of {path} inside {scan.path} {scan.frame.shape}"
        got = f"{len(outside)} outside, the first in row {outside[0] + 1} at voxel {place}"
        raise InputError(expected, got, "correct them, or say what they are by --points-in")
