"""ANHIR: neighbouring sections of tissue in different stains, with landmarks."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case
from wbir.cohorts._scans import write_cohort
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.files import read_rows
from wbir.geometry.frames import Frame

COHORT = {
    "title": "ANHIR, stained sections",
    "reference": "Borovec et al., ANHIR: Automatic Non-rigid Histological Image Registration Challenge, IEEE Trans. Medical"
    " Imaging 39(10), 2020",
    "describes": "Sections of eight kinds of tissue in several stains, side by side: 481 pairs, of which 230 (status"
    " training, split train) have the landmarks of both; of the others (evaluation, split test) those of the target are"
    " withheld, and the cases have none. Fixed is the target, moving the source. Grey by luminance; the pictures differ in"
    " size and are padded with their own background, by whole pixels, so that their middles meet; the masks say what was"
    " photographed. Nothing is aligned and no picture is rescaled against the other. `shrink` makes both coarser."
    " Axis 0 is to the right, axis 1 upwards; the unit of length is the pixel.",
    "datasets": ["anhir"],
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 12000,
    "runtime": 600,
    "parameters": {
        "pairs": {"train": None, "test": None},  # so many drawn by the seed; None: all
        "shrink": 1,  # pixels of the file along each side of a pixel of the case
    },
    "tiny": {},
    "dims": 2,
}
SPLITS = {"training": "train", "evaluation": "test"}
LISTING = "dataset_medium.csv"


@dataclass(frozen=True)
class Section:
    """A stained section: picture in [0, 1] `(width, height)` and its landmarks in file order by their names, `(2,)` each."""

    picture: np.ndarray
    landmarks: Mapping[str, np.ndarray]


def build(
    folder: Path, *, source: str, data: Mapping[str, Path], seed: int, pairs: Mapping[str, int | None], shrink: int
) -> None:
    """Write cases `pair-000` and so on, by the first column of the list.

    data: the folder of `anhir` with `dataset_medium.csv` and what it lists, `TISSUE/scale-Npc/STAIN.jpg` (or png) and
    `.csv`. Pairs whose pictures are not there are left out and named. Raises InputError where none is left, for more
    pairs than there are, and for what is damaged.
    """
    tree = Tree("anhir", data["anhir"])
    rows, absent = _listed(tree)
    if absent:
        print(f"anhir: pictures of {len(absent)} pairs are not there: {', '.join(absent[:9])}, …", file=sys.stderr)
    cases = (_case(tree, row, shrink) for row in _drawn(rows, pairs, seed))
    about = {"pairs": dict(pairs), "shrink": shrink}
    write_cohort(folder, COHORT, cases, source=source, seed=seed, parameters=about, left_out=absent, unit="pixel")


def _listed(tree: Tree) -> tuple[list[dict[str, str]], list[str]]:
    """The pairs of the list whose pictures are there, each with its `id` and `split`, and the names of the others."""
    rows, absent = [], []
    for n, row in enumerate(read_rows(tree.one(LISTING))):
        missing = {"Source image", "Target image", "status"} - set(row)
        if missing:
            raise InputError(f"the columns of {LISTING}", f"none called {sorted(missing)}", "fetch it again")
        status = row["status"].strip().lower()
        if status not in SPLITS:
            raise InputError(f"a status of {list(SPLITS)} in {LISTING}", repr(row["status"]), "fetch it again")
        name = f"pair-{int(row.get('') or n):03d}"
        if tree.find(row["Source image"]) and tree.find(row["Target image"]):
            rows.append({**row, "id": name, "split": SPLITS[status]})
        else:
            absent.append(name)
    return rows, absent


def _drawn(rows: Sequence[dict[str, str]], pairs: Mapping[str, int | None], seed: int) -> Iterator[dict[str, str]]:
    if set(pairs) - set(SPLITS.values()):
        raise InputError(f"numbers of pairs by split of {list(SPLITS.values())}", f"{dict(pairs)}", "correct `pairs`")
    for split in SPLITS.values():
        found, count = [row for row in rows if row["split"] == split], pairs.get(split, 0)
        if count is not None and not 0 <= count <= len(found):
            raise InputError(
                f"at most {len(found)} pairs of {split}", f"{count}", "ask for fewer, or complete the data set"
            )
        order = named_generator(seed, "pairs", split).permutation(len(found))[:count].tolist()
        yield from (found[i] for i in sorted(order))


def _case(tree: Tree, row: Mapping[str, str], shrink: int) -> Case:
    from wbir.cohorts._pictures import background, padded

    sections = {role: _section(tree, row, word, shrink) for role, word in (("fixed", "Target"), ("moving", "Source"))}
    shape = np.max([section.picture.shape for section in sections.values()], axis=0).tolist()
    common = [name for name in sections["fixed"].landmarks if name in sections["moving"].landmarks]
    arrays: dict[str, np.ndarray] = {}
    for role, section in sections.items():
        arrays[role], offset = padded(section.picture, shape, background(section.picture))
        arrays[f"{role}_mask"] = padded(np.ones(section.picture.shape, dtype=bool), shape, False)[0]
        if common:
            arrays[f"{role}_points"] = np.stack([section.landmarks[name] for name in common]) + np.array(offset)
    attributes = {
        "split": row["split"], "tissue": Path(row["Target image"]).parts[0], "fixed_stain": Path(row["Target image"]).stem,
        "moving_stain": Path(row["Source image"]).stem, "diagonal": row.get("Image diagonal [pixels]", ""),
    }  # fmt: skip
    return Case(row["id"], Frame.of(tuple(shape)), attributes=attributes, **arrays)


def _section(tree: Tree, row: Mapping[str, str], word: str, shrink: int) -> Section:
    from wbir.cohorts._pictures import places, read_picture, shrunk

    picture = read_picture(tree.one(row[f"{word} image"]))
    listed = row.get(f"{word} landmarks", "")
    path = tree.find(listed) if listed else None
    landmarks = {} if path is None else read_landmarks(path)
    if landmarks:
        indices = places(np.stack(list(landmarks.values())), picture.shape[1])
        landmarks = dict(zip(landmarks, (indices - (shrink - 1) / 2) / shrink, strict=True))
    return Section(shrunk(picture, shrink), landmarks)


def read_landmarks(path: Path) -> dict[str, np.ndarray]:
    """The landmarks of a table `,X,Y` by the names in its column without a title: column and row, the row from the top.

    They are taken to count from 0 at the top left pixel, as ImageJ does; whether all of ANHIR does is not known to us, and
    a pixel more or less would shift both landmarks of a pair alike. Raises InputError for a table without X and Y.
    """
    rows = read_rows(path)
    first = next((key for key in (rows[0] if rows else ()) if key.strip() not in ("X", "Y")), None)
    try:
        return {row[first] if first is not None else str(n): np.array([float(row["X"]), float(row["Y"])])
                for n, row in enumerate(rows)}  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"numbers X and Y in {path}", f"{error!r}", "fetch it again") from error
