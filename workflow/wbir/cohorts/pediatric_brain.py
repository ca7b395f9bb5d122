"""Heads of children of 2 to 8 years, each scanned several times while it grows: pairs of two ages of one child."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case, CohortWriter
from wbir.errors import InputError

if TYPE_CHECKING:
    from wbir.anatomy.growth_scan import Scan, Scanner

COHORT = {
    "title": "Children's heads, longitudinal",
    "reference": (
        "Paper 24, Sect. 3: Calgary Preschool (Reynolds et al., Data in Brief 29, 2020), 247 T1 scans of 64 children of 2 to 7 "
        "years, 434 pairs of one child, 65 of them for test, three folds of 123"
    ),
    "describes": (
        "Each child is the MNI152 template in a diffeomorphism of its own with a head built around it. Its growth from the adult "
        "template back to an age: the whole head is scaled to the brain volume of that age; a flow gives white matter, grey "
        "matter and ventricles their own volumes; the face is drawn in; the T1 signal of white matter is lower, most in frontal "
        "and temporal lobes (myelination). Each scan has a position of its own, a bias field and Rician noise. Moving is the "
        "younger scan, fixed the older one of the same child: they differ by growth and position alone. Labels 1 white, 2 grey "
        "matter, 3 fluid (likeliest tissue inside the brain); masks: the brain. The true displacement is exact over the whole "
        "head. Not modelled: other folds than the template's, a child's thin skull and open air spaces, growth that differs "
        "between children or lobes, motion in the scan, segmentation errors. The 434 pairs are all pairs of a child's scans: "
        "2 to 8 scans each make 64 children, 247 scans and 434 pairs; the paper prints only these sums."
    ),
    "sources": ["simulated"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 8000,
    "runtime": 1800,
    "parameters": {
        # pairs [scans of a child, children with so many]
        "design": [[2, 17], [3, 13], [4, 12], [5, 11], [6, 7], [7, 3], [8, 1]],
        "test_share": 0.15,  # of the pairs, by child
        "folds": 3,  # parts of the training pairs, by child; 1 gives the pairs no attribute `fold`
        "spacing": [0.9, 0.9, 0.9],  # mm; the paper's scans have 0.4492 x 0.4492 x 0.9 mm
        "field_of_view": [230.0, 230.0, 189.0],  # mm
        # velocity scales of a child's own shape: pairs (sigma mm, root mean square of each vector component mm)
        "components": [[30.0, 2.5], [8.0, 1.2]],
        "pose": 1.0,  # times the turns and shifts of anatomy/growth_scan.py; 0 leaves every head in place
        "bias": 0.15,  # standard deviation of the log bias field, before any correction
        "noise": 0.03,  # Rician, of adult white matter
        "truth": "all",  # or "test": pairs that have the true displacement
    },
    "tiny": {"design": [[2, 3]], "spacing": [12.0, 12.0, 12.0], "test_share": 0.34, "folds": 2},
    "dims": 3,
    "cases": {  # as near to the share as whole children come: exactly so many at the paper's numbers
        "test": "round(test_share * sum(n * scans * (scans - 1) // 2 for scans, n in design))",
        "train": "sum(n * scans * (scans - 1) // 2 for scans, n in design)"
        " - round(test_share * sum(n * scans * (scans - 1) // 2 for scans, n in design))",
    },
}
LABELS = {1: "WM", 2: "GM", 3: "CSF"}
INTERVAL = (
    1.4,
    0.8,
)  # years between scans, mean and standard deviation before those too long for childhood are drawn anew
SHORTEST = 0.25  # years
CHILDHOOD = (2.0, 7.95)  # years, first and last scan
TRIES = 20_000


@dataclass(frozen=True)
class Child:
    """name: `c4-02`, the second child with four scans. ages: years, rising. split: train or test. fold: "" or a number."""

    name: str
    ages: tuple[float, ...]
    split: str = "train"
    fold: str = ""

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Scans (moving, fixed), from 0; the moving one is the younger."""
        return list(combinations(range(len(self.ages)), 2))


def build(
    folder: Path, *, source: str, data: Path | None, seed: int, design: Sequence[Sequence[int]], test_share: float,
    folds: int, spacing: Sequence[float], field_of_view: Sequence[float], components: Sequence[Sequence[float]],
    pose: float, bias: float, noise: float, truth: str,
) -> None:  # fmt: skip
    """Write a case `c4-02-1-3` for the first and third scan of that child. Raises InputError for unfit parameters."""
    from wbir.anatomy.growth_scan import Scanner, scan_frame

    if min(pose, bias, noise) < 0 or truth not in ("all", "test") or min(*spacing, *field_of_view) <= 0:
        got = f"pose {pose}, bias {bias}, noise {noise}, truth {truth!r}, spacing {spacing}"
        raise InputError("pose, bias and noise of 0 or more, lengths above 0, truth all or test", got, "correct them")
    children = plan(design, test_share, folds, seed)
    card: dict = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["parameters"] = {
        "design": [list(entry) for entry in design], "test_share": test_share, "folds": folds, "spacing": list(spacing),
        "field_of_view": list(field_of_view), "components": [list(c) for c in components], "pose": pose, "bias": bias,
        "noise": noise, "truth": truth,
    }  # fmt: skip
    card["ages_years"] = {child.name: [round(age, 3) for age in child.ages] for child in children}
    writer = CohortWriter(folder, card, LABELS)
    residuals = writer.card["truth_residual_mm"] = {}
    scanner = Scanner(scan_frame(field_of_view, spacing), components, bias, noise, pose, seed)
    for child in children:
        person = scanner.person(child.name)
        scans = [scanner.scan(child.name, person, n, age) for n, age in enumerate(child.ages, start=1)]
        for pair in child.pairs:
            case, residual = pair_case(scanner, child, scans, pair, truth == "all" or child.split == "test")
            if residual is not None:
                residuals[case.id] = residual
            writer.add(case)
    writer.close()


def plan(design: Sequence[Sequence[int]], test_share: float, folds: int, seed: int) -> list[Child]:
    """The children with their ages and splits. Raises InputError for an unfit design."""
    if (
        not design
        or any(len(e) != 2 or e[0] < 2 or e[1] < 1 for e in design)
        or len({e[0] for e in design}) < len(design)
    ):
        raise InputError("pairs [scans of 2 or more, children]", repr(list(design)), "correct the parameter `design`")
    if not 0 < test_share < 1 or folds < 1:
        raise InputError("a test share in (0, 1) and at least one fold", f"{test_share}, {folds}", "correct them")
    children = []
    for scans, count in design:
        for number in range(1, count + 1):
            name = f"c{scans}-{number:02d}"
            children.append(Child(name, draw_ages(scans, named_generator(seed, "ages", name))))
    return deal_children(children, test_share, folds, named_generator(seed, "split"))


def deal_children(
    children: Sequence[Child], test_share: float, folds: int, generator: np.random.Generator
) -> list[Child]:
    """The children with their splits: those for test, and the others in folds. Raises InputError for too few children.

    Children are dealt out whole: those for test come as near to `test_share` of all pairs as whole children can, then
    the folds as near as they can to equal parts of the rest. The paper's numbers (65 for test, 3 x 123) are met exactly.
    """
    if len(children) < 1 + folds:
        raise InputError(f"at least {1 + folds} children, for test and each fold", f"{len(children)}", "take more")
    order = [children[i] for i in generator.permutation(len(children))]
    total = sum(len(child.pairs) for child in children)
    test, order = _deal(order, round(test_share * total), folds)
    parts = {child.name: ("test", "") for child in test}
    for fold in range(folds):
        left = folds - fold
        rest = sum(len(child.pairs) for child in order)
        part, order = _deal(order, round(rest / left), left - 1)
        parts |= {child.name: ("train", str(fold) if folds > 1 else "") for child in part}
    return [Child(child.name, child.ages, *parts[child.name]) for child in children]


def _deal(children: Sequence[Child], wanted: int, leave: int) -> tuple[list[Child], list[Child]]:
    """Whole children, at least one and leaving at least `leave`, whose pairs sum up as near to `wanted` as can be; the rest.

    Of all such groups one whose share of the children is nearest to its share of the pairs, the first met in the order
    given. With none to leave it is everyone.
    """
    if leave == 0:
        return list(children), []
    ways: dict[tuple[int, int], tuple[int, ...]] = {(0, 0): ()}  # (children, pairs) -> who
    for index, child in enumerate(children):
        for (count, pairs), who in list(ways.items()):
            reached = (count + 1, pairs + len(child.pairs))
            if reached[0] <= len(children) - leave and reached[1] <= wanted + len(children):
                ways.setdefault(reached, (*who, index))
    usable = [state for state in ways if state[0] > 0] or [(1, 0)]
    share = wanted / sum(len(child.pairs) for child in children) * len(children)  # of the children
    best = min(usable, key=lambda state: (abs(state[1] - wanted), abs(state[0] - share)))
    chosen = set(ways.get(best, (0,)))
    return [c for i, c in enumerate(children) if i in chosen], [c for i, c in enumerate(children) if i not in chosen]


def draw_ages(scans: int, generator: np.random.Generator) -> tuple[float, ...]:
    """Ages (years) of a child's scans: gamma-distributed intervals that fit into childhood, begun anywhere that they fit.

    Over the full design the intervals are 1.15 +- 0.62 years (paper: 1.15 +- 0.68).
    """
    mean, spread = INTERVAL
    room = CHILDHOOD[1] - CHILDHOOD[0]
    for _ in range(TRIES):
        steps = generator.gamma((mean / spread) ** 2, spread**2 / mean, scans - 1)
        if steps.sum() <= room and steps.min() >= SHORTEST:
            break
    else:
        steps = np.full(scans - 1, room / (scans - 1))
    start = generator.uniform(CHILDHOOD[0], CHILDHOOD[1] - steps.sum())
    return tuple(float(age) for age in start + np.concatenate([[0.0], np.cumsum(steps)]))


def pair_case(
    scanner: Scanner, child: Child, scans: Sequence[Scan], pair: tuple[int, int], with_truth: bool
) -> tuple[Case, float | None]:
    """The case of two scans of a child and the residual of its truth in mm, if it has one."""
    moving, fixed = (scans[i] for i in pair)
    truth, residual = scanner.truth(moving, fixed) if with_truth else (None, None)
    attributes = {
        "split": child.split, "subject": child.name, "moving_age": f"{moving.age:.3f}", "fixed_age": f"{fixed.age:.3f}",
        "interval": f"{fixed.age - moving.age:.3f}",
    }  # fmt: skip
    if child.fold:
        attributes["fold"] = child.fold
    return Case(
        f"{child.name}-{pair[0] + 1}-{pair[1] + 1}", scanner.frame, fixed.image, moving.image,
        fixed_labels=fixed.labels, moving_labels=moving.labels, fixed_mask=fixed.brain, moving_mask=moving.brain,
        truth=truth, attributes=attributes,
    ), residual  # fmt: skip
