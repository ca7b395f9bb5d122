"""`wbir apply`: carry a deformation to further images, labels and points."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wbir.errors import InputError
from wbir.files import folder_written_whole, write_json
from wbir.geometry.frames import Frame
from wbir.images import write_image
from wbir.pairs.deformations import Deformation
from wbir.pairs.fields import read_deformation
from wbir.pairs.output import MANIFEST, provenance
from wbir.pairs.points import from_world, read_points, write_points
from wbir.pairs.scans import Scan, inside, read_scan
from wbir.registration.itk_bridge import itk_geometry


@dataclass(frozen=True)
class Load:
    """What is to be carried.

    moving, labels: images of the moving world, pulled to the fixed grid. points: of the fixed image, carried to the moving
    one by the field; moving_points: of the moving image, carried to the fixed one by its inverse.
    """

    moving: Sequence[Path] = ()
    labels: Sequence[Path] = ()
    points: Sequence[Path] = ()
    moving_points: Sequence[Path] = ()


def apply_field(
    field: Path, load: Load, reference: Path | None, out: Path, *, convention: str, points_in: str, grey: bool = False
) -> list[str]:
    """Write everything carried into the folder `out`, whole, each under its own name; returns what was written.

    The grid is the reference's, else the field's own. Raises InputError for what cannot be read or does not fit.
    """
    started = time.perf_counter()
    if not any((load.moving, load.labels, load.points, load.moving_points)):
        raise InputError("something to carry", "nothing", "give --moving, --labels, --points or --moving-points")
    fixed = read_scan(reference, grey=grey).frame if reference else None
    scans = [read_scan(path, grey=grey) for path in load.moving]
    labels = [read_scan(path, dtype=np.int16) for path in load.labels]
    source = next((scan.frame for scan in (*scans, *labels)), None)
    found = read_deformation(field, fixed, source, convention)
    target = fixed or found.frame
    itk_geometry(target)
    for scan in (*scans, *labels):
        _check_meets(found, scan, target)
    carried = _carried_points(found, load, target, source, points_in)
    with folder_written_whole(out) as folder:
        written: list[str] = []
        for scan, order in (*((s, 1) for s in scans), *((s, 0) for s in labels)):
            name = _free(f"{_stem(scan.path)}.nii.gz", written)
            least = float(scan.array.min()) if order else 0.0
            write_image(folder / name, found.pull(scan.array, scan.frame, target, order=order, outside=least), target)
            written.append(name)
        for path, points in carried:
            written.append(_free(f"{_stem(path)}.csv", written))
            write_points(folder / written[-1], points)
        files = _named(load, field, reference)
        what = {"convention": convention, "points_in": points_in, "written": written}
        seconds = time.perf_counter() - started
        write_json(folder / MANIFEST, provenance("apply", what, files, device="cpu", seconds=seconds))
    return [str(out / name) for name in written]


def _carried_points(
    found: Deformation, load: Load, target: Frame, source: Frame | None, space: str
) -> list[tuple[Path, np.ndarray]]:
    """Each point file and its points where they went, in the space they came in."""
    if space == "voxel" and (load.points or load.moving_points) and source is None:
        todo = "give --moving IMAGE, or points in millimetres (--points-in ras or lps)"
        raise InputError("a moving image for landmarks in voxels", "none", todo)
    result = []
    for path in load.points:
        points = read_points(path, target, space)
        _check_in_grid(points, target, path)
        result.append((path, from_world(found(points), source or target, space)))
    for path in load.moving_points:
        points = read_points(path, source or target, space)
        back = found.inverse(points)
        lost = np.flatnonzero(np.isnan(back).any(axis=1))
        if len(lost):
            got = f"{len(lost)} of {path} without, the first in row {lost[0] + 1}"
            raise InputError(
                "moving landmarks that the field reaches", got, "the field folds there or does not cover them"
            )
        result.append((path, from_world(back, target, space)))
    return result


def _check_in_grid(points: np.ndarray, frame: Frame, path: Path) -> None:
    outside = np.flatnonzero(~inside(frame, frame.to_voxel(points)))
    if len(outside):
        got = f"{len(outside)} outside, the first in row {outside[0] + 1}"
        todo = "correct them, or say what they are by --points-in"
        raise InputError(f"landmarks of {path} inside the fixed grid {frame.shape}", got, todo)


def _check_meets(found: Deformation, scan: Scan, target: Frame) -> None:
    """Raise InputError where an image has another number of dimensions or lies where the field never leads."""
    if scan.frame.dim != target.dim:
        raise InputError(f"{target.dim}D images for this field", f"{scan.frame.dim}D in {scan.path}", "check the file")
    if not found.share_within(target, scan.frame):
        got = f"{scan.path} elsewhere"
        raise InputError(
            "an image where the field leads to", got, "give the moving image's world, or check --convention"
        )


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".nii.gz", ".mrk.json"):
        name = name.removesuffix(suffix)
    return Path(name).stem if "." in name[1:] and name == path.name else name


def _free(name: str, taken: Sequence[str]) -> str:
    """The name, or one with a number where two inputs have it."""
    stem, dot, suffix = name.partition(".")
    number = 2
    while name in taken:
        name, number = f"{stem}-{number}{dot}{suffix}", number + 1
    return name


def _named(load: Load, field: Path, reference: Path | None) -> Mapping[str, Path | None]:
    many = {"moving": load.moving, "labels": load.labels, "points": load.points, "moving_points": load.moving_points}
    listed = {f"{kind}_{n}": path for kind, paths in many.items() for n, path in enumerate(paths, 1)}
    return {**listed, "field": field, "reference": reference}
