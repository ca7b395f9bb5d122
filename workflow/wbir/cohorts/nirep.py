"""NIREP NA0: 16 brains with 32 hand-drawn cortical regions, named and numbered as in REPEAT's `nirep.csv`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, CohortWriter
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "NIREP NA0",
    "reference": "Christensen et al., Introduction to the Non-rigid Image Registration Evaluation Project, WBIR 2006",
    "describes": "T1-weighted MRI of 16 adults, skull-stripped, 256 x 300 x 256 at 1 mm, with 32 cortical grey-"
    " matter regions (left odd, right even); the label 33, unassigned grey matter, is dropped. Real"
    " data, nothing simulated. Paper 03 registers 15 of them to one reference; which one it took and its"
    " preprocessing are not stated. The headers say 1 mm, which is too large: on it the eight brains that"
    " were measured (image above 0) fill 3.6 to 4.6 litres, about three times an adult's. The spacing is"
    " kept as it is; millimetres on this cohort are the headers', not the head's. Source public is a mirror"
    " by a third party; local is a folder with na01.nii.gz, na01_seg.nii.gz and so on, where subjects may be"
    " missing.",
    "sources": ["public", "local"],
    "stack": "simpleitk",
    "threads": 1,
    "mem_mb": 3000,
    "runtime": 30,
    "parameters": {
        "spacing": 2.0,  # mm; 1.0 is the data's own, as in the paper
        "fixed": "na01",
        "moving": "all others",  # or a list of subjects
        "pairs": None,  # a list of [fixed, moving]: takes the place of the two above
        "affine": True,  # align moving to fixed by an affine map first
        "margin_mm": 6.0,  # around the common bounding box of the brains
        "multiple": 8,  # every side is a multiple of this many voxels
        "percentiles": [0.5, 99.5],  # of the brain's intensities: become 0 and 1
    },
    "tiny": {"spacing": 8.0, "pairs": [["na01", "na02"]], "affine": False, "multiple": 1},
    "dims": 3,
}
SUBJECTS = tuple(f"na{n:02d}" for n in range(1, 17))
REGIONS = (
    "occipital lobe",
    "cingulate gyrus",
    "insula gyrus",
    "temporal pole",
    "superior temporal gyrus",
    "infero temporal region",
    "parahippocampal gyrus",
    "frontal pole",
    "superior frontal gyrus",
    "middle frontal gyrus",
    "inferior gyrus",
    "orbital frontal gyrus",
    "precentral gyrus",
    "superior parietal lobule",
    "inferior parietal lobule",
    "postcentral gyrus",
)
LABELS = {
    2 * n + 1 + side: f"{name} {word}" for n, name in enumerate(REGIONS) for side, word in enumerate(("left", "right"))
}

Brain = tuple[np.ndarray, np.ndarray, Frame]  # image, labels, their grid


def build(
    folder: Path,
    *,
    source: str,
    data: Mapping[str, Path] | None,
    seed: int,
    spacing: float,
    fixed: str,
    moving: str | Sequence[str],
    pairs: Sequence[Sequence[str]] | None,
    affine: bool,
    margin_mm: float,
    multiple: int,
    percentiles: Sequence[float],
) -> None:
    """Write the cohort: one case per pair, all on one RAS grid of `spacing` mm. The seed has no part in it.

    data: the folder of `nirep` with the files.
    Raises InputError for a missing folder, a missing named subject, or files that are not a NIREP pair.
    """
    from wbir.anatomy.prepare import content_box, grid, union

    if data is None:
        raise InputError("a data folder for nirep", "none", "name the folder (see docs/data-access.md)")
    tree = Tree("nirep", Path(data["nirep"]))
    present = _present(tree)
    chosen = choose_pairs(present, fixed, moving, pairs)
    used = [s for s in SUBJECTS if any(s in pair for pair in chosen)]
    brains = {subject: _read(subject, tree) for subject in used}
    frame = grid(
        union([content_box(brains[s][0] > 0, brains[s][2]) for s in used]),
        spacing,
        margin_mm=margin_mm,
        multiple=multiple,
    )
    missing = [s for s in SUBJECTS if s not in present]
    if missing:
        print(f"nirep: not in {tree.root}, left out: {', '.join(missing)}", file=sys.stderr)
    card: dict[str, Any] = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["missing_subjects"], card["world_maps"] = missing, {}
    card["parameters"] = {
        "spacing": spacing,
        "fixed": fixed,
        "moving": moving,
        "pairs": pairs,
        "affine": affine,
        "margin_mm": margin_mm,
        "multiple": multiple,
        "percentiles": list(percentiles),
    }
    writer = CohortWriter(folder, card, LABELS)
    for case, world_map in _cases(chosen, brains, frame, affine, percentiles):
        card["world_maps"][case.id] = world_map.tolist()
        writer.add(case)
    writer.close()


def choose_pairs(
    present: Sequence[str], fixed: str, moving: str | Sequence[str], pairs: Sequence[Sequence[str]] | None
) -> list[tuple[str, str]]:
    """The (fixed, moving) pairs asked for. Raises InputError for a missing subject or a pair that is not two."""
    if pairs is not None:
        chosen = [tuple(pair) for pair in pairs]
    elif moving == "all others":
        chosen = [(fixed, subject) for subject in present if subject != fixed]
    elif isinstance(moving, str):
        raise InputError("moving as a list of subjects or 'all others'", repr(moving), "correct the parameter")
    else:
        chosen = [(fixed, subject) for subject in moving]
    for pair in chosen:
        if len(pair) != 2 or pair[0] == pair[1]:
            raise InputError("pairs of two different subjects, [fixed, moving]", repr(pair), "correct the parameter")
        absent = [s for s in pair if s not in present]
        if absent:
            raise InputError(
                f"subjects among {', '.join(present) or 'none'}", ", ".join(absent), "choose others or add the files"
            )
    if not chosen or len(set(chosen)) < len(chosen):
        raise InputError("at least one pair, each once", f"{chosen}", "correct the parameters")
    return chosen  # type: ignore[return-value]


def _files(subject: str) -> tuple[str, str]:
    return f"{subject}.nii.gz", f"{subject}_seg.nii.gz"


def _present(tree: Tree) -> list[str]:
    found = [s for s in SUBJECTS if all(tree.find(name) for name in _files(s))]
    if len(found) < 2:
        raise InputError(
            "na01.nii.gz, na01_seg.nii.gz and so on", f"{len(found)} subjects in {tree.root}", "check the folder"
        )
    return found


def _read(subject: str, tree: Tree) -> Brain:
    """T1 and labels (uint8) of a subject in canonical axes."""
    from wbir.anatomy.prepare import canonical
    from wbir.images import read_image

    paths = [tree.one(name) for name in _files(subject)]
    (image, frame), (labels, labels_frame) = (canonical(*read_image(path, dtype=np.uint8)) for path in paths)
    if image.shape != labels.shape or not np.allclose(frame.affine, labels_frame.affine, atol=1e-3):
        raise InputError(
            f"image and labels of {subject} on one grid", f"{image.shape} and {labels.shape}", "check the files"
        )
    labels[labels > len(LABELS)] = 0
    return image, labels, frame


def _on(frame: Frame, brain: Brain, world_map: np.ndarray, percentiles: Sequence[float]) -> dict[str, np.ndarray]:
    """Image (linear), labels and mask (nearest) of a brain on a grid, each resampled once."""
    from scipy import ndimage

    from wbir.anatomy.prepare import normalise, resample

    image, labels, own = brain
    scaled = normalise(image, inside=image > 0, percentiles=(percentiles[0], percentiles[1]))
    mask = resample((image > 0).astype(np.uint8), own, frame, order=0, world_map=world_map) > 0
    return {
        "": resample(scaled, own, frame, world_map=world_map),
        "_labels": resample(labels, own, frame, order=0, world_map=world_map).astype(np.int16),
        "_mask": ndimage.binary_fill_holes(mask),
    }


def _cases(
    pairs: Sequence[tuple[str, str]],
    brains: Mapping[str, Brain],
    frame: Frame,
    affine: bool,
    percentiles: Sequence[float],
) -> Iterator[tuple[Case, np.ndarray]]:
    from wbir.anatomy.prepare import align_affine, content_box, thumbnail

    small = {}
    if affine:
        near = content_box(np.ones(frame.shape, dtype=bool), frame, tail=0)
        small = {name: thumbnail(image, own, box=near) for name, (image, _, own) in brains.items()}
    fixed_arrays: dict[str, dict[str, np.ndarray]] = {}
    for fixed, moving in pairs:
        if fixed not in fixed_arrays:
            fixed_arrays = {fixed: _on(frame, brains[fixed], np.eye(4), percentiles)}
        world_map = align_affine(small[fixed], small[moving]) if affine else np.eye(4)
        arrays = {f"fixed{k}": v for k, v in fixed_arrays[fixed].items()}
        arrays |= {f"moving{k}": v for k, v in _on(frame, brains[moving], world_map, percentiles).items()}
        attributes = {"split": "test", "fixed_subject": fixed, "moving_subject": moving}
        attributes["initial"] = "affine" if affine else "none"
        yield Case(id=f"{fixed}-{moving}", frame=frame, attributes=attributes, **arrays), world_map
