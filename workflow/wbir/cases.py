"""Cases and cohorts: the canonical form that every method and metric sees.

A cohort is a folder with `manifest.csv` (one row per case: its attributes and the paths of its files), `card.json` (title,
source, parameters, seed, metrics that its attributes explain) and, where there are labels, `labels.csv`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from wbir.errors import InputError
from wbir.files import link_or_copy, read_rows, write_json, write_rows
from wbir.geometry.frames import Frame
from wbir.images import read_displacement, read_image, write_displacement, write_image

IMAGES = ("fixed", "moving")
LABELS = ("fixed_labels", "moving_labels")
MASKS = ("fixed_mask", "moving_mask")
POINTS = ("fixed_points", "moving_points")
FILES = (*IMAGES, *LABELS, *MASKS, *POINTS, "truth", "truth_matrix")


@dataclass(frozen=True)
class Case:
    """A pair of images on one grid, with what is known of it. Arrays follow docs/conventions.md.

    fixed, moving: float32, `frame.shape`.
    fixed_labels, moving_labels: int16, `frame.shape`, 0 is background.
    fixed_mask, moving_mask: bool, `frame.shape`.
    fixed_points, moving_points: `(N, dim)` float64 voxel indices; row n corresponds to row n.
    truth: the true displacement, float32 `(dim, *frame.shape)`, voxels, pull-back.
    truth_matrix: the true affine map, fixed voxel to moving voxel, `(dim + 1, dim + 1)`.
    attributes: what the cohort says of the case (`modalities: T/F`, `age_group: old`); always has `split`.
    """

    id: str
    frame: Frame
    fixed: np.ndarray
    moving: np.ndarray
    fixed_labels: np.ndarray | None = None
    moving_labels: np.ndarray | None = None
    fixed_mask: np.ndarray | None = None
    moving_mask: np.ndarray | None = None
    fixed_points: np.ndarray | None = None
    moving_points: np.ndarray | None = None
    truth: np.ndarray | None = None
    truth_matrix: np.ndarray | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: {"split": "test"})


@dataclass(frozen=True)
class Reading:
    """A number that a method reports of its own run (a path length, a map error). `speed` marks a time: kept apart."""

    metric: str
    value: float
    unit: str = ""
    label: str = ""
    speed: bool = False


@dataclass
class Prediction:
    """What a method returns for a case; what it does not know stays None. Arrays follow docs/conventions.md.

    displacement: float32 `(dim, *shape)`, voxels of the fixed grid; None (with matrix None) is the identity.
    inverse: the displacement of the inverse map, which pulls the fixed image back to the moving one.
    matrix: fixed voxel to moving voxel, for rigid and affine methods; `displacement` may then stay None.
    warped: the method's own resampled moving image, where it differs from a linear warp by `displacement`.
    readings: numbers that the method reports of itself.
    arrays: further arrays for figures (small ones: they are stored in the gallery).
    """

    displacement: np.ndarray | None = None
    inverse: np.ndarray | None = None
    matrix: np.ndarray | None = None
    warped: np.ndarray | None = None
    readings: Sequence[Reading] = ()
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


class CohortWriter:
    """Writes a cohort into `folder` case by case; `close` writes the manifest and the card.

    An image, label map or mask that an earlier case has on the same grid is not packed again: its file gets a second name (a
    hard link), so that a subject of many pairs takes the disk and the time of one.
    """

    def __init__(self, folder: Path, card: Mapping[str, Any], label_names: Mapping[int, str] | None = None) -> None:
        self.folder, self.card, self.label_names = Path(folder), dict(card), dict(label_names or {})
        self.rows: list[dict[str, str]] = []
        self.times: list[dict[str, Any]] = []
        self._written: dict[bytes, Path] = {}  # by digest of array and grid

    def time(self, case_id: str, metric: str, seconds: float) -> None:
        """Note how long a step of a case's making took: kept in timings.csv, apart from what is the same in every run."""
        self.times.append({"case": case_id, "metric": metric, "value": f"{seconds:.6g}", "unit": "s"})

    def add(self, case: Case) -> None:
        """Write the files of one case. Raises InputError for a case that breaks the contract."""
        check_case(case)
        row = {"case": case.id, **case.attributes}
        row.setdefault("split", "test")
        for name in FILES:
            array = getattr(case, name)
            if array is not None:
                row[name] = self._write(case, name, array)
        self.rows.append(row)

    def _write(self, case: Case, name: str, array: np.ndarray) -> str:
        suffix = ".csv" if name in POINTS or name == "truth_matrix" else ".nii.gz"
        relative = f"{case.id}/{name}{suffix}"
        target = self.folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".csv":
            np.savetxt(target, array, delimiter=",", fmt="%.9g")
        elif name == "truth":
            write_displacement(target, array, case.frame)
        else:
            kinds = {**dict.fromkeys(LABELS, np.int16), **dict.fromkeys(MASKS, np.uint8)}
            self._write_image(target, array.astype(kinds.get(name, np.float32)), case.frame)
        return relative

    def _write_image(self, target: Path, array: np.ndarray, frame: Frame) -> None:
        content = hashlib.blake2b(f"{array.dtype.str} {frame.shape}".encode() + frame.affine.tobytes(), digest_size=16)
        content.update(np.ascontiguousarray(array).data)
        first = self._written.setdefault(content.digest(), target)
        if first == target:
            write_image(target, array, frame)
        else:
            link_or_copy(first, target)

    def close(self) -> None:
        if not self.rows:
            raise InputError(
                "at least one case in a cohort", "none", "check the cohort's parameters or its data folder"
            )
        attributes = sorted({key for row in self.rows for key in row} - {"case", "split", *FILES})
        used = [name for name in FILES if any(name in row for row in self.rows)]
        write_rows(self.folder / "manifest.csv", self.rows, ["case", "split", *attributes, *used])
        if self.label_names:
            labels = [{"label": k, "name": v} for k, v in sorted(self.label_names.items())]
            write_rows(self.folder / "labels.csv", labels, ["label", "name"])
        if self.times:
            write_rows(self.folder / "timings.csv", self.times, ["case", "metric", "value", "unit"])
        write_json(self.folder / "card.json", self.card)


@dataclass(frozen=True)
class Cohort:
    """A cohort on disk; cases are read one at a time."""

    folder: Path
    rows: Sequence[Mapping[str, str]]

    @classmethod
    def open(cls, folder: Path | str) -> Cohort:
        """Open a cohort folder. Raises InputError where there is no manifest."""
        folder = Path(folder)
        return cls(folder, read_rows(folder / "manifest.csv"))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Case]:
        return (self.case(row["case"]) for row in self.rows)

    def select(self, **attributes: str) -> Cohort:
        """The cases whose attributes have these values (`split="train"`)."""
        return Cohort(self.folder, [r for r in self.rows if all(r.get(k) == v for k, v in attributes.items())])

    def fold(self, fold: str = "") -> Fold:
        """The cases for training, validation and test; `fold` says which part of a cross-validation is held out.

        Without a fold they are those of the splits. With one, training has the cases of the other folds. The held-out
        cases are for validation, but for test where that is their split; test cases of no fold are in every fold's test.
        Raises InputError for a fold that no case is in.
        """
        if not fold:
            return Fold(*(self.select(split=split) for split in ("train", "validation", "test")))
        folds = sorted({row.get("fold", "") for row in self.rows} - {""})
        if fold not in folds:
            raise InputError(f"a fold of {folds} in {self.folder.name}", repr(fold), "make the cohort with `folds`")
        held_out = self.select(fold=fold).rows
        parts = (
            [row for row in self.rows if row.get("fold", "") not in ("", fold)],
            [row for row in held_out if row["split"] != "test"],
            [row for row in self.rows if row["split"] == "test" and row.get("fold", "") in ("", fold)],
        )
        return Fold(*(Cohort(self.folder, rows) for rows in parts))

    def label_names(self) -> dict[int, str]:
        path = self.folder / "labels.csv"
        return {int(row["label"]): row["name"] for row in read_rows(path)} if path.exists() else {}

    def case(self, case_id: str) -> Case:
        """Read one case. Raises InputError for an unknown id or a damaged file."""
        row = next((r for r in self.rows if r["case"] == case_id), None)
        if row is None:
            raise InputError(f"a case of {self.folder}", repr(case_id), "take one of the manifest's ids")
        fixed, frame = read_image(self.folder / row["fixed"])
        arrays: dict[str, Any] = {"fixed": fixed}
        for name in FILES[1:]:
            if row.get(name):
                arrays[name] = self._read(name, self.folder / row[name], frame)
        attributes = {k: v for k, v in row.items() if k != "case" and k not in FILES}
        case = Case(id=case_id, frame=frame, attributes=attributes, **arrays)
        check_case(case)
        return case

    @staticmethod
    def _read(name: str, path: Path, frame: Frame) -> np.ndarray:
        if path.suffix == ".csv":
            return np.loadtxt(path, delimiter=",", ndmin=2)
        if name == "truth":
            return read_displacement(path, frame)
        array, _ = read_image(path, dtype=np.int16 if name in LABELS else np.float32)
        return array > 0 if name in MASKS else array


class Fold(NamedTuple):
    """A cohort in parts: what a network learns from, what it is watched on, what it is measured on."""

    train: Cohort
    validation: Cohort
    test: Cohort


def lacking(case: Case, needs: Sequence[str]) -> str:
    """What of `needs` a case does not have, in words, or an empty word; `"truth|truth_matrix"` means either."""
    missing = [need for need in needs if all(getattr(case, name) is None for name in need.split("|"))]
    return ", ".join(need.replace("|", " or ") for need in missing)


def check_case(case: Case) -> None:
    """Raise InputError where a case breaks the contract (shapes, NaN, types)."""
    check_id(case.id)
    shape, dim = case.frame.shape, case.frame.dim
    for name in (*IMAGES, *LABELS, *MASKS):
        array = getattr(case, name)
        if array is not None and array.shape != shape:
            raise InputError(
                f"{name} of case {case.id} on the fixed grid {shape}", f"shape {array.shape}", "resample it"
            )
    for name in (*IMAGES, "truth"):
        array = getattr(case, name)
        if array is not None and not np.all(np.isfinite(array)):
            raise InputError(f"finite values in {name} of case {case.id}", "NaN or infinity", "repair the image")
    if case.truth is not None and case.truth.shape != (dim, *shape):
        raise InputError(
            f"truth of case {case.id} as {(dim, *shape)}", f"shape {case.truth.shape}", "check the axis order"
        )


def check_id(case_id: str) -> None:
    """Raise InputError for a case id that cannot name a folder everywhere."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", case_id):
        raise InputError("a case id of letters, digits and _ . + -", repr(case_id), "it names a folder: rename it")
