"""What the two releases of the OASIS brains share: 35 structures, Learn2Reg's numbers of the subjects, and its split of 2021."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from wbir.cases import Case
from wbir.cohorts._learn2reg import index_pair
from wbir.cohorts._scans import Pair, Scan, draw_pairs
from wbir.errors import InputError

LATERAL = (
    "cerebral white matter", "cerebral cortex", "lateral ventricle", "inf lat vent", "cerebellum white matter",
    "cerebellum cortex", "thalamus", "caudate", "putamen", "pallidum", "hippocampus", "amygdala", "accumbens area",
    "ventraldc", "vessel", "choroid plexus",
)  # fmt: skip
MIDDLE = ("3rd ventricle", "4th ventricle", "brain stem")
LEFT, RIGHT = ([f"{side} {name}" for name in LATERAL] for side in ("left", "right"))
STRUCTURES = dict(enumerate([*LEFT[:10], *MIDDLE, *LEFT[10:], *RIGHT], start=1))  # FreeSurfer's names, numbered 1 to 35
OFFICIAL = [(n, n + 1) for n in range(395, 414)]  # the 19 validation pairs of Learn2Reg 2021, by number
CACHED = 8  # scans in memory


class Chosen(NamedTuple):
    """A pair with its split, and the part of the challenge that its subjects are of."""

    split: str
    part: str
    pair: Pair


def choose(
    training: Sequence[str], official: Sequence[Pair], pairs: Mapping[str, int | None], held_out: int, seed: int
) -> list[Chosen]:
    """Pairs of the training subjects for `train`, of `held_out` others of them for `validation`, and the official ones for `test`.

    pairs: how many of `train` and `validation`, drawn by the seed; None is every ordered pair. Raises InputError where there are
    fewer subjects or pairs than asked for.
    """
    if set(pairs) - {"train", "validation"}:
        raise InputError("numbers of pairs for train and validation", f"{dict(pairs)}", "correct the parameter `pairs`")
    if not 0 <= held_out <= len(training):
        raise InputError(f"0 to {len(training)} subjects held out", f"{held_out}", "correct the parameter `held_out`")
    generator = np.random.default_rng(seed)
    order = [training[n] for n in generator.permutation(len(training))]
    groups = {"train": order[held_out:], "validation": order[:held_out]}
    chosen = [
        Chosen(split, "train", pair)
        for split, group in groups.items()
        for pair in draw_pairs(group, pairs.get(split, 0), generator)
    ]
    return [*chosen, *(Chosen("test", "validation", pair) for pair in official)]


def cases(chosen: Iterable[Chosen], read: Callable[[str], Scan], names: Mapping[str, str]) -> Iterator[Case]:
    """Cases `NNNN-MMMM` by the first four digits of the scans' numbers, which are Learn2Reg's of the subjects.

    names: of the subjects by scan, as the attributes have them.
    """
    cached = lru_cache(maxsize=CACHED)(read)
    for split, part, (fixed, moving) in chosen:
        attributes = {"split": split, "part": part, "fixed_subject": names[fixed], "moving_subject": names[moving]}
        yield index_pair(f"{fixed[:4]}-{moving[:4]}", cached(fixed), cached(moving), attributes)
