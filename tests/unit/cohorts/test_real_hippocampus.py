"""The hippocampus cohort: pairs, the common grid, and the overlap of real crops before any registration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wbir.cases import Cohort
from wbir.cohorts.hippocampus import COHORT, build, split_pairs
from wbir.errors import InputError
from wbir.files import write_text
from wbir.geometry.frames import Frame
from wbir.images import write_image

TINY: dict[str, Any] = {**COHORT["parameters"], **COHORT["tiny"]}  # type: ignore[dict-item]


def fake(folder: Path, names: tuple[str, str] = ("images", "labels"), spacing: float = 1.0) -> Path:
    for number, size in enumerate((20, 24, 33, 40)):
        frame = Frame.of((size, size, size), spacing)
        image = np.indices(frame.shape).sum(axis=0).astype(np.float32)
        labels = np.zeros(frame.shape, dtype=np.uint8)
        middle = slice(size // 2 - 3, size // 2 + 3)
        labels[middle, middle, size // 2 : size // 2 + 3], labels[middle, middle, size // 2 - 3 : size // 2] = 1, 2
        write_image(folder / names[0] / f"hippocampus_{number:03d}.nii.gz", image, frame)
        write_image(folder / names[1] / f"hippocampus_{number:03d}.nii.gz", labels, frame)
    return folder


def make(folder: Path, data: Path | None, source: str = "local", seed: int = 0, **changes: Any) -> Cohort:
    build(folder, source=source, data=data and {"hippocampus": data}, seed=seed, **{**TINY, **changes})
    return Cohort.open(folder)


def test_crops_of_all_sizes_come_to_lie_on_one_grid_about_their_middle(tmp_path: Path) -> None:
    cohort = make(tmp_path / "out", fake(tmp_path), pairs=12)
    for case in cohort:
        assert case.frame.shape == (32, 32, 32) and case.frame.spacing == (1.0, 1.0, 1.0)
        assert 0 <= case.fixed.min() < 0.2 and 0.8 < case.fixed.max() <= 1
        for labels in (case.fixed_labels, case.moving_labels):
            assert np.allclose(
                np.argwhere(labels > 0).mean(axis=0), 15.5, atol=1.01
            )  # an odd crop has no middle voxel of an even grid
    assert cohort.label_names() == {1: "anterior", 2: "posterior"}


def test_pairs_follow_the_seed_and_splits_share_no_subject() -> None:
    subjects = [f"{n:03d}" for n in range(20)]
    drawn = split_pairs(subjects, 50, 40, seed=1)
    assert drawn == split_pairs(subjects, 50, 40, seed=1) != split_pairs(subjects, 50, 40, seed=2)
    assert [len(drawn[s]) for s in ("test", "train")] == [50, 40]
    people = {split: {s for pair in pairs for s in pair} for split, pairs in drawn.items()}
    assert not people["test"] & people["train"]
    every = split_pairs(subjects, 380, 0, seed=0)["test"]
    assert len(set(every)) == 380 and all(a != b for a, b in every)
    for wrong in (381, -1):
        with pytest.raises(InputError, match="at most 380"):
            split_pairs(subjects, wrong, 0, seed=0)


def test_the_owners_names_of_folders_at_any_depth_without_what_an_archiver_left(tmp_path: Path) -> None:
    scans = fake(tmp_path / "unpacked" / "Task04_Hippocampus", ("imagesTr", "labelsTr")) / "imagesTr"
    write_text(scans / "._hippocampus_000.nii.gz", "what macOS leaves behind")
    assert len(make(tmp_path / "out", tmp_path, source="public", pairs=12)) == 12


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for data in (None, tmp_path):
        with pytest.raises(InputError, match="folder"):
            make(tmp_path / "out", data)
    with pytest.raises(InputError, match="1 mm"):
        make(tmp_path / "out", fake(tmp_path / "coarse", spacing=2.0))


def test_real_hippocampi_overlap_by_about_half_before_registration(real_data: Path, tmp_path: Path) -> None:
    """Whole hippocampus over all 200 subjects: 0.56; pairs of 20 x 2 draw around it."""
    cohort = make(tmp_path / "out", real_data / "hippocampus", pairs=40, shape=[48, 64, 48])
    overlaps = []
    for case in cohort:
        assert set(np.unique(case.fixed_labels)) == {0, 1, 2}
        one, other = case.fixed_labels > 0, case.moving_labels > 0  # type: ignore[operator]
        overlaps.append(2 * np.sum(one & other) / (one.sum() + other.sum()))
        front, back = (np.argwhere(case.fixed_labels == n).mean(axis=0)[1] for n in (1, 2))
        assert front > back  # the second axis runs from posterior to anterior
    assert 0.48 < np.mean(overlaps) < 0.65
