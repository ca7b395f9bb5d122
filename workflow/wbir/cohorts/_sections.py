"""Serial sections of blocks of tissue, in their order: pairs of near sections with the labels of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case
from wbir.cohorts._scans import write_cohort
from wbir.errors import InputError
from wbir.geometry.frames import Frame

LABELS = {1: "mitochondria"}
PIXEL_MM = 5e-6  # 5 nm along each axis of the EPFL hippocampus
UNIT = "pixel: what is said to be mm counts pixels"
Section = tuple[np.ndarray, np.ndarray]  # image in [0, 1] and labels (int16), both (width, height)
Block = tuple[Sequence[int], Callable[[int], Section]]  # numbers of the sections in order, and how to read one


def write_sections(
    folder: Path, spec: Mapping[str, Any], block: Callable[[str], Block], splits: Mapping[str, str], *,
    source: str, seed: int, volumes: Sequence[str], sections: int | None, step: int,
) -> None:  # fmt: skip
    """Write the pairs of the blocks `volumes`, which are keys of `splits`; of each the first `sections` (None: all).

    Raises InputError for an unknown block, a step below 1, fewer than two sections, and as `block` does.
    """
    if not volumes or set(volumes) - set(splits) or step < 1:
        raise InputError(
            f"volumes of {list(splits)} and a step of 1 or more", f"{list(volumes)}, {step}", "correct them"
        )
    cases = chain.from_iterable(_pairs(name, splits[name], block(name), sections, step) for name in volumes)
    about = {"volumes": list(volumes), "sections": sections, "step": step}
    write_cohort(
        folder, spec, cases, source=source, seed=seed, labels=LABELS, parameters=about, unit=UNIT, pixel_mm=PIXEL_MM
    )


def _pairs(volume: str, split: str, block: Block, sections: int | None, step: int) -> Iterator[Case]:
    """Cases `VOLUME-000-001`: fixed the section 000, moving the one `step` places further."""
    everything, read = block
    numbers = list(everything)[:sections]
    if len(numbers) <= step:
        raise InputError(f"more than {step} sections of {volume}", f"{len(numbers)}", "complete it, or ask for others")
    kept = lru_cache(maxsize=step + 1)(read)
    for fixed, moving in zip(numbers, numbers[step:], strict=False):
        (one, its_labels), (other, other_labels) = kept(fixed), kept(moving)
        attributes = {
            "split": split, "volume": volume, "fixed_section": f"{fixed:03d}", "moving_section": f"{moving:03d}",
        }  # fmt: skip
        yield Case(
            f"{volume}-{fixed:03d}-{moving:03d}", Frame.of(one.shape), one, other, its_labels, other_labels,
            attributes=attributes,
        )  # fmt: skip
