"""The comparison of simulated with real brains: overlap with centres brought together, labels from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wbir.cohorts._brain_comparison import centred_dice, real_hippocampi
from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.images import write_image


def test_overlap_does_not_mind_where_a_mask_lies() -> None:
    mask = np.zeros((12, 12, 12), bool)
    mask[2:6, 3:5, 4:9] = True
    half = mask.copy()
    half[2:4] = False
    moved = np.roll(mask, (3, 2, -1), (0, 1, 2))
    assert centred_dice([mask, moved])[0] == 1.0
    assert centred_dice([moved, half])[0] == pytest.approx(2 / 3)


def test_hippocampi_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    labels = np.zeros((6, 6, 6), np.int16)
    labels[1:3, 1:3, 1:3] = 2
    write_image(tmp_path / "labels" / "hippocampus_001.nii.gz", labels, Frame.of((6, 6, 6)))
    assert [mask.sum() for mask in real_hippocampi(tmp_path)] == [8]
    with pytest.raises(InputError, match="labels/hippocampus"):
        real_hippocampi(tmp_path / "labels")
