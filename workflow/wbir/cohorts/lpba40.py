"""LPBA40: 40 skull-stripped T1 brains with 56 hand-drawn regions, paired across subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wbir.cohorts._brain_labels import LPBA40 as LABELS
from wbir.cohorts._scans import Scan, canonical_scan, choose, write_cohort
from wbir.cohorts._subjects import choose_pairs, pair_cases
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "LPBA40",
    "reference": "Shattuck et al., Construction of a 3D probabilistic atlas of human cortical structures, NeuroImage 39, 2008",
    "describes": "T1-weighted MRI of 40 healthy adults in delineation space (turned to a common pose by the owner), skull"
    " stripped, with 56 regions (left odd, right even). Pairs of different subjects on the fixed grid, native"
    " intensities. The Analyze headers carry no orientation: axes and their directions are those in which the"
    " named regions lie (left to right, occipital to frontal, temporal to parietal), and the world's origin is the"
    " middle of the grid, so that subjects on unlike grids meet there. Splits are those of the SITReg project"
    " (25 train, 5 validation, 10 test); the owner gives none, and papers 01 and 21 do not say theirs.",
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 60,
    "parameters": {
        "pairs": {"train": 100, "validation": 20, "test": 90},  # ordered, drawn by the seed; null: every one
        "fixed": None,  # one subject (S01) as the fixed one of every pair
        "moving": "all others",  # or a list of subjects
    },
    "tiny": {"pairs": {"train": 1, "validation": 0, "test": 1}},
    "dims": 3,
}
SUBJECTS = tuple(f"S{n:02d}" for n in range(1, 41))
VALIDATION = ("S14", "S16", "S19", "S26", "S39")
TEST = ("S11", "S12", "S13", "S15", "S24", "S28", "S29", "S32", "S34", "S38")
WAYS = (  # regions towards which a world axis points, and those that it comes from
    (tuple(n for n in LABELS if n < 181 and n % 2 == 0), tuple(n for n in LABELS if n < 181 and n % 2)),
    ((21, 22, 23, 24, 25, 26, 29, 30, 31, 32, 33, 34), (61, 62, 63, 64, 65, 66, 67, 68)),
    ((41, 42, 43, 44), (85, 86, 91, 92)),
)


def build(
    folder: Path, *, source: str, data: Mapping[str, Path] | None, seed: int, pairs: Mapping[str, int | None],
    fixed: str | None, moving: str | Sequence[str],
) -> None:  # fmt: skip
    """Write the cohort: cases `S11-S12` (fixed, moving).

    data: the folder of `lpba40` with the delineation-space files. Raises InputError for a missing folder or named
    subject, and for files that are not what they should be.
    """
    if data is None:
        raise InputError("a data folder for lpba40", "none", "name the folder (see docs/data-access.md)")
    tree = Tree("lpba40", Path(data["lpba40"]))
    found = {path.name[:3].upper() for path in tree.all("S??.delineation.structure.label.hdr")}
    _, missing = choose("lpba40", SUBJECTS, sorted(found), None)
    groups = {
        split: [s for s in SUBJECTS if s in found and split_of(s) == split] for split in ("train", "validation", "test")
    }
    chosen = choose_pairs(groups, pairs, seed, fixed=fixed, moving=moving)
    cases = pair_cases(chosen, lambda subject: read_subject(tree, subject))
    parameters = {"pairs": dict(pairs), "fixed": fixed, "moving": moving}
    write_cohort(
        folder, COHORT, cases, source=source, seed=seed, labels=LABELS, parameters=parameters, missing_subjects=missing
    )


def split_of(subject: str) -> str:
    """The split of a subject in the SITReg project."""
    return "validation" if subject in VALIDATION else "test" if subject in TEST else "train"


def read_subject(tree: Tree, subject: str) -> Scan:
    """The skull-stripped image and the regions of a subject in canonical axes."""
    image, spacing = read_analyze(tree, f"{subject}.delineation.skullstripped", np.float32)
    labels, other = read_analyze(tree, f"{subject}.delineation.structure.label", np.int16)
    if image.shape != labels.shape or not np.allclose(spacing, other, rtol=1e-3):
        got = f"{image.shape} at {spacing} mm and {labels.shape} at {other} mm"
        raise InputError(f"image and labels of {subject} on one grid", got, "fetch them again")
    return canonical_scan(Scan(image, anatomical_frame(labels, spacing, subject), labels))


def read_analyze(tree: Tree, stem: str, dtype: type) -> tuple[np.ndarray, tuple[float, ...]]:
    """An Analyze 7.5 volume and its spacing in mm, `stem.hdr` with `stem.img.gz` or `stem.img`; a trailing axis of 1 goes.

    Raises InputError for a missing half or a damaged file.
    """
    from nibabel import AnalyzeImage
    from nibabel.fileholders import FileHolder

    from wbir.images import checked_values, nifti_values, one_line

    header = tree.one(f"{stem}.hdr")
    packed = tree.find(f"{stem}.img.gz") or tree.one(f"{stem}.img")
    try:
        volume = AnalyzeImage.from_file_map({"header": FileHolder(str(header)), "image": FileHolder(str(packed))})
        spacing = tuple(float(s) for s in volume.header["pixdim"][1:4])
    except Exception as error:  # the parser meets bytes of any kind, and fails in any way
        raise InputError("an Analyze 7.5 header", f"{header} ({one_line(error)})", "fetch it again") from error
    if len(volume.shape) < 3 or np.prod(volume.shape[3:]) != 1 or not min(spacing) > 0:
        raise InputError("a 3D Analyze volume", f"{header}: {volume.shape} at {spacing} mm", "fetch it again")
    return checked_values(nifti_values(volume, packed).reshape(volume.shape[:3]), dtype, packed), spacing


def anatomical_frame(labels: np.ndarray, spacing: Sequence[float], subject: str) -> Frame:
    """The frame, RAS in mm about the middle of the grid, in which the named regions lie where they do in a head.

    labels: `(X, Y, Z)` of LPBA40's numbers, axes in any order and direction. Raises InputError where regions are missing
    or do not tell three axes apart.
    """
    linear = np.zeros((3, 3))
    for row, (towards, away) in enumerate(WAYS):
        ends = [np.argwhere(np.isin(labels, numbers)) for numbers in (away, towards)]
        if not all(len(end) for end in ends):
            raise InputError(f"all regions of LPBA40 in the labels of {subject}", "some missing", "fetch them again")
        way = (ends[1].mean(axis=0) - ends[0].mean(axis=0)) * spacing
        axis = int(np.argmax(np.abs(way)))
        linear[row, axis] = np.sign(way[axis]) * spacing[axis]
    if np.linalg.matrix_rank(linear) < 3:
        raise InputError(f"regions of {subject} along three axes", "two of them along one", "look at the labels")
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = -linear @ ((np.array(labels.shape) - 1) / 2)
    return Frame(labels.shape, affine)
