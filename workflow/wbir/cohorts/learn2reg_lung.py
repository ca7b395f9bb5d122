"""CTs of breathing lungs, Learn2Reg's task LungCT (2020 Task 2, release 1.11): exhale fixed, inhale moving, with keypoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from wbir.cases import Case
from wbir.cohorts._learn2reg import POINTS, Task, index_pair
from wbir.cohorts._scans import Pair, write_cohort
from wbir.data.tree import Tree
from wbir.errors import InputError, require_known

COHORT = {
    "title": "Learn2Reg LungCT",
    "reference": "Hering, Murphy, van Ginneken, Learn2Reg Challenge: CT Lung Registration, doi:10.5281/zenodo.3835682 (2020)",
    "describes": "Pairs of one person's CTs, fixed at the end of expiration (where the lungs are not wholly in view) and moving in"
    " inspiration, 192 x 192 x 208 voxels (HU), with masks of the lungs and points: keypoints found by an algorithm with their"
    " correspondences, or landmarks that people set (the pairs 1 to 3 alone). The official splits: validation 1 to 3, training 4 to 20,"
    " test 21 to 30. The challenge compares voxel by voxel: both scans have the fixed frame, and millimetres are those of its header."
    " No label tells left from right: the axes are the headers'.",
    "sources": ["public", "local"],
    "datasets": ["learn2reg-lung"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 3000,
    "runtime": 30,
    "parameters": {
        "points": "keypoints",  # or landmarks
        "pairs": None,  # their numbers, 1 to 30; None: all that are there
    },
    "tiny": {},
    "dims": 3,
}  # fmt: skip


def build(
    folder: Path, *, source: str, data: Mapping[str, Path], seed: int, points: str, pairs: Sequence[int] | None
) -> None:
    """Write cases `learn2reg-NN`. The seed has no part in it.

    data: the folder of `learn2reg-lung`, with LungCT_dataset.json and what it names. Pairs that are missing are left out; a
    pair without such points is a case without points. Raises InputError where a pair that `pairs` names, or every pair, is missing.
    """
    require_known({"points": (points, POINTS)}, "of learn2reg_lung")
    task = Task.open(Tree("learn2reg-lung", Path(data["learn2reg-lung"])), "LungCT")
    chosen = choose(task, pairs)
    write_cohort(
        folder, COHORT, _cases(task, chosen, points), source=source, seed=seed,
        parameters={"points": points, "pairs": None if pairs is None else list(pairs)}, left_out=task.left_out,
    )  # fmt: skip


def choose(task: Task, numbers: Sequence[int] | None) -> dict[int, tuple[str, Pair]]:
    """Split and pair by number. Raises InputError for a number that is not there."""
    found: dict[int, tuple[str, Pair]] = {}
    lists = {"train": "training_paired_images", "validation": "registration_val", "test": "registration_test"}
    for split, key in lists.items():  # the validation pairs are among the training ones
        found |= {int(pair[0].split("_")[0]): (split, pair) for pair in task.pairs(key)}
    missing = [number for number in numbers or () if number not in found]
    if missing:
        raise InputError(
            f"pairs {missing} of learn2reg-lung", f"pairs {sorted(found)}", "correct `pairs`, or complete the folder"
        )
    return {number: found[number] for number in sorted(found) if numbers is None or number in numbers}


def _cases(task: Task, chosen: Mapping[int, tuple[str, Pair]], points: str) -> Iterator[Case]:
    for number, (split, (fixed, moving)) in chosen.items():
        name = f"learn2reg-{number:02d}"
        attributes = {"split": split, "centre": "learn2reg", "subject": name}
        yield index_pair(name, task.read(fixed, points), task.read(moving, points), attributes)
