"""Partial sections of mouse brains and the plates of the Allen reference atlas that they belong to: paper 18's own set."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from wbir.cases import Case
from wbir.cohorts._scans import write_cohort
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Mouse brain sections and the plates of the Allen reference atlas",
    "reference": "Antanavicius, Leiras, Selvan, Identifying partial mouse brain microscopy images from Allen reference atlas"
    " using a contrastively learned semantic space, arXiv:2109.06662 (WBIR 2022, paper 18)",
    "describes": "Fixed is a confocal section of one of four brains, often partial, cut at an angle of its own; moving is the"
    " Nissl plate (of 132, 100 um apart) that an expert assigned to it. The authors' sets are the splits: train, val_1 and"
    " val_2 (validation, told apart by `set`), test. A fourth split, atlas, has a case for each plate, fixed and moving"
    " alike: the candidates among which a section is identified. Each picture is padded with its own background to a square"
    " about its middle and resized to `size`, so that nothing is aligned and scales differ. Axis 0 is to the right, axis 1"
    " upwards; the unit of length is the pixel.",
    "datasets": ["mouse-slices"],
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 8000,
    "runtime": 30,
    "parameters": {
        "size": 1024,  # pixels along each side; the paper took 224, 448 and 1024
    },
    "tiny": {"size": 32},
    "dims": 2,
}
SETS = {"train": "train", "val_1": "validation", "val_2": "validation", "test": "test"}
ENDINGS = (".tif", ".tiff", ".png", ".jpg", ".jpeg")


def build(folder: Path, *, source: str, data: Mapping[str, Path], seed: int, size: int) -> None:
    """Write cases `test-106`, `train-100_2` and so on, by the names of the files, and `atlas-001` to `atlas-132`.

    data: the folder of `mouse-slices` with `atlas/PLATE.jpg` and `train/`, `val_1/`, `val_2/`, `test/` of sections
    `PLATE.tif`, a second of the same plate `PLATE_2.tif`. Sections of a plate that is not there are left out and named.
    Raises InputError where plates or sections are missing altogether, and for damaged pictures.
    """
    tree = Tree("mouse-slices", data["mouse-slices"])
    plates = {int(path.stem): path for path in _pictures_in(tree, "atlas") if path.stem.isdigit()}
    if not plates:
        raise InputError("plates atlas/PLATE.jpg of mouse-slices", "none", "complete it; see docs/data-access.md")
    sections = [
        (name, path, int(match[1]))
        for name in SETS
        for path in _pictures_in(tree, name)
        if (match := re.fullmatch(r"(\d+)(_\d+)?", path.stem))
    ]
    left_out = [f"{name}-{path.stem}" for name, path, plate in sections if plate not in plates]
    if left_out:
        print(f"mouse-slices: the plates of {left_out} are not there: left out", file=sys.stderr)
    known = [(name, path, plate) for name, path, plate in sections if plate in plates]
    if not known:
        raise InputError(
            f"sections in {', '.join(SETS)} of mouse-slices", "none", "complete it; see docs/data-access.md"
        )
    write_cohort(
        folder, COHORT, _cases(known, plates, size), source=source, seed=seed, parameters={"size": size},
        left_out=left_out, unit="pixel",
    )  # fmt: skip


def squared(picture: np.ndarray, size: int) -> np.ndarray:
    """The picture in the middle of a square of its own background, with `size` pixels along each side."""
    from wbir.cohorts._pictures import background, padded, resized

    return resized(padded(picture, (max(picture.shape),) * 2, background(picture))[0], size)


def _pictures_in(tree: Tree, folder: str) -> list[Path]:
    return [path for path in tree.all(f"{folder}/*") if path.suffix.lower() in ENDINGS]


def _cases(sections: list[tuple[str, Path, int]], plates: Mapping[int, Path], size: int) -> Iterator[Case]:
    from wbir.cohorts._pictures import read_picture

    frame = Frame.of((size, size))
    atlas = {number: squared(read_picture(path), size) for number, path in sorted(plates.items())}
    for name, path, plate in sections:
        attributes = {"split": SETS[name], "set": name, "plate": str(plate)}
        yield Case(f"{name}-{path.stem}", frame, squared(read_picture(path), size), atlas[plate], attributes=attributes)
    for plate, picture in atlas.items():
        attributes = {"split": "atlas", "set": "atlas", "plate": str(plate)}
        yield Case(f"atlas-{plate:03d}", frame, picture, picture, attributes=attributes)
