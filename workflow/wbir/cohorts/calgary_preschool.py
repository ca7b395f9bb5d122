"""Calgary Preschool: T1 heads of children of 2 to 8 years, paired within a child from the younger scan to the older."""

from __future__ import annotations

import csv
import functools
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wbir.cases import Case
from wbir.cohorts._scans import Scan, pair, read_scan, write_cohort
from wbir.cohorts.pediatric_brain import LABELS, Child, deal_children
from wbir.data.tree import Tree
from wbir.errors import InputError

COHORT = {
    "title": "Calgary Preschool, longitudinal",
    "reference": "Reynolds et al., Calgary Preschool magnetic resonance imaging (MRI) dataset, Data in Brief 29, 2020",
    "describes": "T1-weighted MRI (GE 3T, FSPGR BRAVO) of children, each scanned several times. Pairs are all pairs of a"
    " child's scans, moving the younger, fixed the older one, on the fixed grid by world coordinates, with native"
    " intensities. Paper 24 has 434 pairs from 247 scans of 64 children, 65 of them for test and three folds of 123; which"
    " children it took is not said. Children are dealt out whole, as near to its shares as can be, unless the table of"
    " sessions has splits. Tissue labels (1 WM, 2 GM, 3 CSF) and brain masks are not part of the data set: paper 24"
    " carried them over from the MNI paediatric template. They are read where a person put them beside an image.",
    "sources": ["public", "local"],
    "datasets": ["calgary-preschool"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 8000,
    "runtime": 240,
    "parameters": {
        "test_share": 0.15,  # of the pairs, by child
        "folds": 3,  # parts of the other pairs, by child; 1 gives the pairs no attribute `fold`
    },
    "tiny": {"test_share": 0.34, "folds": 2},
    "dims": 3,
}
DATASET = "calgary-preschool"
TABLES = ("sessions.tsv", "sessions.csv")
NEEDED = ("participant_id", "session_id", "age")
ENDINGS = (".nii.gz", ".nii")
KEPT = 8  # scans of a child held at a time


@dataclass(frozen=True)
class Session:
    """A line of the table: a child's scan at an age in years, with the split and fold that the table gives, if any."""

    child: str
    session: str
    age: float
    image: str = ""  # the end of its path, where it has no BIDS name
    split: str = ""
    fold: str = ""

    @property
    def name(self) -> str:
        return f"{self.child}, session {self.session}"


def build(
    folder: Path, *, source: str, data: Mapping[str, Path] | None, seed: int, test_share: float, folds: int
) -> None:  # fmt: skip
    """Write the cohort: cases `<child>-1-3` for the first and third scan of a child, counted by age.

    data: the folder of `calgary-preschool` with images and a table of sessions, as docs/data-access.md has it. Raises
    InputError for a missing folder or table, a table that cannot be used, and too few children for the folds.
    """
    if data is None:
        raise InputError(f"a data folder for {DATASET}", "none", "name the folder (see docs/data-access.md)")
    tree = Tree(DATASET, Path(data[DATASET]))
    images: dict[Session, Path] = {}
    missing = []
    for session in read_sessions(tree):
        if path := image_of(tree, session):
            images[session] = path
        else:
            missing.append(session.name)
    if missing:
        print(f"{DATASET}: no image, left out: {'; '.join(missing)}", file=sys.stderr)
    scans: dict[str, list[Session]] = {}
    for session in sorted(images, key=lambda s: (s.child, s.age)):
        scans.setdefault(session.child, []).append(session)
    children = [child_of(found) for found in scans.values() if len(found) > 1]
    if not all(child.split for child in children):
        if any(child.split for child in children):
            raise InputError(f"a split for every child in the table of {DATASET}", "for some", "complete the column")
        children = deal_children(children, test_share, folds, np.random.default_rng(seed))
    write_cohort(
        folder, COHORT, _cases(tree, children, scans, images), source=source, seed=seed, labels=LABELS,
        parameters={"test_share": test_share, "folds": folds}, missing_images=missing,
        children_of_one_scan=[child for child, found in scans.items() if len(found) < 2],
    )  # fmt: skip


def read_sessions(tree: Tree) -> list[Session]:
    """The lines of `sessions.tsv` or `sessions.csv`. Raises InputError where it cannot be used."""
    found = [path for name in TABLES for path in tree.all(name)]
    if len(found) != 1:
        got = ", ".join(map(str, found)) or f"none in {tree.root}"
        raise InputError(f"one {' or '.join(TABLES)} of {DATASET}", got, "make it as docs/data-access.md says")
    with found[0].open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t" if found[0].suffix == ".tsv" else ","))
    sessions = [_session(row, found[0]) for row in rows]
    names = [session.name for session in sessions]
    if len(set(names)) < len(names) or not names:
        twice = next((name for name in names if names.count(name) > 1), "no line")
        raise InputError(f"every session once in {found[0]}", twice, "correct the table")
    return sessions


def _session(row: Mapping[str, str], table: Path) -> Session:
    cells = {key: (row.get(key) or "").strip() for key in (*NEEDED, "image", "split", "fold")}
    try:
        age = float(cells["age"])
    except ValueError:
        age = math.nan
    child, session = cells["participant_id"].removeprefix("sub-"), cells["session_id"].removeprefix("ses-")
    if not (child and session and age > 0) or cells["split"] not in ("", "train", "validation", "test"):
        expected = f"{', '.join(NEEDED)} (years) and at most a known split in each line of {table}"
        raise InputError(expected, f"{dict(row)}", "correct the table")
    return Session(child, session, age, cells["image"], cells["split"], cells["fold"])


def child_of(sessions: Sequence[Session]) -> Child:
    """The child of sessions in order of age. Raises InputError where they do not share a split and fold."""
    parts = {(session.split, session.fold) for session in sessions}
    if len(parts) > 1:
        raise InputError(f"one split and fold for child {sessions[0].child}", f"{sorted(parts)}", "correct the table")
    return Child(sessions[0].child, tuple(session.age for session in sessions), *parts.pop())


def image_of(tree: Tree, session: Session) -> Path | None:
    """The image that the table names, or `sub-<child>_ses-<session>[_…]_T1w.nii.gz`; None where there is none.

    Raises InputError where there are several.
    """
    stem = f"sub-{session.child}_ses-{session.session}"
    wanted = (
        [session.image] if session.image else [f"{stem}{middle}_T1w{end}" for middle in ("", "_*") for end in ENDINGS]
    )
    found = [path for pattern in wanted for path in tree.all(pattern)]
    if len(found) > 1:
        got = ", ".join(str(path.relative_to(tree.root)) for path in found[:3])
        raise InputError(f"one T1 image of {session.name}", got, "name it in the table's column `image`")
    return found[0] if found else None


def read_session(tree: Tree, image: Path) -> Scan:
    """The head in canonical axes, with tissue labels and brain mask where `…_dseg` and `…_mask` are in the tree.

    Raises InputError for labels other than 1, 2, 3, and files that are not on the image's grid.
    """
    stem = image.name
    for ending in (*ENDINGS, "_T1w"):
        stem = stem.removesuffix(ending)
    maps: dict[str, Path | None] = {}
    for kind in ("dseg", "mask"):
        found = [tree.find(f"{stem}_{kind}{ending}") for ending in ENDINGS]
        maps[kind] = found[0] or found[1]
    scan = read_scan(image, labels=maps["dseg"], mask=maps["mask"])
    if scan.labels is not None and not set(np.unique(scan.labels).tolist()) <= {0, *LABELS}:
        got = f"{np.unique(scan.labels).tolist()[:8]}"
        raise InputError(f"labels 0 to 3 (1 WM, 2 GM, 3 CSF) in {maps['dseg']}", got, "renumber them")
    return scan


def _cases(
    tree: Tree, children: Sequence[Child], scans: Mapping[str, Sequence[Session]], images: Mapping[Session, Path]
) -> Iterator[Case]:
    for child in children:
        read = functools.lru_cache(maxsize=KEPT)(functools.partial(read_session, tree))
        for moving, fixed in child.pairs:
            ages = child.ages[moving], child.ages[fixed]
            about = {
                "split": child.split, "subject": child.name, "moving_age": f"{ages[0]:.3f}", "fixed_age": f"{ages[1]:.3f}",
                "interval": f"{ages[1] - ages[0]:.3f}",
            }  # fmt: skip
            if child.fold:
                about["fold"] = child.fold
            places = [images[scans[child.name][n]] for n in (fixed, moving)]
            yield pair(f"{child.name}-{moving + 1}-{fixed + 1}", read(places[0]), read(places[1]), about)
