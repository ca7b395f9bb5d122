"""Sets of label maps side by side: volumes, places and overlap of organs before any registration.

`python -m wbir.anatomy.abdomen_comparison FOLDER [SUBJECTS]` prints the table of docs/simulators.md: the label maps of Learn2Reg 2020
Task 3 in FOLDER beside those of simulated subjects (30) of seed 0 on the same grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from wbir.anatomy.abdomen_person import ORGANS
from wbir.anatomy.directions import ABDOMEN, true_frame
from wbir.anatomy.prepare import canonical
from wbir.errors import InputError
from wbir.geometry.frames import Frame


@dataclass(frozen=True)
class Summary:
    """Arrays with a column for each of the 13 labels; NaN where a subject lacks the organ.

    volumes: `(subjects, 13)` mL; centres: `(subjects, 13, 3)` mm, right, front and up from the middle of the grid; dice:
    `(pairs, 13)` of all pairs as they lie.
    """

    volumes: np.ndarray
    centres: np.ndarray
    dice: np.ndarray

    def mean_dice(self) -> float:
        """The mean over pairs of each pair's mean over organs, in percent."""
        return 100 * float(np.nanmean(np.nanmean(self.dice, axis=1)))


def read_learn2reg(folder: Path) -> tuple[list[np.ndarray], Frame]:
    """The label maps `*.nii.gz` of a folder as int16, axes to right, front and up, and their frame.

    The organs of the first map tell how all arrays run (`directions.ABDOMEN`), whatever the headers say. Raises InputError where
    there is none, or where they differ in grid.
    """
    from wbir.images import read_image

    read = [read_image(path, dtype=np.int16) for path in sorted(Path(folder).glob("*.nii.gz"))]
    frames = [frame for _, frame in read]
    if not read or any(f.shape != frames[0].shape or not np.allclose(f.spacing, frames[0].spacing) for f in frames):
        raise InputError("label maps *.nii.gz on one grid", f"{len(read)} in {folder}", "name the folder of the maps")
    frame = true_frame(frames[0], ABDOMEN.axes(read[0][0]))
    return [canonical(labels, frame)[0] for labels, _ in read], canonical(read[0][0], frame)[1]


def summarise(maps: Sequence[np.ndarray], frame: Frame) -> Summary:
    """The summary of label maps on one axis-aligned frame, axes to right, front and up."""
    count = len(ORGANS) + 1
    voxel = float(np.prod(frame.spacing)) / 1000
    middle = (np.array(frame.shape) - 1) / 2
    volumes, centres = [], []
    for labels in maps:
        sizes = np.bincount(labels.ravel(), minlength=count).astype(float)
        sizes[sizes == 0] = np.nan
        volumes.append(sizes[1:] * voxel)
        places = [_moments(labels, axis, count) / sizes for axis in range(3)]
        centres.append((np.stack(places, -1)[1:] - middle) * frame.spacing)
    dice = []
    for first, second in combinations(maps, 2):
        joint = np.bincount(first.ravel() * np.int32(count) + second.ravel(), minlength=count**2)
        table = joint.reshape(count, count).astype(float)
        total = table.sum(0) + table.sum(1)
        dice.append((2 * np.diag(table) / np.where(total > 0, total, np.nan))[1:])
    return Summary(np.array(volumes), np.array(centres), np.array(dice))


def _moments(labels: np.ndarray, axis: int, count: int) -> np.ndarray:
    """The sum of the voxels' indices along an axis, for each label."""
    result = np.zeros(count)
    for index in range(labels.shape[axis]):
        result += index * np.bincount(labels.take(index, axis).ravel(), minlength=count)
    return result


def table(sets: Mapping[str, Summary]) -> str:
    """A Markdown table: for each organ and set the median volume with its range, the median place relative to the liver with its
    spread (1.48 times the median distance from the median), and the mean Dice.
    """
    kinds = ("volume, mL (range)", "right, front, up of the liver, mm (spread)", "Dice, %")
    heads = [f"{kind}: {name}" for kind in kinds for name in sets]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (1 + len(heads)) + "|"]
    for n, name in enumerate(ORGANS.values()):
        cells = []
        for kind in kinds:
            for summary in sets.values():
                if kind.startswith("volume"):
                    v = summary.volumes[:, n]
                    cells.append(f"{_number(np.nanmedian(v))} ({_number(np.nanmin(v))} to {_number(np.nanmax(v))})")
                elif kind.startswith("right"):
                    rows = summary.centres[:, n] - summary.centres[:, 5]
                    middle = np.nanmedian(rows, axis=0)
                    spread = 1.48 * np.nanmedian(np.abs(rows - middle), axis=0)
                    cells.append(", ".join(f"{m:.0f} ({s:.0f})" for m, s in zip(middle, spread, strict=True)))
                else:
                    cells.append(f"{100 * np.nanmean(summary.dice[:, n]):.1f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    means = [f"{summary.mean_dice():.1f}" for summary in sets.values()]
    return "\n".join([*lines, "| mean | " + " | ".join([""] * (2 * len(sets)) + means) + " |"])


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def simulated_maps(count: int, frame: Frame, seed: int = 0) -> list[np.ndarray]:
    """Label maps of `count` subjects as `abdomen_ct` makes them by default."""
    from wbir.anatomy.abdomen_scan import ALIGNMENT, COMPONENTS, make_subject

    names = [f"train-{n:02d}" for n in range(1, count + 1)]
    return [make_subject(seed, name, frame, COMPONENTS, ALIGNMENT, noise=0.0).labels for name in names]


def _main(folder: str, count: str = "30") -> None:
    from wbir.anatomy.abdomen_scan import FIELD, scan_frame

    real, frame = read_learn2reg(Path(folder))
    simulated = simulated_maps(int(count), scan_frame(frame.shape, FIELD))
    sets = {f"{len(maps)} {name}": summarise(maps, frame) for maps, name in ((real, "real"), (simulated, "simulated"))}
    print(table(sets))


if __name__ == "__main__":
    import sys

    _main(*sys.argv[1:])
