"""Simulated brains beside real ones: sizes, and how alike two people are before any registration.

`python -m wbir.cohorts._brain_comparison HIPPOCAMPUS` prints the table of docs/simulators.md: hippocampi of the Medical
Segmentation Decathlon (a folder with labels/) beside those of ten people of `population_brains`, seed 0, at SPACING.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from wbir.cases import Cohort
from wbir.errors import InputError

SPACING = 1.5  # mm
PEOPLE = 10
SIDES = ("left hippocampus", "right hippocampus")


def centred_dice(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Dice of each mask with the next one, their centres of mass brought together by whole voxels: `(n - 1,)`."""
    found = []
    for first, second in pairwise(masks):
        points = [np.argwhere(mask) for mask in (first, second)]
        places = [p - np.floor(p.mean(0) + 1e-6).astype(int) for p in points]
        common = len(set(map(tuple, places[0].tolist())) & set(map(tuple, places[1].tolist())))
        found.append(2 * common / (len(places[0]) + len(places[1])))
    return np.array(found)


def real_hippocampi(folder: Path) -> list[np.ndarray]:
    """The whole hippocampus of each subject on its own grid of 1 mm. Raises InputError where there are none."""
    from wbir.images import read_image

    paths = sorted((Path(folder) / "labels").glob("hippocampus_*.nii.gz"))
    if not paths:
        raise InputError("labels/hippocampus_*.nii.gz", f"none in {folder}", "name the folder of the data set")
    return [read_image(path, dtype=np.int16)[0] > 0 for path in paths]


def simulated(folder: Path) -> tuple[dict[str, list[np.ndarray]], float]:
    """Hippocampi by side of people made in `folder`, and the voxel in mL."""
    from wbir.cohorts.population_brains import build
    from wbir.discovery import describe

    parameters = describe("cohorts", "population_brains")["parameters"]
    changes = {"spacing": SPACING, "subjects": {"train": 2, "validation": 2, "test": PEOPLE}}
    build(folder, source="simulated", data=None, seed=0, **{**parameters, **changes})
    cohort = Cohort.open(folder).select(part="test")
    numbers = {name: number for number, name in cohort.label_names().items()}
    cases = list(cohort)
    people = [cases[0].fixed_labels, *(case.moving_labels for case in cases)]
    found = {side: [labels == numbers[side] for labels in people] for side in SIDES}
    return found, float(np.prod(cases[0].frame.spacing)) / 1000  # type: ignore[return-value]


def print_table(hippocampus: Path, report: Callable[[str], None] = print) -> None:
    """Report the table's lines."""
    with tempfile.TemporaryDirectory() as folder:
        made, voxel = simulated(Path(folder) / "people")
    real = real_hippocampi(hippocampus)
    sizes = [float(mask.sum()) * voxel for side in SIDES for mask in made[side]]
    alike = np.concatenate([centred_dice(made[side]) for side in SIDES])
    report("| | real | simulated |\n|---|---|---|")
    report(f"| volume, mL | {_span([float(m.sum()) / 1000 for m in real])} | {_span(sizes)} |")
    report(f"| Dice of two people's, centres together | {_span(centred_dice(real), 2)} | {_span(alike, 2)} |")


def _span(values: Sequence[float] | np.ndarray, digits: int = 1) -> str:
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f}, n = {len(values)})"


if __name__ == "__main__":
    print_table(Path(sys.argv[1]))
