"""Abdominal CTs of different people, Learn2Reg's task AbdomenCTCT (2020 Task 3): 13 organs, the official test pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from wbir.cases import Case
from wbir.cohorts._learn2reg import Task, index_pair
from wbir.cohorts._scans import Pair, write_cohort
from wbir.cohorts.abdomen_ct import pairs as neighbours
from wbir.data.tree import Tree
from wbir.errors import InputError

COHORT = {
    "title": "Learn2Reg AbdomenCTCT",
    "reference": "Learn2Reg 2020 Task 3; Xu et al., Evaluation of six registration methods for the human abdomen on clinically acquired"
    " CT, IEEE TBME 63, 1563-1572 (2016)",
    "describes": "CTs of 30 people in the portal venous phase, linearly pre-registered, 192 x 160 x 256 voxels of 2 mm (HU), 13 organs"
    " outlined. Test: the official validation pairs, all 45 of scans 1, 4, 7, ..., 28; training: pairs of the other 20 (the 20 scans"
    " of the challenge's test have no public labels and are left out). The label maps decide the axes, not the headers: in the"
    " released maps the first axis runs to the patient's left though the header says right, since the liver lies where it starts and"
    " the spleen where it ends (15 of 15 maps looked at). Arrays are turned to right, front, up. Label 12 lies on the liver's side and"
    " 13 on the spleen's in all of them: they are named right and left adrenal gland, where the task's own list says left and right.",
    "sources": ["public", "local"],
    "datasets": ["learn2reg-abdomen"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 60,
    "parameters": {
        "train_pairs": 40,  # of unordered pairs, each scan in about as many; the seed shuffles the scans
        "test_pairs": None,  # of the 45 official ones, drawn by the seed; None: all
    },
    "tiny": {"train_pairs": 1},
    "dims": 3,
}  # fmt: skip
CACHED = 10  # scans in memory: a test pair's are among ten


def build(
    folder: Path, *, source: str, data: Mapping[str, Path], seed: int, train_pairs: int, test_pairs: int | None
) -> None:
    """Write cases `NNNN-MMMM` (fixed, moving scan), with attributes `fixed_subject` and `moving_subject`.

    data: the folder of `learn2reg-abdomen`, with AbdomenCTCT_dataset.json and what it names. Scans that are missing are left
    out. Raises InputError where there is none, or fewer pairs than asked for.
    """
    from wbir.anatomy.abdomen_person import ORGANS
    from wbir.anatomy.directions import ABDOMEN

    task = Task.open(Tree("learn2reg-abdomen", Path(data["learn2reg-abdomen"])), "AbdomenCTCT", ABDOMEN)
    chosen = choose(task, train_pairs, test_pairs, seed)
    parameters = {"train_pairs": train_pairs, "test_pairs": test_pairs}
    write_cohort(
        folder, COHORT, _cases(task, chosen), source=source, seed=seed, labels=ORGANS,
        parameters=parameters, axes=task.axes, left_out=task.left_out,
    )  # fmt: skip


def choose(task: Task, train_pairs: int, test_pairs: int | None, seed: int) -> dict[str, list[Pair]]:
    """The pairs of `train` and `test`; no scan is in both. Raises InputError where there are fewer than asked for."""
    generator = np.random.default_rng(seed)
    labelled = [number for number, files in task.scans.items() if "label" in files]
    official = [pair for pair in task.pairs("registration_val") if set(pair) <= set(labelled)]
    held_out = {number for pair in task.named_pairs("registration_val") for number in pair}
    training = [str(n) for n in generator.permutation([n for n in labelled if n not in held_out])]
    most = {"train": len(training) * (len(training) - 1) // 2, "test": len(official)}
    for split, count in (("train", train_pairs), ("test", test_pairs or 0)):
        if not 0 <= count <= most[split]:
            raise InputError(f"0 to {most[split]} {split} pairs", f"{count}", "ask for fewer, or complete the folder")
    if test_pairs is not None:
        official = [official[n] for n in sorted(generator.choice(len(official), test_pairs, replace=False))]
    train = [(training[a - 1], training[b - 1]) for a, b in neighbours(len(training), train_pairs)]
    return {"train": train, "test": official}


def _cases(task: Task, chosen: Mapping[str, Sequence[Pair]]) -> Iterator[Case]:
    read = lru_cache(maxsize=CACHED)(task.read)
    for split, pairs in chosen.items():
        for pair in pairs:
            fixed, moving = (number.split("_")[0] for number in pair)
            attributes = {"split": split, "fixed_subject": fixed, "moving_subject": moving}
            yield index_pair(f"{fixed}-{moving}", read(pair[0]), read(pair[1]), attributes)
