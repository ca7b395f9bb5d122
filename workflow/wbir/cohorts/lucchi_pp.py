"""Lucchi++: the sections of EPFL's hippocampus with mitochondria outlined anew."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wbir.cohorts._sections import Block, Section, write_sections
from wbir.data.tree import Tree

COHORT = {
    "title": "Lucchi++, electron microscopy",
    "reference": "Casser, Kang, Pfister, Haehn, Fast mitochondria detection for connectomics, MIDL 2020",
    "describes": "The two blocks of EPFL's hippocampus (5 nm), their mitochondria outlined anew by experts. Fixed is a"
    " section, moving the one that follows it (or the one `step` further). The sections lie aligned as they are: a test"
    " of alignment has to move them first. Axis 0 is to the right, axis 1 upwards in the pictures; the unit of length is"
    " the pixel.",
    "datasets": ["lucchi-pp"],
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 1500,
    "runtime": 30,
    "parameters": {
        "volumes": ["Train", "Test"],  # blocks: splits train and test
        "sections": None,  # the first so many of each block; None: all
        "step": 1,  # from the fixed to the moving section
    },
    "tiny": {"sections": 3},
    "dims": 2,
}
SPLITS = {"Train": "train", "Test": "test"}
WHITE = 0.5  # mitochondria are white in the outlines


def build(
    folder: Path, *, source: str, data: Mapping[str, Path], seed: int, volumes: Sequence[str], sections: int | None,
    step: int,
) -> None:  # fmt: skip
    """Write cases `Train-000-001` and so on, by the numbers of the files.

    data: the folder of `lucchi-pp` with `Train_In/maskNNNN.png` (the images, in spite of their name), `Train_Out/N.png`
    (the mitochondria) and the same of `Test`. Sections without outlines are left out. Raises InputError for damaged or
    unlike pictures, and as `write_sections` does.
    """
    tree = Tree("lucchi-pp", data["lucchi-pp"])
    write_sections(
        folder, COHORT, lambda name: _block(tree, name), SPLITS,
        source=source, seed=seed, volumes=volumes, sections=sections, step=step,
    )  # fmt: skip


def _block(tree: Tree, volume: str) -> Block:
    from wbir.cohorts._pictures import read_picture

    images, truth = _numbered(tree, f"{volume}_In/*.png"), _numbered(tree, f"{volume}_Out/*.png")
    alone = sorted(set(images) ^ set(truth))
    if alone:
        print(f"lucchi-pp: sections {alone} of {volume} lack an image or outlines: left out", file=sys.stderr)

    def section(number: int) -> Section:
        return read_picture(images[number]), (read_picture(truth[number]) > WHITE).astype(np.int16)

    return sorted(set(images) & set(truth)), section


def _numbered(tree: Tree, pattern: str) -> dict[int, Path]:
    """Files by the last number in their names."""
    found = {path: re.findall(r"\d+", path.stem) for path in tree.all(pattern)}
    return {int(numbers[-1]): path for path, numbers in found.items() if numbers}
