"""T1-weighted brains of OASIS-1 with 35 structures, as Learn2Reg 2021 Task 3 has them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wbir.cohorts._learn2reg import Task
from wbir.cohorts._oasis import STRUCTURES, Chosen, cases, choose
from wbir.cohorts._scans import write_cohort
from wbir.data.tree import Tree

COHORT = {
    "title": "Learn2Reg OASIS",
    "reference": "Learn2Reg 2021 Task 3; Hoopes et al., HyperMorph, IPMI 2021; Marcus et al., OASIS, J. Cogn. Neurosci. 19 (2007)",
    "describes": "Skull-stripped, bias-corrected T1-weighted MRI of 414 adults with 35 structures (FreeSurfer and SAMSEG),"
    " affinely aligned, 160 x 224 x 192 voxels of 1 mm, intensities 0 to 1. Test (`part: validation`): the 19 official"
    " validation pairs of 20 subjects. Training: pairs of the other 394, drawn by the seed; validation: pairs of some of"
    " these 394 that are held out of training. The labels of the challenge's 38 test pairs are withheld: its images alone"
    " can be had as cases of `part: test`. The structures tell the axes, not the headers, which we have not seen: arrays"
    " are turned to right, front, up.",
    "sources": ["public", "local"],
    "datasets": ["learn2reg-oasis"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 240,
    "parameters": {
        "pairs": {"train": 394, "validation": 19},  # None: every ordered pair
        "held_out": 20,  # subjects of the validation pairs
        "withheld": False,  # also the 38 test pairs, without labels
    },
    "tiny": {"pairs": {"train": 2, "validation": 0}, "held_out": 0},
    "dims": 3,
}  # fmt: skip


def build(
    folder: Path, *, source: str, data: Mapping[str, Path], seed: int, pairs: Mapping[str, int | None], held_out: int,
    withheld: bool,
) -> None:  # fmt: skip
    """Write cases `NNNN-MMMM` (fixed, moving number).

    data: the folder of `learn2reg-oasis`, with OASIS_dataset.json and what it names. Scans that are missing are left out. Raises
    InputError where there is none, or fewer pairs than asked for.
    """
    from wbir.anatomy.directions import BRAIN_35

    task = Task.open(Tree("learn2reg-oasis", Path(data["learn2reg-oasis"])), "OASIS", BRAIN_35)
    labelled = [number for number, files in task.scans.items() if "label" in files]
    held = {number for pair in task.named_pairs("registration_val") for number in pair}
    official = [pair for pair in task.pairs("registration_val") if set(pair) <= set(labelled)]
    chosen = choose([n for n in labelled if n not in held], official, pairs, held_out, seed)
    if withheld:
        chosen += [Chosen("test", "test", pair) for pair in task.pairs("registration_test")]
    numbers = {number: number.split("_")[0] for number in task.scans}
    write_cohort(
        folder, COHORT, cases(chosen, task.read, numbers), source=source, seed=seed, labels=STRUCTURES,
        parameters={"pairs": dict(pairs), "held_out": held_out, "withheld": withheld}, axes=task.axes, left_out=task.left_out,
    )  # fmt: skip
