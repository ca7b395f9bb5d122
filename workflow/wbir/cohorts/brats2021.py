"""The template SRI24 beside patients with a brain tumour, BraTS 2021."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wbir.anatomy.prepare import canonical, normalise
from wbir.anatomy.seeds import named_generator
from wbir.cases import Case
from wbir.cohorts._scans import Scan, pair, read_scan, write_cohort
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.images import read_image

COHORT = {
    "title": "BraTS 2021 and SRI24",
    "reference": "Paper 02, Sect. 3; Baid et al., arXiv:2107.02314 (BraTS 2021); Rohlfing et al., HBM 31, 2010 (SRI24)",
    "describes": "Moving: the T1 brain of the template SRI24. Fixed: a patient's T1, stripped of the skull and brought to"
    " SRI24's grid of 240 x 240 x 155 voxels of 1 mm by the challenge. Fixed mask: all of the tumour (necrosis, oedema and"
    " what enhances). 2D: one axial slice, the same of the patient and of the template, of patients who have a tumour there."
    " Neither set has ventricles; the paper's were drawn by hand and are not published. Without them there are no labels, and"
    " so no Dice; masks of your own are read where they lie beside the scans. Only the training set has tumours outlined.",
    "sources": ["public", "local"],
    "datasets": ["brats2021", "sri24"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 2000,
    "runtime": 20,
    "parameters": {
        "patients": {"test": 50, "train": 0, "validation": 0},  # drawn by the seed, no one twice
        # axial slice: an index of the grid from below (80: docs/data-access.md), largest (where the patient's tumour covers
        # most), or none (the volume, 3D)
        "slice": "80",
        "least_area": 100.0,  # mm2 of tumour in the slice, or the patient is passed over
        "percentiles": [0.0, 99.5],  # of each brain: become 0 and 1; null keeps the values of the files
    },
    "tiny": {"patients": {"test": 1, "train": 0, "validation": 0}},
    "dims": 2,
}
LABELS = {1: "ventricles"}
SPLITS = ("test", "train", "validation")  # in the order of drawing: training patients change no test
OUTLINE = "_seg.nii.gz"
TEMPLATE = ("T1_brain", "T1_ventricles")
ALIKE = 0.8  # Dice of the two brains below which their grids cannot be one


def build(
    folder: Path, *, source: str, data: Mapping[str, Path] | None, seed: int, patients: Mapping[str, int], slice: str,
    least_area: float, percentiles: Sequence[float] | None,
) -> None:  # fmt: skip
    """Write a case `BraTS2021_NNNNN` for each patient drawn.

    Ventricles are read from `BraTS2021_NNNNN_ventricles.nii.gz` and `T1_ventricles.nii` (or .nii.gz), where both are.
    Raises InputError for a missing template, an unfit slice, or fewer patients with a tumour there than asked for.
    """
    if data is None:
        raise InputError("folders for brats2021 and sri24", "none", "name them (see docs/data-access.md)")
    if not re.fullmatch(r"largest|none|\d+", slice):
        raise InputError("slice as an index, largest or none", repr(slice), "correct the parameter")
    tree = Tree("brats2021", Path(data["brats2021"]))
    template = _scaled(_template(Tree("sri24", Path(data["sri24"]))), percentiles)
    parameters = {"patients": dict(patients), "slice": slice, "least_area": least_area}
    parameters["percentiles"] = None if percentiles is None else list(percentiles)
    card: dict[str, Any] = {"parameters": parameters, "brain_overlap": {}}
    cases = (
        _case(
            _scaled(_patient(tree, name), percentiles), template, name, split, None if slice == "none" else height, card
        )
        for name, split, height in _drawn(tree, patients, slice, least_area, seed)
    )
    labels = LABELS if template.labels is not None else None
    write_cohort(folder, COHORT, cases, source=source, seed=seed, labels=labels, **card)


def _drawn(
    tree: Tree, patients: Mapping[str, int], which: str, least_area: float, seed: int
) -> Iterator[tuple[str, str, int]]:
    """Name, split and axial slice of each patient: a shuffled list is gone through until all splits are full."""
    outlines = tree.all(f"BraTS2021_*{OUTLINE}") or [tree.one(f"BraTS2021_*{OUTLINE}")]
    names = sorted({path.name.removesuffix(OUTLINE) for path in outlines})
    order = iter([names[n] for n in named_generator(seed, "patients").permutation(len(names))])
    for split in SPLITS:
        for found in range(int(patients.get(split) or 0)):
            for name in order:
                height = tumour_slice(*read_image(tree.one(name + OUTLINE)), which, least_area)
                if height is not None:
                    yield name, split, height
                    break
            else:
                got = f"{found}; {len(names)} patients were looked at"
                todo = "ask for fewer patients, for less tumour, or for slice: largest"
                raise InputError(f"{patients[split]} patients for {split} with a tumour in the slice", got, todo)


def tumour_slice(outline: np.ndarray, frame: Frame, which: str, least_area: float) -> int | None:
    """The index of the axial slice, from below: `which`, or for a word where the tumour covers most.

    outline: above 0 in the tumour. None where it covers less than `least_area` mm2 there, or nothing.
    """
    outline, frame = canonical(outline > 0, frame)
    areas = outline.sum(axis=(0, 1)) * float(np.prod(frame.spacing[:2]))
    height = int(which) if which.isdigit() else int(areas.argmax())
    enough = height < len(areas) and areas[height] > 0 and areas[height] >= least_area
    return height if enough else None


def _patient(tree: Tree, name: str) -> Scan:
    ventricles = tree.find(f"{name}_ventricles.nii.gz")
    return read_scan(tree.one(f"{name}_t1.nii.gz"), labels=ventricles, mask=tree.one(name + OUTLINE))


def _template(tree: Tree) -> Scan:
    image, ventricles = (tree.find(f"{name}.nii") or tree.find(f"{name}.nii.gz") for name in TEMPLATE)
    return read_scan(image or tree.one(f"{TEMPLATE[0]}.nii"), labels=ventricles)


def _scaled(scan: Scan, percentiles: Sequence[float] | None) -> Scan:
    """The scan in [0, 1], linear between percentiles of its brain; what is not brain stays 0."""
    if percentiles is None:
        return scan
    brain = scan.image > 0
    return replace(
        scan, image=normalise(scan.image, inside=brain, percentiles=(percentiles[0], percentiles[1])) * brain
    )


def _case(fixed: Scan, template: Scan, name: str, split: str, height: int | None, card: dict[str, Any]) -> Case:
    """A patient's case, of one slice or of the volume (None); notes how far the two brains overlap."""
    moving = on_shared_grid(template, fixed.frame)
    card["brain_overlap"][name] = overlap = round(dice_of(fixed.image > 0, moving.image > 0), 3)
    if overlap < ALIKE:
        print(f"{name}: its brain and the template's overlap by {overlap} only: look at their headers", file=sys.stderr)
    both = fixed.labels is not None and moving.labels is not None
    fixed, moving = (scan if both else replace(scan, labels=None) for scan in (fixed, moving))
    attributes = {"split": split, "subject": name.removeprefix("BraTS2021_")}
    if height is not None:
        fixed, moving = axial(fixed, height), axial(moving, height)
        attributes["slice"] = str(height)
    assert fixed.mask is not None
    size = fixed.mask.sum() * float(np.prod(fixed.frame.spacing))
    attributes["tumour_mm3" if height is None else "tumour_mm2"] = f"{size:.0f}"
    return pair(name, fixed, moving, attributes)


def on_shared_grid(template: Scan, frame: Frame) -> Scan:
    """The template on the patient's frame, voxel for voxel: both are SRI24's grid, wherever their headers put its origin.

    Raises InputError for a template with another number or size of voxels.
    """
    own = template.frame
    if own.shape != frame.shape or not np.allclose(own.spacing, frame.spacing, atol=1e-3):
        got = f"{own.shape} of {np.round(own.spacing, 3)} mm and {frame.shape} of {np.round(frame.spacing, 3)} mm"
        raise InputError("the template and the patients on one grid", got, "take SRI24 as BraTS does: sri24_spm8")
    return replace(template, frame=frame)


def axial(scan: Scan, height: int) -> Scan:
    """The axial slice at an index of a canonical scan, in 2D: its world is the plane, x to the right and y forwards."""
    affine = scan.frame.affine[np.ix_([0, 1, 3], [0, 1, 3])]
    image, labels, mask = (None if a is None else a[:, :, height] for a in (scan.image, scan.labels, scan.mask))
    assert image is not None
    return Scan(image, Frame(image.shape, affine), labels, mask)


def dice_of(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / max(first.sum() + second.sum(), 1))
