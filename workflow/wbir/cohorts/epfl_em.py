"""The electron microscopy of a mouse hippocampus of EPFL: neighbouring sections with their mitochondria."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wbir.cohorts._sections import Block, Section, write_sections
from wbir.data.tree import Tree
from wbir.errors import InputError

COHORT = {
    "title": "EPFL hippocampus, electron microscopy",
    "reference": "Lucchi, Smith, Achanta, Knott, Fua, IEEE Trans. Medical Imaging 31(2), 2012",
    "describes": "Two blocks of a CA1 hippocampus, each 165 sections of 1024 x 768 pixels at 5 nm, 5 nm apart, with"
    " mitochondria outlined. Fixed is a section, moving the one that follows it (or the one `step` further). The"
    " sections lie aligned as they are: a test of alignment has to move them first. Axis 0 is to the right, axis 1"
    " upwards in the pictures; the unit of length is the pixel.",
    "datasets": ["epfl-em"],
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 2000,
    "runtime": 30,
    "parameters": {
        "volumes": ["training", "testing"],  # blocks: splits train and test
        "sections": None,  # the first so many of each block; None: all
        "step": 1,  # from the fixed to the moving section
    },
    "tiny": {"sections": 3},
    "dims": 2,
}
SPLITS = {"training": "train", "testing": "test"}


def build(
    folder: Path, *, source: str, data: Mapping[str, Path], seed: int, volumes: Sequence[str], sections: int | None,
    step: int,
) -> None:  # fmt: skip
    """Write cases `training-000-001` and so on; section 0 is the first page.

    data: the folder of `epfl-em` with `training.tif`, `training_groundtruth.tif` and the same of `testing`. Raises
    InputError for a missing or damaged stack, stacks whose pages do not match, and as `write_sections` does.
    """
    tree = Tree("epfl-em", data["epfl-em"])
    write_sections(
        folder, COHORT, lambda name: _block(tree, name), SPLITS,
        source=source, seed=seed, volumes=volumes, sections=sections, step=step,
    )  # fmt: skip


def _block(tree: Tree, volume: str) -> Block:
    from wbir.cohorts._pictures import grey, read_pages, upright

    images, truth = (read_pages(tree.one(f"{volume}{end}.tif")) for end in ("", "_groundtruth"))
    if images.shape != truth.shape:
        got = f"{images.shape} and {truth.shape}"
        raise InputError(f"{volume}.tif and {volume}_groundtruth.tif with the same pages", got, "fetch them again")

    def section(number: int) -> Section:
        return grey(images[number]), upright(truth[number] > 0).astype(np.int16)

    return range(len(images)), section
