"""What the data sets of DIR-Lab share: volumes without a header, landmarks counted from 1, pairs of the two."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cohorts._scans import Scan, canonical_scan
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.geometry.frames import Frame

OFFSET = 1024  # a stored value less this is in Hounsfield units
LIMITS = (-1024.0, 3071.0)  # Hounsfield units; below lies the padding of some scans
VOXEL = np.dtype("<i2")


@dataclass(frozen=True)
class Files:
    """Of one scan, as patterns of `Tree`. count: landmarks that the file must have."""

    image: str
    landmarks: str | None
    count: int = 0


def grid(rows: Mapping[str, Mapping[str, Sequence[Any]]], subject: int) -> Frame:
    """The frame of a subject's volumes as its files have them, from rows `{"1": {"size": …, "spacing": …}}`.

    The first index runs from right to left, the second from front to back, the third downwards. The first voxel lies at
    0 mm, since no file says where it does.
    """
    row = rows.get(str(subject))
    if row is None:
        raise InputError("a row of `grids` for each case", f"none for case {subject}", "add it, or leave the case out")
    return Frame(tuple(row["size"]), np.diag([*(-float(mm) for mm in row["spacing"]), 1.0]))


def read(tree: Tree, files: Files, frame: Frame) -> Scan:
    """A scan in Hounsfield units with its landmarks, in canonical axes. Raises InputError for missing or damaged files."""
    image = read_volume(tree.one(files.image), frame.shape)
    points = None
    if files.landmarks is not None:
        points = read_landmarks(tree.one(files.landmarks), files.count, frame.shape)
    return canonical_scan(Scan(image, frame, points=points))


def read_volume(path: Path, size: Sequence[int]) -> np.ndarray:
    """A headerless volume, int16 little-endian with the first axis fastest: float32 of `size`, Hounsfield units.

    Raises InputError for a file of another length.
    """
    wanted, held = math.prod(size) * VOXEL.itemsize, path.stat().st_size
    if held != wanted:
        voxels = " x ".join(map(str, size))
        raise InputError(f"{wanted} bytes in {path.name} ({voxels} voxels)", f"{held}", "fetch and unpack it again")
    values = np.fromfile(path, VOXEL).reshape(size, order="F").astype(np.float32)
    values -= OFFSET
    return values.clip(*LIMITS, out=values)


def read_landmarks(path: Path, count: int, size: Sequence[int]) -> np.ndarray:
    """Landmarks `(count, 3)`, float64 voxel indices from 0; the file counts from 1, one row `x y z` for each.

    Raises InputError for anything but numbers, another count, and a place outside the volume of `size`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an empty file is refused below
            points = np.loadtxt(path, dtype=np.float64, ndmin=2)
    except ValueError as error:
        raise InputError(f"rows of three numbers in {path.name}", str(error), "fetch it again") from error
    if points.shape != (count, 3):
        got = " x ".join(map(str, points.shape))
        raise InputError(f"{count} x 3 numbers in {path.name}", got, "fetch it again")
    outside = np.flatnonzero(~((points >= 1) & (points <= size)).all(axis=1))
    if outside.size:
        row = int(outside[0])
        place, voxels = " ".join(f"{value:g}" for value in points[row]), " x ".join(map(str, size))
        raise InputError(f"places from 1 1 1 to {voxels} in {path.name}", f"{place} in row {row + 1}", "fetch it again")
    return points - 1.0
