"""DIR-Lab COPDgene: breath-hold CT of ten patients with chronic obstructive pulmonary disease, with landmarks of experts."""

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
    "title": "DIR-Lab COPDgene",
    "reference": "Castillo et al., A reference dataset for deformable image registration spatial accuracy evaluation using"
    " the COPDgene study archive, Phys Med Biol 58, 2013, doi:10.1088/0031-9155/58/9/2861",
    "describes": "CT of ten patients at the end of normal expiration (eBH, a quarter of the dose) and at full inspiration"
    " (iBH), in Hounsfield units on the scan's own grid (0.59 to 0.74 mm, slices of 2.5 mm), with 300 landmarks."
    " Lungs move by 12 to 31 mm on average. No masks, no labels. Real data. The files have no header: sizes and"
    " spacings are the parameter `grids`, as published; where the grid lies in the world is unknown, and both"
    " scans of a pair share it.",
    "sources": ["public", "local"],
    "datasets": ["dirlab-copdgene"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 2000,
    "runtime": 30,
    "parameters": {
        "cases": None,  # numbers; None: all that are there
        "fixed": "eBH",  # expiration, as in paper 10; the other one is moving
        "grids": {
            "1": {"size": [512, 512, 121], "spacing": [0.625, 0.625, 2.5]},  # voxels; mm
            "2": {"size": [512, 512, 102], "spacing": [0.645, 0.645, 2.5]},
            "3": {"size": [512, 512, 126], "spacing": [0.652, 0.652, 2.5]},
            "4": {"size": [512, 512, 126], "spacing": [0.590, 0.590, 2.5]},
            "5": {"size": [512, 512, 131], "spacing": [0.647, 0.647, 2.5]},
            "6": {"size": [512, 512, 119], "spacing": [0.633, 0.633, 2.5]},
            "7": {"size": [512, 512, 112], "spacing": [0.625, 0.625, 2.5]},
            "8": {"size": [512, 512, 115], "spacing": [0.586, 0.586, 2.5]},
            "9": {"size": [512, 512, 116], "spacing": [0.664, 0.664, 2.5]},
            "10": {"size": [512, 512, 135], "spacing": [0.742, 0.742, 2.5]},
        },
    },
    "tiny": {"cases": [1]},
    "dims": 3,
}
CASES = range(1, 11)
BREATHS = ("eBH", "iBH")
LANDMARKS = 300


def build(
    folder: Path, *, source: str, data: Mapping[str, Path], seed: int, cases: Sequence[int] | None, fixed: str,
    grids: Mapping[str, Mapping[str, Sequence[Any]]],
) -> None:  # fmt: skip
    """Write a case `copd-01` and so on for each patient.

    data: the folder of `dirlab-copdgene`, with the unpacked files at any depth. The seed has no part in it. Raises
    InputError for an unknown breath, a missing case that was asked for, and damaged files.
    """
    if fixed not in BREATHS:
        raise InputError(f"fixed as one of {', '.join(BREATHS)}", repr(fixed), "correct the parameter")
    tree = Tree("dirlab-copdgene", Path(data["dirlab-copdgene"]))
    what = f"the cases of dirlab-copdgene in {tree.root}"
    chosen, missing = choose_numbers(what, CASES, cases, lambda n: tree.all(f"copd{n}_?BHCT.img"))
    breaths = (fixed, next(breath for breath in BREATHS if breath != fixed))

    def pairs() -> Iterator[Case]:
        for number in chosen:
            frame, subject = grid(grids, number), f"copd-{number:02d}"
            first, second = (read(tree, files(number, breath), frame) for breath in breaths)
            attributes = {"split": "test", "centre": "copd", "subject": subject, "number": str(number)}
            yield pair(
                subject, first, second, attributes | dict(zip(("fixed_phase", "moving_phase"), breaths, strict=True))
            )

    parameters = {"cases": cases, "fixed": fixed, "grids": grids}
    write_cohort(folder, COHORT, pairs(), source=source, seed=seed, missing_cases=missing, parameters=parameters)


def files(case: int, breath: str) -> Files:
    """The files of one scan; r1 are the landmarks of the first reader."""
    return Files(f"copd{case}_{breath}CT.img", f"copd{case}_300_{breath}_xyz_r1.txt", LANDMARKS)
