"""Miniatures of Learn2Reg tasks: the folder with its JSON, scans written in voxel order under headers that need not be true."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mirror.writing import write_nifti

Pair = tuple[str, str]


def entry(task: str, number: str, kinds: Sequence[str], folder: str = "Tr", ending: str = "nii.gz") -> dict[str, str]:
    """What the JSON says of a scan. kinds: image, label, mask, keypoints, landmarks."""
    endings = {"keypoints": "csv", "landmarks": "csv"}
    return {kind: f"./{kind.removesuffix('s')}s{folder}/{task}_{number}.{endings.get(kind, ending)}" for kind in kinds}


def write_description(root: Path, task: str, training: list[dict], test: list[dict], **pairs: Sequence[Pair]) -> None:
    """`<task>_dataset.json`. pairs: lists by their key; the scans of `registration_test` are in imagesTs."""
    lists: dict[str, Any] = {}
    for key, chosen in pairs.items():
        folder = "imagesTs" if "test" in key else "imagesTr"
        lists[key] = [
            dict(zip(("fixed", "moving"), (f"./{folder}/{task}_{n}.nii.gz" for n in pair), strict=True))
            for pair in chosen
        ]
    document = {"name": task, "release": "1.1", "training": training, "test": test, **lists}
    (root / f"{task}_dataset.json").write_text(json.dumps(document, indent=4))


def write_scan(root: Path, named: Mapping[str, str], affine: np.ndarray, **contents: np.ndarray) -> None:
    """The files of a scan that the JSON names: `image`, `label`, `mask` arrays as they are, points as CSV without a head."""
    for kind, content in contents.items():
        path = root / named[kind]
        if path.suffix == ".csv" and content.ndim == 2:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savetxt(path, content, delimiter=",", fmt="%.6f")
        else:
            write_nifti(path.with_suffix(".nii.gz") if path.suffix == ".csv" else path, content, affine)


def boxes(shape: tuple[int, ...], places: Mapping[int, tuple[float, float, float]]) -> np.ndarray:
    """Labels as cubes of 3 voxels. places: their middles as shares of the way to right, front and up."""
    labels = np.zeros(shape, np.uint8)
    for label, place in places.items():
        middle = np.rint(np.array(place) * (np.array(shape) - 1)).astype(int)
        labels[tuple(slice(m - 1, m + 2) for m in middle)] = label
    return labels


def brain(shape: tuple[int, ...], number: int) -> tuple[np.ndarray, np.ndarray]:
    """Image in [0, 1] and some of the 35 structures, axes to right, front, up: a bright voxel left, in front, on top."""
    places = {
        1: (0.3, 0.5, 0.6), 20: (0.7, 0.5, 0.6), 6: (0.35, 0.15, 0.2), 25: (0.65, 0.15, 0.2), 9: (0.35, 0.7, 0.45),
        28: (0.65, 0.7, 0.45), 13: (0.5, 0.35, 0.15), 8: (0.4, 0.65, 0.75), 27: (0.6, 0.65, 0.75), 15: (0.2, 0.5, 0.3),
    }  # fmt: skip
    labels = boxes(shape, places)
    image = np.where(labels > 0, 0.4 + 0.001 * labels, 0.1).astype(np.float32)
    image[bright(shape, number)] = 1.0
    return image, labels


def bright(shape: tuple[int, ...], number: int) -> tuple[int, ...]:
    """Where the bright voxel of subject `number` lies: left (low), front (high), up (high)."""
    return 2 + number % 3, shape[1] - 3, shape[2] - 2 - number % 2
