"""Slices of another cohort's volumes: 2D cases."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case
from wbir.cohorts._derived import opened
from wbir.errors import InputError, require_known
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Slices of another cohort",
    "reference": "Paper 02, Sect. 3: the same slice of each patient, in which a tumour is present",
    "describes": "Slices across an array axis of the cases of another cohort, the same one of both images: the middle one, one by its"
    " index, the one with the greatest area of some labels, or several at even distances. Points are left out unless both"
    " partners lie in the slice. A true map is left out too, since it leads out of the slice; on demand its part within the"
    " slice is kept, which is then no longer where the tissue went.",
    "sources": ["derived"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 120,
    "parameters": {
        "axis": 2,  # across which array axis: 0 is left-right, 1 back-front, 2 foot-head in canonical axes
        "position": "middle",  # middle | index | largest | spaced
        "index": 0,  # the slice's, counted from 0
        "labels": [],  # of `largest`, in the fixed image (the moving one's where it has none); []: all
        "count": 1,  # of `spaced`: slices in the middle of so many equal parts of the volume
        "require": [],  # labels: slices that show none of them in either image are left out
        "drop_through_plane": False,  # keep a true map's part within the slice
    },
    "tiny": {"position": "largest"},
    "dims": 2,
}
POSITIONS = ("middle", "index", "largest", "spaced")
IN_PLANE = 1e-3  # voxels that a point may lie off the slice

log = logging.getLogger("wbir")


def build(
    folder: Path, *, source: str, data: Path, seed: int, axis: int, position: str, index: int, labels: Sequence[int],
    count: int, require: Sequence[int], drop_through_plane: bool,
) -> None:  # fmt: skip
    """Write the slices of the cohort in `data`, with an attribute `slice`, under the ids of its cases.

    Where there are several of a case their ids end in `-s` and the index. The card names the slices that were left out
    (`left_out`). Raises InputError for unfit parameters, 2D cases, and a case without the labels of `largest`.
    """
    require_known({"position": (position, POSITIONS)}, "for a slice")
    if axis not in (0, 1, 2) or count < 1:
        raise InputError("an axis of 0, 1, 2 and a count from 1", f"{axis}, {count}", "correct the cohort's parameters")
    parameters = {
        "axis": axis, "position": position, "index": index, "labels": list(labels), "count": count,
        "require": list(require), "drop_through_plane": drop_through_plane,
    }  # fmt: skip
    base, writer = opened(folder, COHORT, data, source=source, seed=seed, parameters=parameters)
    left_out = writer.card["left_out"] = []
    for case in base:
        if case.frame.dim != 3:
            raise InputError(f"a volume in case {case.id}", "a 2D image", "slice a 3D cohort")
        for place in places(case, axis, position, index, labels, count):
            name = f"{case.id}-s{place:03d}" if position == "spaced" and count > 1 else case.id
            found = cut(case, axis, place, name, truth=drop_through_plane)
            if shows(found, require):
                writer.add(found)
            else:
                left_out.append(name)
    if left_out:
        log.warning("sliced: none of the labels %s in, left out: %s", list(require), ", ".join(left_out))
    writer.close()


def places(case: Case, axis: int, position: str, index: int, labels: Sequence[int], count: int) -> Iterator[int]:
    """The indices of a case's slices. Raises InputError as `build` does."""
    size = case.frame.shape[axis]
    if position == "index" and not 0 <= index < size:
        raise InputError(f"a slice of 0 to {size - 1} of case {case.id}", f"{index}", "correct `index`")
    if position == "spaced" and count > size:
        raise InputError(f"at most {size} slices of case {case.id}", f"{count}", "correct `count`")
    if position == "spaced":
        yield from (int((part + 0.5) / count * size) for part in range(count))
    elif position == "largest":
        yield _largest(case, axis, labels)
    else:
        yield index if position == "index" else (size - 1) // 2


def _largest(case: Case, axis: int, labels: Sequence[int]) -> int:
    """The first of the slices with the greatest area of the labels."""
    found = case.moving_labels if case.fixed_labels is None else case.fixed_labels
    content = np.zeros(1) if found is None else np.isin(found, list(labels)) if labels else found > 0
    if not content.any():
        wanted = f"labels {list(labels)}" if labels else "labels"
        raise InputError(f"{wanted} in case {case.id}", "none", "take another position")
    return int(np.argmax(content.sum(axis=tuple({0, 1, 2} - {axis}))))


def cut(case: Case, axis: int, place: int, name: str, *, truth: bool) -> Case:
    """The 2D case of one slice. Its frame has the spacing of the two axes that are left and its origin at index 0.

    truth: keep the components of the true map within the slice.
    """
    left = [a for a in range(3) if a != axis]
    arrays: dict[str, Any] = {
        f"{side}{what}": np.take(array, place, axis=axis)
        for side in ("fixed", "moving")
        for what in ("", "_labels", "_mask")
        if (array := getattr(case, f"{side}{what}")) is not None
    }
    if case.fixed_points is not None and case.moving_points is not None:
        pairs = (case.fixed_points, case.moving_points)
        within = np.all([np.abs(points[:, axis] - place) <= IN_PLANE for points in pairs], axis=0)
        if within.any():
            arrays |= {
                f"{side}_points": points[within][:, left]
                for side, points in zip(("fixed", "moving"), pairs, strict=True)
            }
    if truth and case.truth is not None:
        arrays["truth"] = np.take(case.truth[left], place, axis=axis + 1)
    if truth and case.truth_matrix is not None:
        matrix = np.eye(3)
        matrix[:2, :2] = case.truth_matrix[np.ix_(left, left)]
        matrix[:2, 2] = case.truth_matrix[left, axis] * place + case.truth_matrix[left, 3]
        arrays["truth_matrix"] = matrix
    frame = Frame.of(tuple(case.frame.shape[a] for a in left), tuple(case.frame.spacing[a] for a in left))
    return Case(name, frame, attributes={**case.attributes, "slice": str(place)}, **arrays)


def shows(case: Case, labels: Sequence[int]) -> bool:
    """Whether one of the labels is in either image; without labels always."""
    maps = [array for array in (case.fixed_labels, case.moving_labels) if array is not None]
    return not labels or any(np.isin(array, list(labels)).any() for array in maps)
