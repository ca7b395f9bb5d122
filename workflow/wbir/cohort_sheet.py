"""The sheet of a cohort: some of its cases as a person must see them before anything is registered, each with its numbers.

Pictures show what a case's frame says: right is right, up is up (or the front, where a slice has no up).
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import LABELS, Case, Cohort, Prediction
from wbir.errors import InputError
from wbir.figures._case_rows import Outline, Picture, Row, draw_rows, save_small
from wbir.figures._drawing import PALETTE
from wbir.figures._planes import PLANES, Turned, checkerboard, in_plane, middle
from wbir.figures.overlays import overlay
from wbir.files import written_whole
from wbir.geometry.frames import Frame
from wbir.measures.base import Evaluation
from wbir.papers import Paper

log = logging.getLogger("wbir")
CASES, DPI = 3, 120  # of a sheet
PIXEL = "pixel"  # the unit of lengths where nobody knows how large a pixel is
SPLITS = ("train", "validation", "test")
TOWARDS = (1, 1, 1)  # right, front, up: as in every figure
NAMED = 6  # labels that have a colour of their own, a name below the sheet, and outlines in the overlay
MOST_POINTS = 40  # landmarks drawn in a slice
WHOLE, OTHER = "white", "#999999"  # outlines of masks and of all labels together, and of a label that has no name
SLAB = 0.04  # landmarks so near to a slice are drawn in it: a share of the grid, to either side
SAMPLE = 200_000  # voxels that a window is taken from, about

KEY = (
    "Overlay: fixed blue, moving orange, grey where both agree; outlines of the masks, or of all labels, dotted for fixed, solid"
    " for moving.\nFixed and moving: outlines of labels in colours, of masks in white. Circles: landmarks near the slice; in the"
    " overlay a line leads from the fixed one to the moving one."
)


def write_sheets(paper: Paper, results: Path, wanted: Sequence[str] = ()) -> None:
    """Draw the sheets of a paper's cohorts, `<results>/<paper>/cohorts/<cohort>.png`: of the wanted ones (default: of all
    that a person must look at). Raises InputError for a cohort that the paper does not have.
    """
    known = {part.names[-1]: part for unit in paper.units() for part in unit.cohort.chain()}
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise InputError(f"cohorts of {paper.slug} among {sorted(known)}", f"{unknown}", "correct the name")
    for plan in [known[name] for name in wanted] or paper.sheets():
        folders = [results / "cohorts" / part.id for part in (plan, *plan.bases)]
        write_sheet(results / paper.slug / "cohorts" / f"{plan.id}.png", folders[0], folders[1:])
        log.info("%s: sheet of %s", paper.slug, plan.id)


def write_sheet(out: Path, folder: Path, bases: Sequence[Path] = (), *, cases: int = CASES) -> None:
    """Draw `cases` cases of the cohort in `folder` into the PNG `out`, spread over its splits; the same bytes every time.

    bases: the folders of the cohorts that it was made from: a case as it was stands above the case as it is. Raises
    InputError where there is no cohort in a folder.
    """
    cohort, origins = Cohort.open(folder), [Cohort.open(base) for base in bases]
    names, about = cohort.label_names(), _about(cohort)
    colours = label_colours(names)
    rows = []
    for name in spread(cohort, cases):
        case = cohort.case(name)
        before = [row for origin in origins for row in _before(case, origin, colours)]
        title = f"{name} ({case.attributes['split']})"
        rows.append([*before, draw_row(case, title, _cuts(case), colours, unit=_unit(about))])
    labelled = any(row.get(side) for row in cohort.rows for side in LABELS)
    named = {names[k]: colour for k, colour in colours.items()} if labelled and len(colours) <= NAMED else {}
    figure = draw_rows(rows, *_title(cohort, about, bases), KEY, named)
    with written_whole(out) as temporary:
        save_small(figure, temporary, DPI)


def spread(cohort: Cohort, count: int) -> list[str]:
    """The ids of `count` cases: from the splits in turn, evenly spaced in each, in the cohort's order."""
    known = [split for split in SPLITS if cohort.select(split=split).rows]
    ids = {split: [row["case"] for row in cohort.select(split=split).rows] for split in known}
    shares: Counter[str] = Counter()
    while sum(shares.values()) < min(count, len(cohort)):
        open_ones = [split for split in reversed(known) if shares[split] < len(ids[split])]
        shares[min(open_ones, key=lambda split: shares[split])] += 1
    chosen = {
        ids[split][round(place)] for split in known for place in np.linspace(0, len(ids[split]) - 1, shares[split])
    }
    return [row["case"] for row in cohort.rows if row["case"] in chosen]


def facts(case: Case, unit: str = "mm") -> str:
    """A line of numbers: grid, intensities, labels, landmarks and truth, before any registration.

    unit: what the lengths of the case are given in; a grid whose unit is its own pixel has no spacing.
    """
    from wbir.measures.deformation import folding
    from wbir.measures.landmarks import end_point_error, tre
    from wbir.measures.overlap import dice, present_labels

    start, frame = Evaluation(case, Prediction()), case.frame
    spacing = "" if unit == PIXEL else f" of {_by(frame.spacing)} {unit}"
    parts = [f"{_by(frame.shape)} {'voxels' if frame.dim == 3 else 'pixels'}{spacing}"]
    parts[0] += f", axes {_axes(frame)}" if frame.dim == 3 else ""
    ranges = [f"{image.min():.4g} to {image.max():.4g}" for image in (case.fixed, case.moving)]
    parts += [f"intensities {ranges[0]} (fixed), {ranges[1]} (moving)"]
    if case.fixed_labels is not None and case.moving_labels is not None:
        parts += [f"{_count(len(present_labels(start)), 'label')}, Dice {dice(start)['']:.3f}"]  # type: ignore[index]
    elif (labels := case.fixed_labels if case.moving_labels is None else case.moving_labels) is not None:
        parts += [f"{_count(len(np.setdiff1d(labels, [0])), 'label')} on one side only"]
    if case.fixed_points is not None and case.moving_points is not None and len(case.fixed_points):
        parts += [f"{_count(len(case.fixed_points), 'landmark')}, {tre(start):.3g} {unit} apart"]
    if case.truth is not None or case.truth_matrix is not None:
        true = Evaluation(case, Prediction(displacement=case.truth, matrix=case.truth_matrix))
        parts += [f"true map {end_point_error(start):.3g} {unit} long, folds in {folding(true):.3g} % of the grid"]
    return "; ".join(parts)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _by(values: Sequence[float]) -> str:
    return " × ".join(f"{value:.4g}" for value in values)


def _axes(frame: Frame) -> str:
    """The sides that the array's axes run to, as `RAS`."""
    from nibabel.orientations import aff2axcodes

    return "".join(aff2axcodes(frame.affine))


def _before(case: Case, origin: Cohort, colours: Mapping[int, str]) -> list[Row]:
    """The row of a case as it was in another cohort, cut at the same place of the world; none where it was not there."""
    found = former(case.id, [row["case"] for row in origin.rows])
    if not found:
        return []
    old = origin.case(found)
    cuts = _cuts(old)
    if old.frame.dim == case.frame.dim:
        place = np.array(_cuts(case)) * (np.array(case.frame.shape) - 1)
        there = old.frame.to_voxel(case.frame.to_world(place[None]))[0] / np.maximum(np.array(old.frame.shape) - 1, 1)
        cuts = [float(t) if 0 <= t <= 1 else c for t, c in zip(there, cuts, strict=True)]
    return [draw_row(old, f"{found} in {origin.folder.name}", cuts, colours, unit=_unit(_about(origin)))]


def former(case: str, ids: Iterable[str]) -> str:
    """Which of the ids a case had before: its own, or the longest that its own begins or ends with; "" for none."""
    return max((old for old in ids if case.startswith(old) or case.endswith(old)), key=len, default="")


def _cuts(case: Case) -> list[float]:
    """Where to cut a case, as a fraction of each axis of its arrays.

    Through the middle of what is marked, or of the image; where there is little in the middle (between two lungs), where
    most is marked.
    """
    marked = case.fixed_labels if case.fixed_labels is not None else case.fixed_mask
    if marked is None or not np.any(marked):
        return middle(case.fixed)
    cuts = []
    for axis in range(marked.ndim):
        areas = np.count_nonzero(marked, axis=tuple(a for a in range(marked.ndim) if a != axis))
        halfway = int(np.searchsorted(np.cumsum(areas), areas.sum() / 2))
        place = halfway if 2 * areas[halfway] >= areas.max() else int(np.argmax(areas))
        cuts.append(place / max(len(areas) - 1, 1))
    return cuts


def draw_row(case: Case, title: str, cuts: Sequence[float], colours: Mapping[int, str], *, unit: str = "mm") -> Row:
    """The pictures of a case, cut at a fraction of each axis of its arrays; a 2D case as it is. `colours`: of its labels."""
    frame = case.frame
    turned = Turned(frame if frame.dim == 3 else Frame.of(frame.shape, frame.spacing), TOWARDS[: frame.dim])
    at = [cuts[a] if sign > 0 else 1 - cuts[a] for a, sign in zip(turned.order, turned.signs, strict=True)]
    windows = [window(image) for image in (case.fixed, case.moving)]
    axes = (2, 1, 0) if frame.dim == 3 else (2,)
    return Row(title, facts(case, unit), [_plane(case, turned, axis, at, windows, colours) for axis in axes])


def _plane(
    case: Case, turned: Turned, axis: int, at: Sequence[float], windows: Sequence[tuple[float, float]],
    colours: Mapping[int, str],
) -> list[Picture]:  # fmt: skip
    """Fixed, moving and both in colours, across an axis of the turned arrays; in 2D a checkerboard too."""

    def cut(name: str) -> np.ndarray | None:
        array = getattr(case, name)
        return None if array is None else turned.cut(turned.array(array), axis, at)

    images, outlines, both = [], [], []
    for side, (low, high), style in zip(("fixed", "moving"), windows, ("dotted", "solid"), strict=True):
        images.append(np.clip((turned.cut(turned.array(getattr(case, side)), axis, at) - low) / (high - low), 0, 1))
        labels, mask = cut(f"{side}_labels"), cut(f"{side}_mask")
        outlines.append(_outlines(labels, mask, colours))
        whole = labels if mask is None else mask
        both += [] if whole is None else [Outline(outline(whole > 0), WHOLE, style)]
    landmarks = _landmarks(case, turned, axis, at)
    across, up = in_plane(turned.dim, axis)
    size, solid = (turned.extent(across), turned.extent(up)), turned.dim == 3
    letters = turned.ends[across] + turned.ends[up] if solid else ""
    pictures = [
        Picture(
            f"{PLANES[axis]}: fixed" if solid else "fixed", images[0], size, letters, outlines[0], landmarks[:, [0, 0]]
        ),
        Picture("moving", images[1], size, "", outlines[1], landmarks[:, [1, 1]]),
        Picture("overlay", overlay(images[0], images[1], 0.0, 1.0), size, "", both, landmarks),
    ]
    return pictures if solid else [*pictures, Picture("checkerboard", checkerboard(*images), size)]


def window(image: np.ndarray) -> tuple[float, float]:
    """What is shown black and white: the percentiles 0.5 and 99.5 of an image, each on its own, as modalities differ."""
    low, high = np.percentile(image.ravel()[:: max(1, image.size // SAMPLE)], (0.5, 99.5))
    low, high = (low, high) if high > low else (image.min(), image.max())
    return float(low), float(high if high > low else low + 1)


def label_colours(labels: Iterable[int]) -> dict[int, str]:
    """A colour for each label: those of the palette that are seen on black, in turn."""
    return {label: PALETTE[number % NAMED] for number, label in enumerate(sorted(labels))}


def _outlines(labels: np.ndarray | None, mask: np.ndarray | None, colours: Mapping[int, str]) -> list[Outline]:
    """Of a slice's mask, and of each of its labels."""
    found = [] if mask is None else [Outline(outline(mask), WHOLE)]
    if labels is not None:
        present = [int(label) for label in np.unique(labels) if label]
        found += [Outline(outline(np.equal(labels, label)), colours.get(label, OTHER)) for label in present]
    return found


def outline(inside: np.ndarray) -> list[np.ndarray]:
    """The lines `(N, 2)` between the inside and the outside of a slice `(w, h)`, in its indices; its edges are outside."""
    from contourpy import contour_generator

    return [np.asarray(line) - 1 for line in contour_generator(z=np.pad(inside, 1).T.astype(float)).lines(0.5)]


def _landmarks(case: Case, turned: Turned, axis: int, at: Sequence[float]) -> np.ndarray:
    """Landmarks near a slice `(N, 2, 2)`: fixed and moving, in its indices; of many, every so manyth."""
    if case.fixed_points is None or case.moving_points is None or not len(case.fixed_points):
        return np.zeros((0, 2, 2))
    pairs = np.stack([turned.points(case.fixed_points), turned.points(case.moving_points)], axis=1)
    if turned.dim == 3:
        length = turned.shape[axis] - 1
        pairs = pairs[np.abs(pairs[:, 0, axis] - at[axis] * length) <= max(SLAB * length, 0.5)]
    pairs = pairs[:: max(1, -(-len(pairs) // MOST_POINTS))]
    return pairs[:, :, list(in_plane(turned.dim, axis))]


def _about(cohort: Cohort) -> dict[str, Any]:
    """What its card and its manifest say of a cohort."""
    about: dict[str, Any] = {}
    for path in (cohort.folder / "card.json", cohort.folder / "manifest.json"):
        about |= json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return about


def _unit(card: Mapping[str, Any]) -> str:
    """What lengths are given in: millimetres, unless its card, or that of what it was made from, says `pixel`."""
    if str(card.get("unit", "")).startswith(PIXEL):
        return PIXEL
    of = card.get("of", [])
    return next((PIXEL for old in ([of] if isinstance(of, Mapping) else of) if _unit(old) == PIXEL), "mm")


def _title(cohort: Cohort, about: Mapping[str, Any], bases: Sequence[Path]) -> tuple[str, str]:
    """The cohort's name and title; what made it, from what, and how many cases of which splits it has."""
    parts = [f"builder {about['builder']}"] if "builder" in about else []
    datasets = about.get("datasets")
    parts += [f"source {about.get('source', 'unknown')}" + (f" ({', '.join(datasets)})" if datasets else "")]
    parts += [f"made from {' and '.join(base.name for base in bases)}"] if bases else []
    splits = Counter(row["split"] for row in cohort.rows)
    counts = ", ".join(f"{splits[split]} {split}" for split in SPLITS if splits[split])
    parts += [f"{_count(len(cohort), 'case')}: {counts}"]
    return f"{cohort.folder.name}: {about.get('title', '')}", "; ".join(parts)
