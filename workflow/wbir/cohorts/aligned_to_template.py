"""A cohort whose scans are all brought to one template by ANTs."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, Cohort
from wbir.cohorts._derived import opened, regridded
from wbir.cohorts.prealigned import linear_map
from wbir.cohorts.resampled import coarser
from wbir.errors import InputError, require_known
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Scans aligned to a template by ANTs",
    "reference": "Paper 02, Sect. 3: patients and the template SRI24 in one space, where BraTS has its scans; rigid and affine stages of"
    " ANTs with Mattes mutual information as in paper 24",
    "describes": "The cases of another cohort on the grid of a template, each scan brought there by a rigid stage, or a rigid and an affine"
    " one, from its centre of mass. Scans are smoothed to coarser voxels and read once, linearly, labels and masks by the nearest"
    " voxel; points and the true map are carried along. The template is MNI152 without its skull, which wants scans without"
    " theirs, or an image of a case.",
    "sources": ["derived"],
    "stack": "ants",
    "threads": 1,
    "mem_mb": 8000,
    "runtime": 1200,
    "parameters": {
        "template": "mni152",  # or fixed | moving: an image of a case of the cohort
        "template_case": None,  # its id; None: the first
        "spacing": None,  # mm of the template's grid, one number or one for each axis; None: MNI152 at 1 mm, a case's own
        "transform": "rigid",  # rigid | affine, which starts at a rigid one
        "linear_iterations": [1000, 500, 250, 100],  # of a stage, coarse to fine
        "bins": 32,
        "sampling": 0.25,  # share of the voxels that a stage looks at
    },
    "tiny": {"template": "fixed", "linear_iterations": [10, 5], "sampling": 1.0},
    "dims": 3,
    "cases": "of its base",
}
TEMPLATES = ("mni152", "fixed", "moving")
TRANSFORMS = ("rigid", "affine")


def build(
    folder: Path, *, source: str, data: Path, seed: int, template: str, template_case: str | None,
    spacing: float | Sequence[float] | None, transform: str, linear_iterations: Sequence[int], bins: int, sampling: float,
) -> None:  # fmt: skip
    """Write the cases of the cohort in `data`, with an attribute `template`, and note the time of each case's alignments.

    A scan that several cases share is aligned once, in the first one's time. Raises InputError for unfit parameters, and
    RuntimeError where ANTs fails.
    """
    require_known({"template": (template, TEMPLATES), "transform": (transform, TRANSFORMS)}, "for an alignment")
    options = {"iterations": list(linear_iterations), "bins": bins, "sampling": sampling}
    parameters = {
        "template": template, "template_case": template_case, "spacing": spacing, "transform": transform,
        "linear_iterations": list(linear_iterations), "bins": bins, "sampling": sampling,
    }  # fmt: skip
    base, writer = opened(folder, COHORT, data, source=source, seed=seed, parameters=parameters)
    aligner = Aligner(*chosen(base, template, template_case, spacing), transform, seed, options)
    name = template if template == "mni152" else f"{template} of {template_case or base.rows[0]['case']}"
    for case in base:
        started = time.perf_counter()
        matrices = [aligner.matrix(image, case.frame) for image in (case.fixed, case.moving)]
        writer.time(case.id, "alignment_seconds", time.perf_counter() - started)
        moved = regridded(case, aligner.frame, *matrices)
        writer.add(replace(moved, attributes={**case.attributes, "template": name}))
    writer.close()


def chosen(
    base: Cohort, template: str, case_id: str | None, spacing: float | Sequence[float] | None
) -> tuple[np.ndarray, Frame]:
    """The template and its grid."""
    from wbir.anatomy.prepare import resample
    from wbir.anatomy.template import brain_frame, load

    if template == "mni152":
        maps, frame = load(), brain_frame(1.0)
        target = frame if spacing is None else coarser(frame, spacing)
        return resample(maps.t1, maps.frame, target), target
    case = base.case(case_id or base.rows[0]["case"])
    image = getattr(case, template)
    if spacing is None:
        return image, case.frame
    target = coarser(case.frame, spacing)
    return resample(image, case.frame, target, outside=float(image.min())), target


@dataclass
class Aligner:
    """Aligns scans to the template `image`; it knows a scan again. options: of `prealigned.linear_map`."""

    image: np.ndarray
    frame: Frame
    transform: str
    seed: int
    options: dict[str, Any]
    known: dict[bytes, np.ndarray] = field(default_factory=dict)

    def matrix(self, scan: np.ndarray, frame: Frame) -> np.ndarray:
        """The linear map that ANTs finds: template voxel to scan voxel, `(4, 4)`; the identity for the template itself.

        ANTs sees the scan on the template's grid, where it is laid by a translation of the world.
        """
        from wbir.anatomy.prepare import read_through

        if np.array_equal(frame.affine, self.frame.affine) and np.array_equal(scan, self.image):
            return np.eye(4)
        key = hashlib.sha256(np.ascontiguousarray(scan).tobytes() + frame.affine.tobytes()).digest()
        if key not in self.known:
            shift = np.eye(4)
            shift[:3, 3] = centre_of_mass(scan, frame) - centre_of_mass(self.image, self.frame)
            laid = np.linalg.inv(frame.affine) @ shift @ self.frame.affine
            there = read_through(scan, laid, self.frame.shape, outside=float(scan.min()))
            pair = Case("pair", self.frame, self.image, there)
            self.known[key] = laid @ linear_map(pair, self.transform, seed=self.seed, **self.options)
        return self.known[key]


def centre_of_mass(image: np.ndarray, frame: Frame) -> np.ndarray:
    """World mm `(3,)` of the centre of what is brighter than the darkest voxel. Raises InputError for an image of one value."""
    weights = image.astype(np.float64) - image.min()
    if not weights.any():
        raise InputError(
            "an image with contrast", f"{image.flat[0]:g} everywhere", "check the cohort that it is made from"
        )
    middle = [
        np.arange(n) @ weights.sum(axis=tuple({0, 1, 2} - {axis})) / weights.sum() for axis, n in enumerate(image.shape)
    ]
    return frame.to_world(np.array([middle]))[0]
