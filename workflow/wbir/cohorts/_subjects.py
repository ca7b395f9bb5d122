"""Scans of many people in pairs: who is in which split, which pairs, each subject read once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from wbir.cases import Case
from wbir.cohorts._scans import Pair, Scan, draw_pairs, pair
from wbir.errors import InputError

SPLITS = ("train", "validation", "test")
OTHERS = "all others"
KEPT = 6  # scans held at a time: pairs of one fixed subject follow each other

Counts = Mapping[str, int | None]  # by split
Groups = Mapping[str, Sequence[str]]  # subjects by split
Chosen = list[tuple[str, Pair]]  # split, (fixed, moving)


def deal(subjects: Sequence[str], counts: Counts, seed: int) -> dict[str, list[str]]:
    """Subjects for each split, drawn by the seed, in their own order; a count of None takes those that are left.

    Raises InputError for an unknown split, two splits without a count, or more subjects than there are.
    """
    _check_splits(counts)
    asked = sum(count or 0 for count in counts.values())
    if asked > len(subjects) or sum(count is None for count in counts.values()) > 1:
        got = f"{dict(counts)}"
        raise InputError(f"at most {len(subjects)} subjects in all, one split without a number", got, "ask for fewer")
    order = np.random.default_rng(seed).permutation(len(subjects)).tolist()
    groups: dict[str, list[str]] = {}
    for split in sorted(counts, key=lambda name: counts[name] is None):  # the rest comes last
        count = counts[split]
        share, order = (order, []) if count is None else (order[:count], order[count:])
        groups[split] = [subjects[n] for n in sorted(share)]
    return {split: groups[split] for split in SPLITS if split in groups}


def choose_pairs(
    groups: Groups, counts: Counts, seed: int, *, fixed: str | None = None, moving: str | Sequence[str] = OTHERS
) -> Chosen:
    """Pairs (fixed, moving) of different subjects of one split, drawn by the seed; sorted by split, fixed, moving.

    counts: pairs of each split; None is every one. fixed: one subject that is the fixed one of every pair, whatever its
    split; a pair then has the split of its moving subject. moving: the only subjects that may move.

    Raises InputError for a subject that is not there, an unknown split or more pairs than there are.
    """
    _check_splits(counts)
    known = {subject for subjects in groups.values() for subject in subjects}
    movers = known if moving == OTHERS else {moving} if isinstance(moving, str) else set(moving)
    for subject in sorted(movers | ({fixed} if fixed is not None else set())):
        if subject not in known:
            raise InputError(f"subjects among {', '.join(sorted(known))}", subject, "correct `fixed` or `moving`")
    generator = np.random.default_rng(seed)
    chosen: Chosen = []
    for split in SPLITS:
        subjects, count = list(groups.get(split, [])), counts.get(split, 0)
        if fixed is None and moving == OTHERS:
            pairs = draw_pairs(subjects, count, generator)
        else:
            every = [(f, m) for m in subjects if m in movers for f in ([fixed] if fixed else subjects) if f != m]
            pairs = _draw(every, count, generator)
        chosen += [(split, couple) for couple in sorted(pairs)]
    return chosen


def pair_cases(
    chosen: Chosen, read: Callable[[str], Scan], attributes: Mapping[str, str] | None = None
) -> Iterator[Case]:
    """The cases `<fixed>-<moving>`, the moving scan on the fixed grid; `read` reads a subject, again only if long unused."""
    known = functools.lru_cache(maxsize=KEPT)(read)
    for split, (fixed, moving) in chosen:
        about = {"split": split, "fixed_subject": fixed, "moving_subject": moving, **(attributes or {})}
        yield pair(f"{fixed}-{moving}", known(fixed), known(moving), about)


def _draw(pairs: Sequence[Pair], count: int | None, generator: np.random.Generator) -> list[Pair]:
    if count is None:
        return list(pairs)
    if not 0 <= count <= len(pairs):
        raise InputError(f"at most {len(pairs)} pairs", f"{count}", "ask for fewer, or add subjects")
    return [pairs[n] for n in generator.choice(len(pairs), size=count, replace=False)] if count else []


def _check_splits(counts: Mapping[str, int | None]) -> None:
    if not set(counts) <= set(SPLITS) or any(count is not None and count < 0 for count in counts.values()):
        raise InputError(f"numbers of 0 or more for {', '.join(SPLITS)}", f"{dict(counts)}", "correct the parameter")
