"""A cohort whose scans are corrected for their bias field, stripped of the skull and aligned by ANTs, as paper 24 has it."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case
from wbir.cohorts._derived import carried_truth, opened
from wbir.errors import require_known

COHORT = {
    "title": "Scans corrected and aligned by ANTs",
    "reference": "Paper 24, Sect. 2 and 3: N4, rigid or rigid and affine alignment by ANTs with Mattes mutual information",
    "describes": "The cases of another cohort, each image without its bias field (N4 inside the mask, or everywhere without"
    " one), without what lies outside its mask, and the moving scan brought to the fixed one: by nothing, by a"
    " rigid stage, or by a rigid and an affine stage. The moving image is then read once, linearly, its labels and"
    " mask by the nearest voxel; what the linear map leaves of the true displacement stays exact.",
    "sources": ["derived"],
    "stack": "ants",
    "threads": 1,
    "mem_mb": 8000,
    "runtime": 1200,
    "parameters": {
        "bias_correction": True,
        "bias_iterations": [50, 50, 50, 50],  # at most, on each level
        "bias_shrink": 4,  # voxels are thinned out by it
        "bias_spacing": 200.0,  # mm between the control points of the first level
        "skull_strip": True,  # 0 outside the masks of a case that has them
        "transform": "rigid",  # none | rigid | affine, which starts at a rigid one
        "linear_iterations": [1000, 500, 250, 100],  # of a stage, coarse to fine
        "bins": 32,
        "sampling": 0.25,  # share of the voxels that a stage looks at
    },
    "tiny": {"bias_iterations": [2], "bias_shrink": 1, "linear_iterations": [10, 5]},
    "dims": 3,
    "cases": "of its base",
}
TRANSFORMS = ("none", "rigid", "affine")
KEPT = 8  # corrected scans: pairs of one subject follow each other, and share scans


def build(
    folder: Path, *, source: str, data: Path, seed: int, bias_correction: bool, bias_iterations: Sequence[int],
    bias_shrink: int, bias_spacing: float, skull_strip: bool, transform: str, linear_iterations: Sequence[int], bins: int,
    sampling: float,
) -> None:  # fmt: skip
    """Write the cases of the cohort in `data`, with an attribute `prealignment`, and note the time of each alignment.

    Raises InputError for an unknown transform, and RuntimeError where ANTs fails.
    """
    require_known({"transform": (transform, TRANSFORMS)}, "for an alignment")
    parameters = {
        "bias_correction": bias_correction, "bias_iterations": list(bias_iterations), "bias_shrink": bias_shrink,
        "bias_spacing": bias_spacing, "skull_strip": skull_strip, "transform": transform,
        "linear_iterations": list(linear_iterations), "bins": bins, "sampling": sampling,
    }  # fmt: skip
    base, writer = opened(folder, COHORT, data, source=source, seed=seed, parameters=parameters)
    corrector = Corrector(iterations=bias_iterations, shrink=bias_shrink, spacing=bias_spacing)
    for case in base:
        prepared = corrector.case(case) if bias_correction else case
        prepared = stripped(prepared) if skull_strip else prepared
        started, matrix = time.perf_counter(), np.eye(case.frame.dim + 1)
        if transform != "none":
            matrix = linear_map(
                prepared, transform, seed=seed, iterations=linear_iterations, bins=bins, sampling=sampling
            )
        writer.time(case.id, "prealignment_seconds", time.perf_counter() - started if transform != "none" else 0.0)
        moved = prepared if transform == "none" else moved_by(prepared, matrix)
        writer.add(replace(moved, attributes={**case.attributes, "prealignment": transform}))
    writer.close()


class Corrector:
    """N4 of both images of a case; a scan that was just corrected for another pair is not corrected again."""

    def __init__(self, **options: Any) -> None:
        self.options, self.known = options, OrderedDict[bytes, np.ndarray]()

    def case(self, case: Case) -> Case:
        """The case with corrected images."""
        images = {side: self._image(case, side) for side in ("fixed", "moving")}
        return replace(case, fixed=images["fixed"], moving=images["moving"])

    def _image(self, case: Case, side: str) -> np.ndarray:
        from wbir.registration.ants_session import corrected_bias

        image, mask = getattr(case, side), getattr(case, f"{side}_mask")
        parts = (np.ascontiguousarray(array).tobytes() for array in (image, mask) if array is not None)
        key = hashlib.sha256(b"".join(parts)).digest()
        if key not in self.known:
            self.known[key] = corrected_bias(image, mask, case.frame, **self.options)
            while len(self.known) > KEPT:
                self.known.popitem(last=False)
        return self.known[key]


def stripped(case: Case) -> Case:
    """The case with images that are 0 outside its masks; an image without a mask stays."""
    images = {
        side: image if mask is None else np.where(mask, image, np.float32(0))
        for side, image, mask in (
            ("fixed", case.fixed, case.fixed_mask),
            ("moving", case.moving, case.moving_mask),
        )
    }
    return replace(case, fixed=images["fixed"], moving=images["moving"])


def linear_map(
    case: Case, transform: str, *, seed: int, iterations: Sequence[int], bins: int, sampling: float
) -> np.ndarray:
    """What ANTs finds from the centres of mass: fixed voxel to moving voxel, `(dim + 1, dim + 1)`; affine after rigid."""
    from wbir.registration.ants_session import AntsSession, linear_options

    options = linear_options(iterations, sampling, bins)
    with tempfile.TemporaryDirectory(prefix="ants-") as folder:
        session = AntsSession(case, Path(folder), seed, masks=False)
        first = session.start("rigid" if transform == "affine" else "centre_of_mass", options)
        return session.matrix(session.register(transform, first, options))


def moved_by(case: Case, matrix: np.ndarray) -> Case:
    """The case with its moving side read through `matrix` (fixed voxel to moving voxel), and what is left of its truth.

    Where T is the true map, the new one is `matrix^-1 o T`, computed voxel by voxel: nothing of it is interpolated.
    Outside its grid the moving scan is 0.
    """
    from scipy import ndimage

    dim, inverse = case.frame.dim, np.linalg.inv(matrix)

    def read(array: np.ndarray | None, order: int) -> Any:
        if array is None:
            return None
        return ndimage.affine_transform(
            array.astype(np.uint8) if array.dtype == bool else array, matrix[:dim, :dim], matrix[:dim, dim],
            order=order, mode="constant", cval=0,
        ).astype(array.dtype)  # fmt: skip

    points = case.moving_points
    return replace(
        case,
        moving=read(case.moving, 1),
        moving_labels=read(case.moving_labels, 0),
        moving_mask=read(case.moving_mask, 0),
        moving_points=None if points is None else points @ inverse[:dim, :dim].T + inverse[:dim, dim],
        truth=None if case.truth is None else carried_truth(case.truth, case.frame.shape, np.eye(dim + 1), matrix),
        truth_matrix=None if case.truth_matrix is None else inverse @ case.truth_matrix,
    )
