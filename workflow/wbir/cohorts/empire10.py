"""EMPIRE10: thirty pairs of chest CTs with lung masks, whose landmarks the challenge keeps to itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wbir.cases import Case
from wbir.cohorts._scans import choose_numbers, enclosing, on_grid, pair, read_scan, write_cohort
from wbir.data.tree import Tree

COHORT = {
    "title": "EMPIRE10",
    "reference": "Murphy et al., Evaluation of registration methods on thoracic CT: the EMPIRE10 challenge, IEEE Trans Med"
    " Imaging 30, 2011",
    "describes": "Thirty pairs of chest CTs of one subject each, in the values of the files, about 0.7 mm, with masks of the"
    " lungs. Fixed and moving scan have grids of their own: the fixed one is grown by whole voxels to hold both fields of view,"
    " and the moving scan is brought onto it through the world coordinates of the headers. The landmarks are not given out, so"
    " that there are no points: the challenge measures on its server. Real data. A pair without masks is named in card.json.",
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 5000,
    "runtime": 60,
    "parameters": {
        "cases": None,  # numbers; None: all that are there. Paper 10 takes 1, 7, 8, 14, 18, 20, 21, 28
    },
    "tiny": {},
    "dims": 3,
}
CASES = range(1, 31)
ROLES = ("Fixed", "Moving")


def build(folder: Path, *, source: str, data: Mapping[str, Path], seed: int, cases: Sequence[int] | None) -> None:
    """Write a case `empire-01` and so on for each pair.

    data: the folder of `empire10` with `scans/` and `lungMasks/` at any depth. The seed has no part in it. Raises
    InputError for a missing pair that was asked for, and damaged files.
    """
    tree = Tree("empire10", Path(data["empire10"]))
    what = f"the pairs of empire10 in {tree.root}"
    chosen, missing = choose_numbers(what, CASES, cases, lambda n: tree.all(f"scans/{n:02d}_*.mhd"))
    masks = {(n, role): tree.find(f"lungMasks/{n:02d}_{role}.mhd") for n in chosen for role in ROLES}

    def pairs() -> Iterator[Case]:
        for number in chosen:
            first, second = (
                read_scan(tree.one(f"scans/{number:02d}_{role}.mhd"), mask=masks[number, role]) for role in ROLES
            )
            subject = f"empire-{number:02d}"
            attributes = {"split": "test", "centre": "empire", "subject": subject, "number": str(number)}
            both = on_grid(first, enclosing(first.frame, second.frame))  # inspiration goes further than expiration
            yield pair(subject, both, second, attributes)

    unmasked = sorted({number for (number, _), path in masks.items() if path is None})
    write_cohort(
        folder, COHORT, pairs(), source=source, seed=seed, missing_cases=missing, without_masks=unmasked,
        parameters={"cases": cases},
    )  # fmt: skip
