"""What the readers of real data share: a scan with what lies on its grid, pairs of scans, which pairs, and writing them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, CohortWriter
from wbir.errors import InputError
from wbir.geometry.frames import Frame

Pair = tuple[str, str]  # of subjects: fixed, moving


@dataclass(frozen=True)
class Scan:
    """An image and what lies on its grid: labels (int16), mask (bool), points (`(N, dim)` voxel indices, float64)."""

    image: np.ndarray
    frame: Frame
    labels: np.ndarray | None = None
    mask: np.ndarray | None = None
    points: np.ndarray | None = None


def read_scan(
    image: Path, *, labels: Path | None = None, mask: Path | None = None, points: np.ndarray | None = None
) -> Scan:
    """An image of any usual format with its label map and mask, in canonical axes (nearest to right, anterior, superior).

    points: `(N, dim)` voxel indices of the file's array, counted from 0. Raises InputError where the files do not share a
    grid, and as `wbir.formats.read_any` does.
    """
    from wbir.formats import read_any

    values, frame = read_any(image)
    maps = {}
    for name, path in (("labels", labels), ("mask", mask)):
        if path is not None:
            maps[name], grid = read_any(path, dtype=np.int16)
            if not same_grid(grid, frame):
                got = f"{grid.shape} and {frame.shape}" if grid.shape != frame.shape else "other places in the world"
                raise InputError(f"{Path(path).name} on the grid of {Path(image).name}", got, "check the files")
    found = maps.get("mask")
    return canonical_scan(Scan(values, frame, maps.get("labels"), None if found is None else found > 0, points))


def same_grid(first: Frame, second: Frame) -> bool:
    """Whether two frames are one, but for rounding in headers (a hundredth of a voxel)."""
    close = (
        np.abs(first.affine - second.affine).max() <= 0.01 * min(first.spacing) if first.dim == second.dim else False
    )
    return first.shape == second.shape and bool(close)


def canonical_scan(scan: Scan) -> Scan:
    """The scan with array axes turned and flipped to lie nearest to right, anterior, superior; points go along."""
    from wbir.anatomy.prepare import canonical

    if scan.frame.dim != 3:
        return scan
    image, frame = canonical(scan.image, scan.frame)
    labels, mask = (None if a is None else canonical(a, scan.frame)[0] for a in (scan.labels, scan.mask))
    points = None if scan.points is None else frame.to_voxel(scan.frame.to_world(scan.points))
    return Scan(image, frame, labels, mask, points)


def on_grid(scan: Scan, target: Frame, *, outside: float | None = None) -> Scan:
    """The scan on another grid of the same world (3D): image linear, labels and mask nearest, points in its indices.

    outside: the image's value beyond its field of view; None is its least value.
    """
    from wbir.anatomy.prepare import resample

    if same_grid(scan.frame, target):
        return replace(scan, frame=target)
    value = float(scan.image.min()) if outside is None else outside
    image = resample(scan.image, scan.frame, target, outside=value)
    labels = None if scan.labels is None else resample(scan.labels, scan.frame, target, order=0).astype(np.int16)
    mask = None if scan.mask is None else resample(scan.mask.astype(np.uint8), scan.frame, target, order=0) > 0
    points = None if scan.points is None else target.to_voxel(scan.frame.to_world(scan.points))
    return Scan(image.astype(np.float32), target, labels, mask, points)


def enclosing(frame: Frame, other: Frame) -> Frame:
    """The grid of `frame`, grown by whole voxels so that it holds all of the field of view of `other`."""
    ends = [np.zeros(frame.dim), np.array(other.shape) - 1.0]
    corners = np.stack(np.meshgrid(*np.stack(ends, 1), indexing="ij"), -1).reshape(-1, frame.dim)
    seen = frame.to_voxel(other.to_world(corners))
    low = np.minimum(np.floor(seen.min(0) + 1e-3), 0).astype(int)
    high = np.maximum(np.ceil(seen.max(0) - 1e-3), np.array(frame.shape) - 1).astype(int)
    affine = frame.affine.copy()
    affine[: frame.dim, frame.dim] = frame.to_world(low[None].astype(float))[0]
    return Frame(tuple(high - low + 1), affine)


def pair(name: str, fixed: Scan, moving: Scan, attributes: Mapping[str, str]) -> Case:
    """The case of two scans, the moving one brought onto the fixed grid by world coordinates where its own is another."""
    moved = on_grid(moving, fixed.frame)
    return Case(
        name, fixed.frame, fixed.image.astype(np.float32), moved.image.astype(np.float32), fixed.labels, moved.labels,
        fixed.mask, moved.mask, fixed.points, moved.points, attributes=dict(attributes),
    )  # fmt: skip


def draw_pairs(subjects: Sequence[str], count: int | None, generator: np.random.Generator) -> list[Pair]:
    """`count` ordered pairs (fixed, moving) of different subjects, each once, drawn by the generator; None: every one.

    Raises InputError where there are fewer.
    """
    n = len(subjects)
    if count is None:
        return [(a, b) for a in subjects for b in subjects if a != b]
    if count < 0 or count > n * (n - 1):
        raise InputError(f"at most {n * (n - 1)} pairs of {n} subjects", f"{count}", "ask for fewer, or add subjects")
    picks = generator.choice(n * (n - 1), size=count, replace=False).tolist() if count else []
    return [(subjects[i], subjects[j + (j >= i)]) for i, j in (divmod(pick, n - 1) for pick in picks)]


def choose(
    what: str, known: Sequence[str], present: Sequence[str], asked: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Which of the `known` subjects to read, those asked for or else all that are there, and which are left out.

    The latter are named on stderr. what: the data set and where it was looked for, for messages. Raises InputError where
    a subject that was asked for is not there, or none is.
    """
    wanted = list(known if asked is None else asked)
    missing = [subject for subject in wanted if subject not in present]
    if asked is not None and missing:
        raise InputError(f"{', '.join(missing)} of {what}", "not there", "complete the data set, or ask for others")
    if not present or not wanted:
        raise InputError(f"a subject of {what}", "none", "see docs/data-access.md")
    if missing:
        print(f"{what}: not there, left out: {', '.join(missing)}", file=sys.stderr)
    return [subject for subject in wanted if subject in present], missing


def choose_numbers(
    what: str, known: Iterable[int], asked: Sequence[int] | None, there: Callable[[int], object]
) -> tuple[list[int], list[str]]:
    """As `choose`, for subjects that have numbers; `there` tells whether one has files."""
    present = [str(number) for number in known if there(number)]
    chosen, missing = choose(what, [str(n) for n in known], present, None if asked is None else [str(n) for n in asked])
    return [int(name) for name in chosen], missing


def write_cohort(
    folder: Path, spec: Mapping[str, Any], cases: Iterable[Case], *, source: str, seed: int,
    labels: Mapping[int, str] | None = None, **more: Any,
) -> None:  # fmt: skip
    """Write cases into `folder` with a card of the literal `spec` (COHORT) and whatever `more` says."""
    card = {"title": spec["title"], "reference": spec["reference"], "source": source, "seed": seed, **more}
    writer = CohortWriter(folder, card, labels)
    for case in cases:
        writer.add(case)
    writer.close()
