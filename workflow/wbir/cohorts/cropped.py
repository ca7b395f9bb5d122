"""A cohort cut to what matters: a common box of both images, or each about its own centre, at a spacing of one's own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case
from wbir.cohorts._derived import one_per_axis, opened, regridded
from wbir.errors import InputError, require_known
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Another cohort cut to a box",
    "reference": "Paper 10, Sect. 3: each scan at a spacing of its own, 192 x 192 x 208 about its lungs' centre of mass;"
    " paper 17, Sect. 4.1: 151 x 151 x 151 at the middle of the volume",
    "describes": "The cases of another cohort on a grid along the same axes around their masks, some labels, what is brighter than a"
    " value, or their middle: one box for both images, or one for each. At the spacing that they have, whole voxels are"
    " copied; at another one, images are smoothed to the new voxel and read once, linearly, labels and masks by the"
    " nearest voxel. Points and the true map are carried along.",
    "sources": ["derived"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 8000,
    "runtime": 240,
    "parameters": {
        "around": "masks",  # masks | labels | foreground | middle
        "labels": [],  # around labels: those that count; []: all
        "above": 0.0,  # around foreground: the voxels that are brighter
        "centre": "box",  # of the grid: the middle of the content's bounding box, or its centre of `mass`
        "margin_mm": 0.0,  # around the content, where there is no shape
        "shape": None,  # voxels; None: the content with its margin
        "spacing": None,  # mm, one number or one for each axis; None: that of the case, voxel on voxel
        "each": False,  # each image about its own content, see build()
        "moving_spacing": None,  # mm of the moving image's grid, with `each`; None: `spacing`
    },
    "tiny": {"shape": [12, 10, 14], "each": True, "spacing": [2.0, 2.5, 1.5], "moving_spacing": 2.5},
    "dims": None,
    "cases": "of its base",
}
CONTENTS = ("masks", "labels", "foreground", "middle")
CENTRES = ("box", "mass")
SIDES = ("fixed", "moving")
ROUNDING = 1e-6  # of a voxel

log = logging.getLogger("wbir")


def build(
    folder: Path, *, source: str, data: Path, seed: int, around: str, labels: Sequence[int], above: float, centre: str,
    margin_mm: float, shape: Sequence[int] | None, spacing: float | Sequence[float] | None, each: bool,
    moving_spacing: float | Sequence[float] | None,
) -> None:  # fmt: skip
    """Write the cases of the cohort in `data`.

    each: the fixed grid lies about the fixed content's centre and the moving one, of `moving_spacing`, about the moving
    content's; both images then stand on one index grid whose frame is the fixed one, which takes most of the translation and
    scaling away. Displacements and points are in those indices, and errors in millimetres are the fixed frame's: an index step
    counts as a step of the fixed grid (as in lung_ct). Else both are cut alike, about the content of both.

    Points whose fixed place is cut off are left out with their partners, since no displacement is known there; the card counts
    them (`points_left_out`). Raises InputError for unfit parameters, and for a case without the content.
    """
    require_known({"around": (around, CONTENTS), "centre": (centre, CENTRES)}, "for a crop")
    if margin_mm < 0 or (moving_spacing is not None and not each):
        expected = "a margin from 0 mm, and a moving_spacing only with `each`"
        raise InputError(expected, f"{margin_mm}, {moving_spacing}", "correct the cohort's parameters")
    crop = Crop(around, tuple(labels), above, centre, margin_mm, shape, spacing, each, moving_spacing)
    base, writer = opened(folder, COHORT, data, source=source, seed=seed, parameters=asdict(crop))
    lost = writer.card["points_left_out"] = {}
    for case in base:
        found = crop.applied(case)
        kept = with_points_inside(found)
        if kept is not found and case.fixed_points is not None:
            lost[case.id] = len(case.fixed_points) - (0 if kept.fixed_points is None else len(kept.fixed_points))
            log.warning("cropped: %s loses %d of %d points", case.id, lost[case.id], len(case.fixed_points))
        writer.add(kept)
    writer.close()


@dataclass(frozen=True)
class Box:
    """What a grid is laid about, in voxel indices `(dim,)`: the first and last voxel of some content, and its centre."""

    low: np.ndarray
    high: np.ndarray
    centre: np.ndarray

    @property
    def size(self) -> np.ndarray:
        """Voxels of the smallest box about the centre that holds the content."""
        return 2 * np.maximum(self.high - self.centre, self.centre - self.low) + 1


@dataclass(frozen=True)
class Crop:
    """The parameters of COHORT, and what they do to a case."""

    around: str
    labels: tuple[int, ...]
    above: float
    centre: str
    margin_mm: float
    shape: Sequence[int] | None
    spacing: float | Sequence[float] | None
    each: bool
    moving_spacing: float | Sequence[float] | None

    def applied(self, case: Case) -> Case:
        """The case on its new grid; its points may lie outside. Raises InputError as `build` does."""
        dim, boxes = case.frame.dim, self._boxes(case)
        if self.shape is not None and (len(self.shape) != dim or min(self.shape) < 2):
            raise InputError(f"{dim} sizes of 2 or more", f"{self.shape}", "correct the cohort's parameters")
        other = self.spacing if self.moving_spacing is None else self.moving_spacing
        steps = {"fixed": _steps(case.frame, self.spacing), "moving": _steps(case.frame, other)}
        margins = 2 * self.margin_mm / np.array(case.frame.spacing)
        sizes = [np.ceil((boxes[side].size + margins) / steps[side] - ROUNDING) for side in SIDES]
        shape = tuple(int(n) for n in (self.shape or np.maximum(np.max(sizes, axis=0), 2)))
        matrices = [_placed(boxes[side], steps[side], shape) for side in SIDES]
        return regridded(case, Frame(shape, case.frame.affine @ matrices[0]), *matrices)

    def _boxes(self, case: Case) -> dict[str, Box]:
        """What each side's grid is laid about: the same for both, but for `each`."""
        found = {side: self._box(case, side) for side in SIDES}
        known = [box for box in found.values() if box is not None]
        if not known or (self.each and len(known) < 2):
            what = {
                "labels": f"labels {list(self.labels)}" if self.labels else "labels",
                "foreground": f"voxels above {self.above:g}",
            }
            where = "in both images" if self.each else "in one of the images"
            raise InputError(
                f"{what.get(self.around, self.around)} {where} of case {case.id}", "none", "correct `around`"
            )
        if self.each:
            return {side: box for side, box in found.items() if box is not None}
        low, high = np.min([box.low for box in known], axis=0), np.max([box.high for box in known], axis=0)
        centre = (low + high) / 2 if self.centre == "box" else np.mean([box.centre for box in known], axis=0)
        return dict.fromkeys(SIDES, Box(low, high, centre))

    def _box(self, case: Case, side: str) -> Box | None:
        """None where the content is missing."""
        if self.around == "middle":
            last = np.array(case.frame.shape) - 1.0
            return Box(0 * last, last, last / 2)
        content = self._content(case, side)
        if content is None or not content.any():
            return None
        counts = [content.sum(axis=tuple(set(range(content.ndim)) - {axis})) for axis in range(content.ndim)]
        low, high = (np.array([np.flatnonzero(count)[end] for count in counts], float) for end in (0, -1))
        mass = np.array([np.arange(count.size) @ count / count.sum() for count in counts])
        return Box(low, high, mass if self.centre == "mass" else (low + high) / 2)

    def _content(self, case: Case, side: str) -> Any:
        if self.around == "masks":
            return getattr(case, f"{side}_mask")
        if self.around == "foreground":
            return getattr(case, side) > self.above
        labels = getattr(case, f"{side}_labels")
        return labels if labels is None else np.isin(labels, self.labels) if self.labels else labels > 0


def _steps(frame: Frame, spacing: float | Sequence[float] | None) -> np.ndarray:
    """Old voxels from one new voxel to the next, along each axis."""
    if spacing is None:
        return np.ones(frame.dim)
    return np.round(one_per_axis(spacing, frame.dim, "spacings in mm") / frame.spacing, 9)


def _placed(box: Box, steps: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """New voxel to old voxel of a grid about the box's centre; steps of 1 are laid voxel on voxel, to half a voxel of it."""
    matrix, start = np.diag([*steps, 1.0]), box.centre - steps * (np.array(shape) - 1) / 2
    matrix[:-1, -1] = np.where(steps == 1, np.floor(start + 0.5), start)
    return matrix


def with_points_inside(case: Case) -> Case:
    """The case without the pairs of points whose fixed one is outside the grid; itself where there are none."""
    if case.fixed_points is None or case.moving_points is None:
        return case
    last = np.array(case.frame.shape) - 1
    inside = np.all((case.fixed_points >= -ROUNDING) & (case.fixed_points <= last + ROUNDING), axis=1)
    if inside.all():
        return case
    fixed, moving = (points[inside] if inside.any() else None for points in (case.fixed_points, case.moving_points))
    return replace(case, fixed_points=fixed, moving_points=moving)
