"""DIR-Lab 4DCT: breathing of ten patients in ten phases, with landmarks of experts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wbir.cases import Case
from wbir.cohorts._dirlab import Files, grid, read
from wbir.cohorts._scans import choose_numbers, pair, write_cohort
from wbir.data.tree import Tree
from wbir.errors import InputError

COHORT = {
    "title": "DIR-Lab 4DCT",
    "reference": "Castillo et al., A framework for evaluation of deformable image registration spatial accuracy using large"
    " landmark point sets, Phys Med Biol 54, 2009",
    "describes": "CT of ten patients while they breathe quietly, in ten phases (T00 the end of"
    " inspiration, T50 that of expiration), in Hounsfield units on the scan's own grid (0.97 to 1.16 mm, slices of"
    " 2.5 mm). Points: 300 landmarks for the pair of T00 and T50, 75 for any pair of T00 to T50, none for later"
    " phases. No masks, no labels. Real data. The files have no header: sizes and spacings are the parameter"
    " `grids`, as published; where the grid lies in the world is unknown, and both scans of a pair share it.",
    "sources": ["public", "local"],
    "datasets": ["dirlab-4dct"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 2000,
    "runtime": 30,
    "parameters": {
        "cases": None,  # numbers; None: all that are there
        "fixed": "T50",  # end of expiration, as in paper 10
        "moving": ["T00"],  # each phase is a case
        "landmarks": None,  # the set with so many points, 300 or 75; None: the larger of those that the two phases have
        "grids": {
            "1": {"size": [256, 256, 94], "spacing": [0.97, 0.97, 2.5]},  # voxels; mm
            "2": {"size": [256, 256, 112], "spacing": [1.16, 1.16, 2.5]},
            "3": {"size": [256, 256, 104], "spacing": [1.15, 1.15, 2.5]},
            "4": {"size": [256, 256, 99], "spacing": [1.13, 1.13, 2.5]},
            "5": {"size": [256, 256, 106], "spacing": [1.10, 1.10, 2.5]},
            "6": {"size": [512, 512, 128], "spacing": [0.97, 0.97, 2.5]},
            "7": {"size": [512, 512, 136], "spacing": [0.97, 0.97, 2.5]},
            "8": {"size": [512, 512, 128], "spacing": [0.97, 0.97, 2.5]},
            "9": {"size": [512, 512, 128], "spacing": [0.97, 0.97, 2.5]},
            "10": {"size": [512, 512, 120], "spacing": [0.97, 0.97, 2.5]},
        },
    },
    "tiny": {"cases": [1]},
    "dims": 3,
}
CASES = range(1, 11)
PHASES = tuple(f"T{percent:02d}" for percent in range(0, 100, 10))
# How many points: the phases that have them, the name of their file.
LANDMARKS = {
    300: (("T00", "T50"), "case{case}_*300_{phase}_xyz.txt"),
    75: (("T00", "T10", "T20", "T30", "T40", "T50"), "case{case}_4D-75_{phase}.txt"),
}


def build(
    folder: Path, *, source: str, data: Mapping[str, Path], seed: int, cases: Sequence[int] | None, fixed: str,
    moving: Sequence[str], landmarks: int | None, grids: Mapping[str, Mapping[str, Sequence[Any]]],
) -> None:  # fmt: skip
    """Write a case `4dct-01` and so on for each patient (`4dct-01-T00` for each moving phase where there are several).

    data: the folder of `dirlab-4dct`, with the unpacked files at any depth. The seed has no part in it. Raises InputError
    for an unknown phase or landmark set, a missing case that was asked for, and damaged files.
    """
    points = {phase: landmark_set(fixed, phase, landmarks) for phase in moving}
    tree = Tree("dirlab-4dct", Path(data["dirlab-4dct"]))
    what = f"the cases of dirlab-4dct in {tree.root}"
    chosen, missing = choose_numbers(what, CASES, cases, lambda n: tree.all(f"case{n}_T[0-9]0*.img"))

    def pairs() -> Iterator[Case]:
        for number in chosen:
            frame, subject = grid(grids, number), f"4dct-{number:02d}"
            for phase in moving:
                first, second = (read(tree, files(number, p, points[phase]), frame) for p in (fixed, phase))
                name = subject if len(moving) == 1 else f"{subject}-{phase}"
                attributes = {"split": "test", "centre": "4dct", "subject": subject, "number": str(number)}
                yield pair(name, first, second, attributes | {"fixed_phase": fixed, "moving_phase": phase})

    parameters = {"cases": cases, "fixed": fixed, "moving": list(moving), "landmarks": landmarks, "grids": grids}
    write_cohort(folder, COHORT, pairs(), source=source, seed=seed, missing_cases=missing, parameters=parameters)


def landmark_set(fixed: str, moving: str, asked: int | None) -> int:
    """How many points the set has that serves two phases: the one asked for, else the largest; 0 for none.

    Raises InputError for anything but two different phases, and a set that they do not both have.
    """
    if fixed == moving or not {fixed, moving} <= set(PHASES):
        raise InputError(f"two phases of {', '.join(PHASES)}", f"{fixed} and {moving}", "correct the parameters")
    common = [count for count, (phases, _) in LANDMARKS.items() if {fixed, moving} <= set(phases)]
    if asked is not None and asked not in common:
        what = " or ".join(map(str, common)) if common else "none"
        raise InputError(f"landmarks of {fixed} and {moving}: {what}", f"{asked}", "correct the parameter")
    return max(common, default=0) if asked is None else asked


def files(case: int, phase: str, points: int) -> Files:
    """The files of one scan; names end in _s or -ssm in cases 1 to 5, before `.img`."""
    landmarks = LANDMARKS[points][1].format(case=case, phase=phase) if points else None
    return Files(f"case{case}_{phase}*.img", landmarks, points)
