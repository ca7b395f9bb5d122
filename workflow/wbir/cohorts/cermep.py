"""T1, FLAIR, CT and FDG-PET of real people, one of each pair turned and shifted: paper 17's data and protocol."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from wbir.anatomy.prepare import grid, normalise
from wbir.cases import Case
from wbir.cohorts._rigid_motions import MODALITIES, choose_pairs, subject_cases
from wbir.cohorts._scans import on_grid, read_scan, write_cohort
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "CERMEP-IDB-MRXFDG",
    "reference": "Paper 17, Sect. 4.2; Merida et al., EJNMMI Research 11:91, 2021 (on request)",
    "describes": "Brain scans of 37 adults in T1, FLAIR, CT and FDG-PET, brought together by the owners, in MNI space (as in"
    " paper 17) or in that of the PET. Protocol as in the paper: of each ordered pair of modalities the first image (fixed, the"
    " reference) is turned and shifted by cubic interpolation, the second (moving, floating) stays; a central block is cut from"
    " both. The motion is known, the owners' registration between the modalities is taken as true. The paper had 33 subjects,"
    " the first 20 for its test, and does not say which four were missing: here the first ones that are there.",
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 120,
    "parameters": {
        "subjects": 20,  # the first that have all modalities of the pairs
        "spaces": ["MNI", "pet"],  # `_space-…` of the files: the first that any subject has the modalities in
        "spacing": 1.0,  # mm; scans on another grid are resampled
        "block_mm": 151.0,  # side of the central block
        "max_shift_mm": 30.0,  # shifts are uniform between minus and plus this along each axis
        "ordered_pairs": "all",  # or a list such as ["T to F"], first the transformed reference
        "percentiles": [0.0, 99.9],  # of each scan: become 0 and 1
    },
    "tiny": {"subjects": 1, "block_mm": 20.0, "max_shift_mm": 3.0, "ordered_pairs": ["T to C"]},
    "dims": 3,
}
SUFFIXES = {"T": "t1w", "F": "flair", "C": "ct", "P": "pet"}  # in lower case; owners write CT and ct


def build(
    folder: Path, *, source: str, data: Mapping[str, Path] | None, seed: int, subjects: int, spaces: Sequence[str],
    spacing: float, block_mm: float, max_shift_mm: float, ordered_pairs: str | Sequence[str],
    percentiles: Sequence[float],
) -> None:  # fmt: skip
    """Write a case `sNN-T-F` for each subject and ordered pair, as `multimodal_brains` does.

    Raises InputError for a missing folder, no subject with the modalities of the pairs, or unfit parameters.
    """
    if data is None:
        raise InputError("a folder of cermep", "none", "name it (see docs/data-access.md)")
    pairs = choose_pairs(ordered_pairs)
    letters = [letter for letter in MODALITIES if any(letter in pair for pair in pairs)]
    space, scans = find_scans(Tree("cermep", Path(data["cermep"])), letters, spaces)
    chosen = sorted(scans)[:subjects]
    if len(chosen) < subjects:
        print(f"cermep: {len(chosen)} of {subjects} subjects are there in space {space}", file=sys.stderr)
    parameters = {
        "subjects": subjects, "spaces": list(spaces), "spacing": spacing, "block_mm": block_mm,
        "max_shift_mm": max_shift_mm, "ordered_pairs": [" to ".join(pair) for pair in pairs],
        "percentiles": list(percentiles),
    }  # fmt: skip

    def cases() -> Iterator[Case]:
        for number in chosen:
            images, frame = read_subject(scans[number], spacing, (percentiles[0], percentiles[1]))
            side = round(block_mm / spacing)
            if not 2 <= side <= min(frame.shape) or max_shift_mm < 0:
                got = f"{block_mm} mm in {frame.shape} voxels of {spacing} mm, shifts of {max_shift_mm} mm"
                raise InputError(
                    "a block inside the field of view, shifts of at least 0", got, "correct the parameters"
                )
            yield from subject_cases(images, pairs, frame, side, max_shift_mm, seed, number)

    write_cohort(folder, COHORT, cases(), source=source, seed=seed, space=space, parameters=parameters)


def find_scans(tree: Tree, letters: Sequence[str], spaces: Sequence[str]) -> tuple[str, dict[int, dict[str, Path]]]:
    """The first space in which a subject has every modality, and the files of all such subjects by number and letter.

    A file is `sub-NNNN_space-<space>_<modality>.nii` (or .nii.gz), whatever the case of its letters. Raises InputError
    where there is no such subject.
    """
    for space in spaces:
        scans: dict[int, dict[str, Path]] = {}
        for letter in letters:
            for path in [
                p for end in ("nii", "nii.gz") for p in tree.all(f"sub-*_space-{space}_{SUFFIXES[letter]}.{end}")
            ]:
                match = re.match(r"sub-(\d+)_", path.name.lower())
                if match:
                    scans.setdefault(int(match[1]), {})[letter] = path
        whole = {number: files for number, files in scans.items() if len(files) == len(letters)}
        if whole:
            missing = sorted(set(scans) - set(whole))
            if missing:
                print(f"cermep: modalities are missing, left out: {', '.join(map(str, missing))}", file=sys.stderr)
            return space, whole
    wanted = ", ".join(SUFFIXES[letter] for letter in letters)
    raise InputError(
        f"sub-NNNN_space-{' or '.join(spaces)}_… of {wanted} in {tree.root}", "no subject that has all",
        "complete the data set, or ask for other `ordered_pairs`; see docs/data-access.md",
    )  # fmt: skip


def read_subject(
    files: Mapping[str, Path], spacing: float, percentiles: tuple[float, float]
) -> tuple[dict[str, np.ndarray], Frame]:
    """The subject's scans in [0, 1] on one isotropic grid: that of the first where it is of `spacing` mm, else one around it."""
    scans = {letter: read_scan(path) for letter, path in files.items()}
    first = next(iter(scans.values())).frame
    upright = np.allclose(first.affine[:3, :3], spacing * np.eye(3), atol=1e-3)
    frame = first if upright else _around(first, spacing)
    images = {letter: on_grid(scan, frame).image for letter, scan in scans.items()}
    return {letter: normalise(image, percentiles=percentiles) for letter, image in images.items()}, frame


def _around(frame: Frame, spacing: float) -> Frame:
    """An upright isotropic grid of the world box around a frame."""
    corners = frame.to_world(np.indices((2, 2, 2)).reshape(3, -1).T * (np.array(frame.shape) - 1))
    return grid((corners.min(axis=0), corners.max(axis=0)), spacing, margin_mm=0.0)
