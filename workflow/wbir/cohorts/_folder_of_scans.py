"""A folder of scans that nobody described: every NIfTI a scan, or the pairs that a table beside them names."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Iterator
from pathlib import Path

from wbir.anatomy.seeds import named_generator
from wbir.cases import FILES, Case
from wbir.cohorts._placing import placed
from wbir.cohorts._scans import Scan, draw_pairs, pair, read_scan
from wbir.data.tree import Tree
from wbir.errors import InputError

TABLE = "cases.csv"
ENDINGS = (".nii.gz", ".nii")
SIDES = ("fixed", "moving")
OWN = ("case", *SIDES, "fixed_labels", "moving_labels")  # columns that are no attributes
KEPT = 4  # scans held: the fixed ones of pairs come in order


def folder_cases(tree: Tree, *, pairs: int | None, place: str, seed: int) -> Iterator[Case]:
    """The cases of a folder: the rows of `cases.csv` at its top, else ordered pairs of all scans in it.

    pairs: how many are drawn by the seed where there is no table; None is all. Raises InputError for a table without the
    columns `fixed` and `moving`, a file that is not there, and fewer than two scans.
    """
    table = tree.find(TABLE)
    rows = _table(table) if table else _every_pair(tree, pairs, seed)
    read = functools.lru_cache(maxsize=KEPT)(_read)
    for row in rows:
        images = {side: _file(row[side], table) for side in SIDES}
        labels = {side: _labels(row.get(f"{side}_labels"), images[side], table) for side in SIDES}
        fixed, moving = (read(images[side], labels[side]) for side in SIDES)
        name = row.get("case") or "-".join(case_name(images[side], tree.root) for side in SIDES)
        attributes = {key: value for key, value in row.items() if key not in OWN and value}
        yield pair(name, fixed, placed(moving, fixed, place), {"split": "test", **attributes})


def case_name(path: Path, root: Path) -> str:
    """A scan's place below the folder as a word that can be part of a case's id."""
    relative = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    stem = next(relative[: -len(end)] for end in ENDINGS if relative.lower().endswith(end))
    return re.sub(r"[^A-Za-z0-9_.+]", "_", stem).lstrip("_.+") or "scan"


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in csv.DictReader(stream)]
    if not rows or any(not row.get(side) for row in rows for side in SIDES):
        raise InputError(
            f"rows with `fixed` and `moving` in {path}", "none, or an empty cell", "name two files in each"
        )
    clash = sorted(set(rows[0]) & (set(FILES) - set(OWN)))
    if clash:
        raise InputError(f"attributes in {path} under names of their own", f"{clash}", "rename the columns")
    return rows


def _every_pair(tree: Tree, count: int | None, seed: int) -> list[dict[str, str]]:
    scans = sorted(path for end in ENDINGS for path in tree.all(f"*{end}") if not _is_labels(path))
    if len(scans) < 2:
        got = ", ".join(path.name for path in scans) or "none"
        raise InputError(f"two or more scans (.nii, .nii.gz) in {tree.root}", got, "add scans, or unpack the archives")
    names = [str(path) for path in scans]
    return [dict(zip(SIDES, two, strict=True)) for two in draw_pairs(names, count, named_generator(seed, "pairs"))]


def _is_labels(path: Path) -> bool:
    return path.name.lower().endswith(tuple(f"_labels{end}" for end in ENDINGS))


def _file(cell: str, table: Path | None) -> Path:
    """The file that a cell names: beside the table or with its full path."""
    path = Path(cell) if table is None else table.parent / cell
    if not path.is_file():
        raise InputError(f"{cell} of {TABLE}", f"nothing at {path}", "correct the table, or add the file")
    return path


def _labels(cell: str | None, image: Path, table: Path | None) -> Path | None:
    """The label map that a cell names, else `<scan>_labels.nii(.gz)` beside the scan, where it is."""
    if cell:
        return _file(cell, table)
    stem = next(image.name[: -len(end)] for end in ENDINGS if image.name.lower().endswith(end))
    beside = (image.with_name(f"{stem}_labels{end}") for end in ENDINGS)
    return next((path for path in beside if path.is_file()), None)


def _read(image: Path, labels: Path | None) -> Scan:
    scan = read_scan(image, labels=labels)
    if scan.frame.dim != 3:
        raise InputError("3D scans", f"{image} of shape {scan.frame.shape}", "leave it out")
    return scan
