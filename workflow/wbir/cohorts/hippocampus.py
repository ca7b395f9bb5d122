"""The hippocampus crops of the Medical Segmentation Decathlon (Task04), paired across subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, CohortWriter
from wbir.cohorts._scans import Pair, draw_pairs
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "MSD Task04 hippocampus",
    "reference": "Simpson et al., A large annotated medical image dataset (Medical Decathlon), arXiv:1902.09063",
    "describes": "T1-weighted MRI crops around one hippocampus, about 35 x 51 x 35 at 1 mm, labels 1 anterior and 2"
    " posterior. Real data between subjects, small enough for any computer; no paper uses it. Crops"
    " differ in size: each is padded (edge values, labels with 0) and cropped by whole voxels so that"
    " the middle of its grid is the middle of the common grid, whatever the labels say; nothing else is"
    " aligned. Intensities differ in scale between scans: percentiles of each.",
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 1000,
    "runtime": 5,
    "parameters": {
        "pairs": 20,  # test pairs, drawn by the seed
        "train_pairs": 0,  # further pairs, split train, of other subjects
        "shape": [48, 64, 48],  # voxels of 1 mm
        "percentiles": [0.5, 99.5],  # of the whole crop: become 0 and 1
    },
    "tiny": {"pairs": 2, "shape": [32, 32, 32]},
    "dims": 3,
}
LABELS = {1: "anterior", 2: "posterior"}
FOLDERS = (("images", "labels"), ("imagesTr", "labelsTr"))


def build(
    folder: Path,
    *,
    source: str,
    data: Mapping[str, Path] | None,
    seed: int,
    pairs: int,
    train_pairs: int,
    shape: Sequence[int],
    percentiles: Sequence[float],
) -> None:
    """Write the cohort: cases `NNN-MMM` (fixed, moving), all of `shape` at 1 mm.

    data: the folder of `hippocampus`, which holds images/ and labels/ at some depth. Raises InputError for a missing
    folder, more pairs than the subjects allow, or scans not at 1 mm.
    """
    root = _root(data)
    images, labels = next((root / a, root / b) for a, b in FOLDERS if (root / a).is_dir())
    subjects = sorted(p.name for p in images.glob("hippocampus_*.nii.gz") if (labels / p.name).is_file())
    card: dict[str, Any] = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["subjects"] = len(subjects)
    card["parameters"] = {
        "pairs": pairs,
        "train_pairs": train_pairs,
        "shape": list(shape),
        "percentiles": list(percentiles),
    }
    writer = CohortWriter(folder, card, LABELS)
    for split, chosen in split_pairs(subjects, pairs, train_pairs, seed).items():
        for pair in chosen:
            writer.add(_case(images, labels, pair, split, shape, percentiles))
    writer.close()


def split_pairs(subjects: Sequence[str], pairs: int, train_pairs: int, seed: int) -> dict[str, list[Pair]]:
    """Ordered pairs (fixed, moving), each once, for `test` and `train`; no subject is in both.

    Subjects are shuffled by the seed; with training pairs the test ones take the first half, else all. Raises
    InputError where there are fewer ordered pairs than asked for.
    """
    generator = np.random.default_rng(seed)
    order = [subjects[n] for n in generator.permutation(len(subjects))]
    half = len(order) // 2 if train_pairs else len(order)
    parts = {"test": (pairs, order[:half]), "train": (train_pairs, order[half:])}
    return {split: draw_pairs(group, count, generator) for split, (count, group) in parts.items()}


def _root(data: Mapping[str, Path] | None) -> Path:
    """The folder with images and labels, which the archive wraps in another one."""
    if data is None:
        raise InputError("a data folder for hippocampus", "none", "name the folder (see docs/data-access.md)")
    root = Path(data["hippocampus"])
    found = [
        path.parent.parent for a, _ in FOLDERS for path in Tree("hippocampus", root).all(f"{a}/hippocampus_*.nii.gz")
    ]
    for candidate in found[:1]:
        if any((candidate / a).is_dir() and (candidate / b).is_dir() for a, b in FOLDERS):
            return candidate
    raise InputError("a folder with images/ and labels/ (or imagesTr/ and labelsTr/)", str(root), "check the folder")


def _case(
    images: Path, labels: Path, pair: Pair, split: str, shape: Sequence[int], percentiles: Sequence[float]
) -> Case:
    from wbir.anatomy.prepare import canonical, centre_on, normalise
    from wbir.images import read_image

    arrays: dict[str, np.ndarray] = {}
    for role, name in zip(("fixed", "moving"), pair, strict=True):
        image, frame = canonical(*read_image(images / name))
        truth, _ = canonical(*read_image(labels / name, dtype=np.int16))
        if truth.shape != image.shape or not np.allclose(frame.spacing, 1.0, atol=1e-3):
            raise InputError(
                f"{name} and its labels on one grid of 1 mm", f"{image.shape}, {truth.shape}", "check the files"
            )
        arrays[role] = centre_on(normalise(image, percentiles=(percentiles[0], percentiles[1])), shape)
        arrays[f"{role}_labels"] = centre_on(truth, shape, mode="constant")
    fixed, moving = (name.removeprefix("hippocampus_").removesuffix(".nii.gz") for name in pair)
    attributes = {"split": split, "fixed_subject": fixed, "moving_subject": moving}
    return Case(id=f"{fixed}-{moving}", frame=Frame.of(tuple(shape)), attributes=attributes, **arrays)
