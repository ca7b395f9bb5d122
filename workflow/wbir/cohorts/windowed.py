"""A cohort whose intensities are cut to a window and scaled to [0, 1], image by image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from wbir.cases import Case
from wbir.cohorts._derived import opened
from wbir.errors import InputError, require_known

COHORT = {
    "title": "Another cohort through a window",
    "reference": "CT windows in Hounsfield units and percentiles of MRI, as most papers scale their intensities without saying so",
    "describes": "The cases of another cohort with intensities that are 0 up to the lower limit, 1 from the upper one and linear"
    " between them. Limits are intensities, the same for all images, or percentiles of each image or of what lies in its mask.",
    "sources": ["derived"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 120,
    "parameters": {
        "limits": [-1000.0, 1000.0],  # what becomes 0 and 1: intensities, or percentiles
        "percentiles_of": None,  # image | mask (its voxels in the mask); None: limits are intensities
    },
    "tiny": {"limits": [1.0, 99.0], "percentiles_of": "mask"},
    "dims": None,
    "cases": "of its base",
}
WHOLES = ("image", "mask")


def build(
    folder: Path, *, source: str, data: Path, seed: int, limits: Sequence[float], percentiles_of: str | None
) -> None:
    """Write the cases of the cohort in `data`. Raises InputError for unfit parameters, and for an image without contrast."""
    require_known({"percentiles_of": (percentiles_of or WHOLES[0], WHOLES)}, "for a window")
    if len(limits) != 2 or not limits[0] < limits[1] or (percentiles_of and not 0 <= limits[0] < limits[1] <= 100):
        raise InputError("a lower and an upper limit (percentiles: 0 to 100)", f"{limits}", "correct `limits`")
    parameters = {"limits": list(limits), "percentiles_of": percentiles_of}
    base, writer = opened(folder, COHORT, data, source=source, seed=seed, parameters=parameters)
    for case in base:
        writer.add(windowed(case, (limits[0], limits[1]), percentiles_of))
    writer.close()


def windowed(case: Case, limits: tuple[float, float], percentiles_of: str | None) -> Case:
    """The case with windowed images, see `build`. Raises InputError for a missing mask, and an image of one value."""
    from wbir.anatomy.prepare import normalise

    images = {}
    for side in ("fixed", "moving"):
        image, mask = getattr(case, side), getattr(case, f"{side}_mask")
        if percentiles_of == "mask" and mask is None:
            raise InputError(f"a {side} mask in case {case.id}", "none", "take percentiles of the image")
        if percentiles_of:
            images[side] = normalise(image, inside=mask if percentiles_of == "mask" else None, percentiles=limits)
        else:
            scaled = (image - limits[0]) / (limits[1] - limits[0])
            images[side] = np.clip(scaled, 0, 1).astype(np.float32)
    return replace(case, fixed=images["fixed"], moving=images["moving"])
