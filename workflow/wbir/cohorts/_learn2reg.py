"""Learn2Reg's format: one JSON that names scans, what belongs to each, and the official pairs.

The challenge evaluates in voxel indices: the two scans of a pair have one shape, voxel (i, j, k) of one is compared with voxel
(i, j, k) of the other whatever their headers say, and points are 0-based indices of the files' arrays. So all files of a set are
turned alike here, and a pair has the frame of its fixed scan.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from wbir.cases import Case
from wbir.cohorts._scans import Pair, Scan, canonical_scan, pair
from wbir.data.tree import Tree
from wbir.errors import InputError

if TYPE_CHECKING:
    from wbir.anatomy.directions import Directions

Axes = Sequence[tuple[int, int]]  # of `Directions.axes`
IMAGES = ("image", "label", "mask")
POINTS = ("keypoints", "landmarks")
log = logging.getLogger("wbir")


@dataclass(frozen=True)
class Task:
    """A task's folder: the scans that are there, by number (`0001_0000`), each with the paths of its image, label and so on.

    left_out: what the JSON names and the folder lacks. directions: how labels tell the axes; None where the headers do.
    """

    document: Mapping[str, Any]
    scans: Mapping[str, Mapping[str, Path]]
    left_out: tuple[str, ...]
    directions: Directions | None

    @classmethod
    def open(cls, tree: Tree, name: str, directions: Directions | None = None) -> Task:
        """Read `<name>_dataset.json` and find what it names. Raises InputError where it is missing or damaged, or no scan is there."""
        path = tree.one(f"{name}_dataset.json")
        scans, left_out = {}, []
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            entries = [*document["training"], *document["test"]]
            for entry in entries:
                named = {kind: _file(entry[kind], kind) for kind in (*IMAGES, *POINTS) if kind in entry}
                found = {kind: tree.find(file) for kind, file in named.items()}
                left_out += [file for kind, file in named.items() if found[kind] is None]
                if found["image"] is not None:
                    scans[_number(named["image"])] = {kind: file for kind, file in found.items() if file is not None}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"the description of a Learn2Reg task in {path}", repr(error), "fetch it again") from error
        if not scans:
            raise InputError(
                f"scans that {path.name} names, below {tree.root}", "none", "unpack the whole archive there"
            )
        if left_out:
            some = ", ".join(left_out[:3])
            log.warning(
                "%s: %d files that %s names are not there: %s, ...", tree.dataset, len(left_out), path.name, some
            )
        return cls(document, scans, tuple(left_out), directions)

    def named_pairs(self, key: str) -> list[Pair]:
        """The pairs (fixed, moving) of a list of the JSON, by the numbers of their scans."""
        return [(_number(entry["fixed"]), _number(entry["moving"])) for entry in self.document.get(key, [])]

    def pairs(self, key: str) -> list[Pair]:
        """Those of `named_pairs` whose scans are both there."""
        return [(a, b) for a, b in self.named_pairs(key) if a in self.scans and b in self.scans]

    @cached_property
    def axes(self) -> Axes:
        """How the arrays of all files run: as the first label map tells, or the first header."""
        if self.directions is None:
            return header_axes(next(iter(self.scans.values()))["image"])
        labelled = [files["label"] for files in self.scans.values() if "label" in files]
        if not labelled:
            raise InputError("a label map, which tells right from left", "none in the folder", "complete it")
        return label_axes(labelled[0], self.directions)

    def read(self, number: str, points: str | None = None) -> Scan:
        """A scan with its labels and mask, and the points of that kind where it has them."""
        files = self.scans[number]
        return read_indexed(files, self.axes, None if points is None else files.get(points))


def _file(named: str, kind: str) -> str:
    """The end of a file's path. Images of test scans are named .csv in the published JSONs, and are none."""
    path = PurePosixPath(named)
    return str(path.with_suffix(".nii.gz") if kind in IMAGES and path.suffix == ".csv" else path)


def _number(image: str) -> str:
    """`0001_0000` of `./imagesTr/AbdomenCTCT_0001_0000.nii.gz`."""
    return "_".join(PurePosixPath(image).name.split(".")[0].split("_")[-2:])


def header_axes(image: Path) -> Axes:
    """How a file's array runs, as its header says."""
    from nibabel.orientations import io_orientation

    from wbir.images import load_nifti

    return tuple((int(axis), int(sign)) for axis, sign in io_orientation(load_nifti(image).affine))


def label_axes(labels: Path, directions: Directions) -> Axes:
    """How a file's array runs, as the organs in a label map of it tell."""
    from wbir.images import read_image

    return directions.axes(read_image(labels, dtype=np.int16)[0])


def read_indexed(files: Mapping[str, Path], axes: Axes, points: Path | None = None) -> Scan:
    """The files of one scan (`image`, perhaps `label` and `mask`) as one array grid, turned to right, front, up from `axes`.

    Raises InputError where label or mask have another shape than the image, and for files that cannot be read.
    """
    from wbir.anatomy.directions import true_frame
    from wbir.images import read_image

    image, header = read_image(files["image"])
    maps: dict[str, np.ndarray] = {}
    for kind in ("label", "mask"):
        if kind in files:
            maps[kind] = read_image(files[kind], dtype=np.int16)[0]
            if maps[kind].shape != image.shape:
                raise InputError(f"{files[kind].name} of shape {image.shape}", f"{maps[kind].shape}", "check the files")
    mask = maps["mask"] > 0 if "mask" in maps else None
    places = None if points is None else read_points(points)
    return canonical_scan(Scan(image, true_frame(header, axes), maps.get("label"), mask, places))


def read_points(path: Path) -> np.ndarray:
    """`(N, 3)` voxel indices from a CSV without a head. Raises InputError for anything else."""
    try:
        points = np.loadtxt(path, delimiter=",", ndmin=2)
    except ValueError as error:
        raise InputError(f"lines of three numbers in {path}", str(error), "fetch it again") from error
    if points.shape[1] != 3 or not np.all(np.isfinite(points)):
        raise InputError(f"lines of three numbers in {path}", f"{points.shape[1]} columns or NaN", "fetch it again")
    return points


def index_pair(name: str, fixed: Scan, moving: Scan, attributes: Mapping[str, str]) -> Case:
    """The case of two scans whose voxels correspond by index, in the fixed frame.

    Points are kept where both scans have them. Raises InputError for scans of different shapes, or numbers of points.
    """
    if fixed.frame.shape != moving.frame.shape:
        raise InputError(
            f"two scans of one shape in {name}", f"{fixed.frame.shape}, {moving.frame.shape}", "check them"
        )
    if fixed.points is None or moving.points is None:
        fixed, moving = replace(fixed, points=None), replace(moving, points=None)
    elif len(fixed.points) != len(moving.points):
        raise InputError(
            f"as many fixed as moving points in {name}", f"{len(fixed.points)}, {len(moving.points)}", "check them"
        )
    return pair(name, fixed, replace(moving, frame=fixed.frame), attributes)
