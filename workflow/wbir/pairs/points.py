"""Landmarks: CSV of voxel indices or world millimetres, 3D Slicer's .fcsv and .mrk.json."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wbir.errors import InputError
from wbir.files import write_rows
from wbir.geometry.frames import Frame

SPACES = ("voxel", "ras", "lps")
AXES = ("x", "y", "z")
SLICER = {"0": "ras", "1": "lps", "ras": "ras", "lps": "lps"}
FLIPS = {"ras": np.array([1.0, 1.0, 1.0]), "lps": np.array([-1.0, -1.0, 1.0])}


def read_points(path: Path | str, frame: Frame, space: str = "voxel") -> np.ndarray:
    """Landmarks as world points `(N, dim)`, RAS+ mm.

    A CSV holds what `space` says: `voxel` (indices of the image of `frame`, from 0), `ras` or `lps` (mm). A first line
    of names is taken: columns x, y, z where there are such, else all. 3D Slicer's files say themselves what they hold.
    Raises InputError for a missing file, no points, other columns, and numbers that are none or not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError("a file of landmarks", f"nothing at {path}", "check the path")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "landmarks as text (CSV, .fcsv or .mrk.json)", f"{path}, a binary file", "export it"
        ) from error
    if path.name.lower().endswith(".json"):
        points, space = _from_json(text, path)
    elif path.suffix.lower() == ".fcsv":
        points, space = _from_fcsv(text, path)
    else:
        points = _from_csv(text, path, frame.dim)
    if not points.size or points.ndim != 2 or points.shape[1] < frame.dim or not np.all(np.isfinite(points)):
        what = "none" if not points.size else f"an array of {points.shape}, or with NaN"
        raise InputError(f"landmarks with {frame.dim} finite coordinates in {path}", what, "correct the file")
    return to_world(points[:, : frame.dim], frame, space)


def to_world(points: np.ndarray, frame: Frame, space: str) -> np.ndarray:
    """Points in `space` (see read_points) to RAS+ mm."""
    return frame.to_world(points) if space == "voxel" else points * FLIPS[space][: frame.dim]


def from_world(points: np.ndarray, frame: Frame, space: str) -> np.ndarray:
    """RAS+ mm to points in `space`."""
    return frame.to_voxel(points) if space == "voxel" else points * FLIPS[space][: frame.dim]


def write_points(path: Path, points: np.ndarray) -> None:
    """Write points `(N, dim)` as CSV with the names x, y, z; an unknown place is an empty row's cells."""
    columns = AXES[: points.shape[1]]
    cells = [{a: "" if math.isnan(v) else f"{v:.10g}" for a, v in zip(columns, row, strict=True)} for row in points]
    write_rows(path, cells, columns)


def _from_csv(text: str, path: Path, dim: int) -> np.ndarray:
    rows = [row for row in _rows(text) if row and not row[0].startswith("#")]
    names = [cell.lower() for cell in rows[0]] if rows and not _numbers(rows[0]) else []
    if names:
        rows = rows[1:]
    if set(AXES[:dim]) <= set(names):
        kept = [names.index(axis) for axis in AXES[:dim]]
        rows = [[row[i] if i < len(row) else "" for i in kept] for row in rows]
    wrong = next((n for n, row in enumerate(rows, 1) if len(row) != dim or not _numbers(row)), None)
    if wrong is not None:
        expected = f"{dim} numbers in each row of {path}, or columns named {', '.join(AXES[:dim])}"
        raise InputError(expected, f"row {wrong}: {','.join(rows[wrong - 1])[:80]!r}", "correct the row")
    return np.array(rows, dtype=np.float64).reshape(-1, dim)


def _rows(text: str) -> list[list[str]]:
    """Cells of a table whose cells are parted by commas, semicolons, tabs or blanks."""
    lines = [line for line in text.splitlines() if line.strip()]
    mark = next((m for m in ",;\t" if any(m in line for line in lines)), None)
    if mark is None:
        return [line.split() for line in lines]
    return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)]


def _numbers(cells: Sequence[str]) -> bool:
    try:
        return all(not math.isnan(float(cell)) for cell in cells)
    except ValueError:
        return False


def _from_fcsv(text: str, path: Path) -> tuple[np.ndarray, str]:
    """3D Slicer 4: comment lines name the coordinate system and the columns; id, x, y, z come first."""
    space = "ras"
    for line in text.splitlines():
        if line.startswith("#") and "CoordinateSystem" in line:
            space = _slicer_space(line.partition("=")[2], path)
    rows = [row[1:4] for row in csv.reader(line for line in text.splitlines() if line and not line.startswith("#"))]
    if not all(len(row) == 3 and _numbers(row) for row in rows):
        raise InputError(f"rows id,x,y,z,… in {path}", "other rows", "export the landmarks again")
    return np.array(rows, dtype=np.float64).reshape(-1, 3), space


def _from_json(text: str, path: Path) -> tuple[np.ndarray, str]:
    """3D Slicer 5: the points of the first markups node."""
    try:
        node: Any = json.loads(text)["markups"][0]
        points = np.array([p["position"] for p in node["controlPoints"] if p.get("position")], dtype=np.float64)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError(f"3D Slicer markups in {path}", type(error).__name__, "export the landmarks again") from error
    return points, _slicer_space(str(node.get("coordinateSystem", "lps")), path)


def _slicer_space(word: str, path: Path) -> str:
    space = SLICER.get(word.strip().lower())
    if space is None:
        raise InputError(f"the coordinate system RAS or LPS in {path}", repr(word.strip()), "export it in LPS")
    return space
