"""Prostates in MR and in transrectal ultrasound of the same patients, µ-RegPro."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from wbir.cases import Case
from wbir.cohorts._placing import placed
from wbir.cohorts._scans import Scan, canonical_scan, choose, pair, same_grid, write_cohort
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.images import checked_values, frame_of, load_nifti, nifti_values, read_image

COHORT = {
    "title": "µ-RegPro",
    "reference": "Paper 19, Sect. 3 (its own data are private); Baum et al., the µ-RegPro challenge, doi:10.5281/zenodo.7870104",
    "describes": "Fixed: T2-weighted MR of 120 x 128 x 128 voxels; moving: 3D transrectal ultrasound of the same patient, 81 x"
    " 118 x 88, both of 0.8 mm. Label 1: the prostate. Points: the centroids of the further landmarks that are outlined in both"
    " (lesions, zones, cysts, calcifications). A stand-in for the private MR-TRUS pairs of paper 19, which have a rigid"
    " registration by hand as truth; here there is none, so landmarks and outlines measure in its place, and the paper's losses"
    " on the true motion can only be trained on MR against itself. The test set's labels are withheld: the challenge's"
    " validation cases serve as the test.",
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 1000,
    "runtime": 10,
    "parameters": {
        "splits": {"train": "train", "val": "test"},  # folders of the set, and what their cases are here
        "cases": None,  # numbers of the cases; null: all
        "place": "centres",  # where the ultrasound starts: centres (of the grids meet) | headers | labels (the prostates')
    },
    "tiny": {},
    "dims": 3,
}
LABELS = {1: "prostate"}
GLAND = 0  # of the channels of a label file; the others are landmarks
SIDES = ("mr", "us")
FILES = tuple(f"{side}_{kind}" for side in SIDES for kind in ("images", "labels"))


def build(
    folder: Path, *, source: str, data: Mapping[str, Path] | None, seed: int, splits: Mapping[str, str],
    cases: Sequence[int] | None, place: str,
) -> None:  # fmt: skip
    """Write a case `caseNNNNNN` for each patient whose four files are there. The seed has no part in it.

    Raises InputError for a missing folder, a case that was asked for and is not there, or labels on another grid.
    """
    if data is None:
        raise InputError("a folder of muregpro", "none", "name it (see docs/data-access.md)")
    tree = Tree("muregpro", Path(data["muregpro"]))
    known, split_of = _cases(tree, splits)
    whole = [name for name in known if all(tree.find(f"{split_of[name][0]}/{file}/{name}.nii.gz") for file in FILES)]
    asked = None if cases is None else [f"case{number:06d}" for number in cases]
    chosen, missing = choose(f"muregpro in {tree.root}", known, whole, asked)
    parameters = {"splits": dict(splits), "cases": cases, "place": place}
    found = (_case(tree, name, *split_of[name], place) for name in chosen)
    write_cohort(
        folder, COHORT, found, source=source, seed=seed, labels=LABELS, parameters=parameters, missing_cases=missing
    )


def _cases(tree: Tree, splits: Mapping[str, str]) -> tuple[list[str], dict[str, tuple[str, str]]]:
    """The names of the cases that have an MR image, and each one's folder and split."""
    found = {
        path.name.removesuffix(".nii.gz"): (place, split)
        for place, split in splits.items()
        for path in tree.all(f"{place}/mr_images/*.nii.gz")
    }
    if not found:
        tree.one(f"{next(iter(splits), 'train')}/mr_images/*.nii.gz")
    return sorted(found), found


def _case(tree: Tree, name: str, place_of: str, split: str, place: str) -> Case:
    fixed, moving = (
        read_outlined(*(tree.one(f"{place_of}/{side}_{kind}/{name}.nii.gz") for kind in ("images", "labels")))
        for side in SIDES
    )
    points = [_landmarks(scan) for scan in (fixed, moving)]
    both = np.isfinite(points[0]).all(axis=1) & np.isfinite(points[1]).all(axis=1)
    fixed, moving = (
        replace(scan, points=own[both] if both.any() else None)
        for scan, own in zip((fixed, moving), points, strict=True)
    )
    attributes = {"split": split, "official_split": place_of, "modalities": "MR/US", "landmarks": f"{both.sum()}"}
    return pair(name, fixed, placed(moving, fixed, place), attributes)


def read_outlined(image: Path, outlines: Path) -> Scan:
    """A canonical scan: the prostate as label 1, the centroid of each channel as a point (NaN where it is empty).

    outlines: a NIfTI of shape `(*shape, channels)`, 1 inside. Raises InputError where it is not on the image's grid.
    """
    values, frame = read_image(image)
    file = load_nifti(outlines)
    channels = checked_values(nifti_values(file, outlines), np.float32, outlines)
    if channels.ndim != 4 or channels.shape[:3] != frame.shape:
        raise InputError(f"{outlines} of shape {frame.shape} and channels", f"{channels.shape}", "check the files")
    if not same_grid(frame_of(frame.shape, file.affine, outlines), frame):
        raise InputError(f"{outlines} on the grid of {image.name}", "other places in the world", "check the files")
    inside = np.moveaxis(channels > 0.5, -1, 0)
    points = np.array([np.argwhere(channel).mean(axis=0) if channel.any() else [np.nan] * 3 for channel in inside])
    return canonical_scan(Scan(values, frame, inside[GLAND].astype(np.int16), points=points))


def _landmarks(scan: Scan) -> np.ndarray:
    """The centroids of all channels but the prostate's."""
    assert scan.points is not None
    return np.delete(scan.points, GLAND, axis=0)
