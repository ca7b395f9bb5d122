"""T1-weighted brains of OASIS-1 as neurite's release has them: the subjects of Learn2Reg 2021 Task 3, openly."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wbir.cohorts._learn2reg import Axes, label_axes, read_indexed
from wbir.cohorts._oasis import OFFICIAL, cases, choose
from wbir.cohorts._scans import Scan, write_cohort
from wbir.data.tree import Tree
from wbir.errors import InputError, require_known

COHORT = {
    "title": "neurite-OASIS",
    "reference": "Hoopes et al., HyperMorph, IPMI 2021; Marcus et al., OASIS, J. Cogn. Neurosci. 19 (2007)",
    "describes": "Skull-stripped, bias-corrected T1-weighted MRI of 414 adults (aligned_norm: resampled into FreeSurfer's Talairach space,"
    " intensities 0 to 1, 1 mm, an array of 160 x 192 x 224) with structures from FreeSurfer and SAMSEG: all 35, the 24 of these that"
    " the release's 2D slices show, or 4 tissues. They are the subjects of Learn2Reg 2021 Task 3: its number is the line in"
    " subjects.txt, and cases are named by it. Splits as of learn2reg_oasis: the 19 official validation pairs are the test here."
    " The structures tell the axes: arrays are turned to right, front, up.",
    "sources": ["public", "local"],
    "datasets": ["neurite-oasis"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 240,
    "parameters": {
        "labels": "seg35",  # or seg24, seg4
        "pairs": {"train": 394, "validation": 19},  # drawn by the seed; None: every ordered pair
        "held_out": 20,  # subjects of the validation pairs, among the 394
    },
    "tiny": {"pairs": {"train": 2, "validation": 0}, "held_out": 0},
    "dims": 3,
}  # fmt: skip
LABELS = ("seg35", "seg24", "seg4")
log = logging.getLogger("wbir")


def build(
    folder: Path, *, source: str, data: Mapping[str, Path], seed: int, labels: str, pairs: Mapping[str, int | None],
    held_out: int,
) -> None:  # fmt: skip
    """Write cases `NNNN-MMMM` (fixed, moving number), with the subjects' names as attributes.

    data: the folder of `neurite-oasis`, with subjects.txt, the tables of labels and a folder for each subject. Subjects whose
    files are missing are left out. Raises InputError where there is none, or fewer pairs than asked for.
    """
    require_known({"labels": (labels, LABELS)}, "of neurite_oasis")
    release = Release.open(Tree("neurite-oasis", Path(data["neurite-oasis"])), labels)
    official = [(f"{a:04d}", f"{b:04d}") for a, b in OFFICIAL]
    held = {number for pair in official for number in pair}
    present = [pair for pair in official if set(pair) <= set(release.files)]
    chosen = choose([n for n in release.files if n not in held], present, pairs, held_out, seed)
    write_cohort(
        folder, COHORT, cases(chosen, release.read, release.names), source=source, seed=seed, labels=release.table,
        parameters={"labels": labels, "pairs": dict(pairs), "held_out": held_out}, axes=release.axes, left_out=release.left_out,
    )  # fmt: skip


@dataclass(frozen=True)
class Release:
    """names: of all subjects, by Learn2Reg's number. files: image and label of those that are there.

    table: the names of the labels. lookup: the label here of each label in the files, None where they are the same.
    """

    names: Mapping[str, str]
    files: Mapping[str, Mapping[str, Path]]
    left_out: Sequence[str]
    axes: Axes
    table: Mapping[int, str]
    lookup: np.ndarray | None

    @classmethod
    def open(cls, tree: Tree, labels: str) -> Release:
        """Find the files. Raises InputError where subjects.txt or a table is missing, or every subject."""
        from wbir.anatomy.directions import BRAIN_35

        lines = tree.one("subjects.txt").read_text(encoding="utf-8").split()
        names = {f"{line:04d}": name for line, name in enumerate(lines, start=1)}
        stored = "seg4" if labels == "seg4" else "seg35"
        files, left_out = {}, []
        for number, name in names.items():
            found = {
                "image": tree.find(f"{name}/aligned_norm.nii.gz"),
                "label": tree.find(f"{name}/aligned_{stored}.nii.gz"),
            }
            if None in found.values():
                left_out.append(name)
            else:
                files[number] = {kind: path for kind, path in found.items() if path is not None}
        maps = tree.all("aligned_seg35.nii.gz")
        if not files or not maps:
            todo = "complete the folder (see docs/data-access.md)"
            raise InputError(
                f"subjects with aligned_norm, aligned_{stored} and aligned_seg35 in {tree.root}", "none", todo
            )
        if left_out:
            log.warning(
                "neurite-oasis: %d subjects are not there, left out: %s, ...", len(left_out), ", ".join(left_out[:3])
            )
        table = read_table(tree.one(f"{labels}_labels.txt"))
        lookup = subset(read_table(tree.one("seg35_labels.txt")), table) if labels == "seg24" else None
        return cls(names, files, left_out, label_axes(maps[0], BRAIN_35), table, lookup)

    def read(self, number: str) -> Scan:
        """The scan of a subject with the labels asked for."""
        scan = read_indexed(self.files[number], self.axes)
        return scan if self.lookup is None else replace(scan, labels=self.lookup[scan.labels])


def read_table(path: Path) -> dict[int, str]:
    """The names of labels from a colour table of FreeSurfer (number, name, colour), in small letters, without the background.

    Raises InputError for a file that is none.
    """
    table = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        if len(words) > 1 and words[0].isdigit() and int(words[0]):
            table[int(words[0])] = words[1].replace("-", " ").lower()
    if not table:
        raise InputError(f"lines of number, name and colour in {path}", "none", "fetch it again")
    return table


def subset(whole: Mapping[int, str], part: Mapping[int, str]) -> np.ndarray:
    """The number in `part` of each label of `whole` with the same name, int16; 0 where it has none. Raises InputError for a name of
    `part` alone."""
    unknown = sorted(set(part.values()) - set(whole.values()))
    if unknown:
        raise InputError(
            "seg24_labels.txt with names of seg35_labels.txt", ", ".join(unknown), "fetch the tables again"
        )
    numbers = {name: number for number, name in part.items()}
    lookup = np.zeros(max(whole) + 1, np.int16)
    for number, name in whole.items():
        lookup[number] = numbers.get(name, 0)
    return lookup
