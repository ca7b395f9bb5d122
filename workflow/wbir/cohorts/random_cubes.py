"""Pairs of random cubes, for run times over the image size and for checks of one algorithm against another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case, CohortWriter
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Random cubes",
    "reference": (
        "Paper 17, Table 2 (cubes of increasing side; their content is not stated and has no part in the run time)"
    ),
    "describes": (
        "Two independent cubes for each side length: Gaussian white noise, smoothed with periodic borders, scaled "
        "to [0, 1]. They show nothing and do not correspond, so there is neither truth nor label."
    ),
    "sources": ["simulated"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 1000,
    "runtime": 5,
    "parameters": {
        "sizes": [8, 16, 32, 64, 128],  # voxels along each side
        "sigma": 1.0,  # voxels, standard deviation of the smoothing; 0 leaves white noise
    },
    "tiny": {"sizes": [8, 16]},
    "dims": 3,
    "cases": {"test": "len(sizes)"},
}


def build(folder: Path, *, source: str, data: Path | None, seed: int, sizes: Sequence[int], sigma: float) -> None:
    """Write one case for each side, its id the side. Raises InputError for unfit sides or a negative sigma."""
    if any(size < 2 for size in sizes) or len(set(sizes)) < len(sizes) or sigma < 0:
        raise InputError(
            "different sizes of at least 2 and a sigma of at least 0", f"{sizes}, {sigma}", "correct the parameters"
        )
    card = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["parameters"] = {"sizes": list(sizes), "sigma": sigma}
    writer = CohortWriter(folder, card)
    for size in sizes:
        fixed, moving = (
            random_cube(size, sigma, named_generator(seed, "cube", size, name)) for name in ("fixed", "moving")
        )
        writer.add(
            Case(str(size), Frame.of(fixed.shape), fixed, moving, attributes={"split": "test", "size": str(size)})
        )
    writer.close()


def random_cube(size: int, sigma: float, generator: np.random.Generator) -> np.ndarray:
    """Smoothed noise, float32 `(size, size, size)`, least value 0 and largest 1."""
    cube = generator.standard_normal((size, size, size))
    if sigma > 0:
        from scipy.ndimage import gaussian_filter

        cube = gaussian_filter(cube, sigma, mode="wrap")
    return ((cube - cube.min()) / (cube.max() - cube.min())).astype(np.float32)
