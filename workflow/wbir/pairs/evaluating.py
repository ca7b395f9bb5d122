"""`wbir evaluate`: score a deformation that any tool made."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from wbir.errors import InputError
from wbir.files import folder_written_whole, write_json
from wbir.pairs.deformations import Deformation
from wbir.pairs.fields import read_deformation
from wbir.pairs.output import MANIFEST, provenance
from wbir.pairs.pair import Pair
from wbir.pairs.placing import normalised, placed_case
from wbir.pairs.registering import evaluations, write_results
from wbir.pairs.scans import covers
from wbir.pairs.scoring import measure, summary


def evaluate(
    pair: Pair, field: Path, convention: str, normalise: str, files: Mapping[str, Path | None], out: Path | None
) -> list[str]:
    """Score `field` on a pair; returns lines that sum up, and writes the folder `out` (if any) as `wbir register` does.

    Raises InputError for a field that cannot be read or does not lie on the pair; then nothing is written.
    """
    started = time.perf_counter()
    frame = pair.fixed.frame
    found = read_deformation(field, frame, pair.moving.frame, convention)
    if found.displacement is not None:
        check_place(found, pair, field)
        found = Deformation(frame, displacement=found.on(frame))
    images, plain = normalised(pair, normalise), np.eye(frame.dim + 1)
    stages = evaluations(pair, placed_case(pair, images, plain, meet=False), images, found, plain)
    rows = measure(stages)
    if out is not None:
        with folder_written_whole(out) as folder:
            write_results(folder, stages, rows, f"{field.name}: {pair.moving.path.name} onto {pair.fixed.path.name}")
            what = {"convention": convention, "normalise": normalise}
            seconds = time.perf_counter() - started
            manifest = provenance("evaluate", what, {**files, "field": field}, device="cpu", seconds=seconds)
            write_json(folder / MANIFEST, manifest)
    return summary(rows, list(stages))


def check_place(found: Deformation, pair: Pair, field: Path) -> None:
    """Raise InputError for a field off the fixed image, or one that leads nowhere into the moving image."""
    frame = pair.fixed.frame
    if not covers(found.frame, frame):
        expected = f"a field on a grid that covers {pair.fixed.path} {frame.shape} in the world"
        raise InputError(expected, f"{field} of {found.frame.shape}", "give the image that it was made on as fixed")
    if not found.share_within(frame, pair.moving.frame):
        got, todo = f"none of them by {field}", "check which image is fixed, and --convention"
        raise InputError("fixed voxels that the field takes into the moving image", got, todo)
