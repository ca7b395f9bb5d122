"""The abdomen cohort on Learn2Reg's real label maps: sides, pairs and overlap. The CTs are not to be had: images are made of labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirror.learn2reg import entry, write_description, write_scan
from wbir.anatomy.directions import ABDOMEN
from wbir.cases import Cohort
from wbir.cohorts import learn2reg_abdomen
from wbir.images import read_image

TASK = "AbdomenCTCT"
OFFICIAL = [("0001_0000", "0004_0000")]


@pytest.fixture
def maps(real_data: Path) -> list[Path]:
    found = sorted((real_data / "abdomen-labels").glob("*.nii.gz"))
    if not found:
        pytest.skip("no abdomen-labels in WBIR_REAL_DATA")
    return found


def test_all_arrays_run_to_the_left_to_the_front_and_up(maps: list[Path]) -> None:
    """Though their headers call the first axis rightwards."""
    assert len(maps) == 15
    for path in maps:
        labels, frame = read_image(path, dtype=np.int16)
        assert np.array_equal(frame.affine, np.diag([2.0, 2, 2, 1]))
        assert ABDOMEN.axes(labels) == ((0, -1), (1, 1), (2, 1)), path.name


def test_the_cohort_has_every_organ_on_its_side(maps: list[Path], tmp_path: Path) -> None:
    (tmp_path / TASK).mkdir()
    training = [entry(TASK, f"{n:04d}_0000", ("image", "label")) for n in (1, 2, 3, 4)]
    write_description(tmp_path / TASK, TASK, training, [], registration_val=OFFICIAL)
    for named, path in zip(training, maps, strict=False):
        labels, frame = read_image(path, dtype=np.int16)
        image = np.where(labels > 0, 40, -1000).astype(np.int16)
        write_scan(tmp_path / TASK, named, frame.affine, image=image, label=labels.astype(np.int8))
    data = {"learn2reg-abdomen": tmp_path}
    learn2reg_abdomen.build(tmp_path / "out", source="local", data=data, seed=0, train_pairs=1, test_pairs=None)
    cohort = Cohort.open(tmp_path / "out")
    numbers = {name: number for number, name in cohort.label_names().items()}
    assert [row["split"] for row in cohort.rows] == ["train", "test"]
    for case in cohort:
        assert case.frame.shape == (192, 160, 256) and np.array_equal(case.frame.affine, np.diag([2.0, 2, 2, 1]))
        for labels in (case.fixed_labels, case.moving_labels):
            right = {name: np.argwhere(labels == number)[:, 0].mean() for name, number in numbers.items()}
            for side, sign in (("right", 1), ("left", -1)):
                for organ in ("kidney", "adrenal gland"):
                    assert sign * (right[f"{side} {organ}"] - right["aorta"]) > 0, organ
            assert right["spleen"] < right["aorta"] < right["inferior vena cava"] < right["liver"]
