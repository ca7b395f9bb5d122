"""BraTS 2021: which slice of a patient, the volume, and masks of the ventricles that a user adds; CrossMoDA with labels on both sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirror.archives import brats2021 as patients
from mirror.archives import crossmoda as heads
from mirror.archives import sri24
from mirror.writing import write_nifti
from wbir.cases import Cohort
from wbir.cohorts import brats2021, crossmoda
from wbir.cohorts.brats2021 import tumour_slice
from wbir.data.unpack import unpack
from wbir.errors import InputError
from wbir.geometry.frames import Frame


@pytest.fixture
def data(tmp_path: Path) -> dict[str, Path]:
    for name, module in (("brats2021", patients), ("sri24", sri24)):
        (tmp_path / name).mkdir()
        module.make(tmp_path / name)
    return {
        "brats2021": tmp_path / "brats2021",
        "sri24": unpack(tmp_path / "sri24" / "sri24_spm8.zip", tmp_path / "s", limit_bytes=10**9),
    }


def build(data: dict[str, Path], out: Path, **changes: object) -> Cohort:
    given = {**brats2021.COHORT["parameters"], "least_area": 1.0, **changes}
    brats2021.build(out, source="local", data=data, seed=0, **given)
    return Cohort.open(out)


def test_the_slice_with_the_largest_tumour_is_counted_from_below() -> None:
    outline = np.zeros((4, 4, 6))
    outline[0, 0, 1:4], outline[1:3, 1, 2] = 1, 4
    upright, inverted = Frame.of((4, 4, 6), (1.0, 2.0, 3.0)), Frame((4, 4, 6), np.diag([1.0, 2.0, -3.0, 1.0]))
    assert tumour_slice(outline, upright, "largest", 6.0) == 2  # three voxels of 2 mm2
    assert tumour_slice(outline, inverted, "largest", 6.0) == 3
    assert tumour_slice(outline, upright, "largest", 6.1) is None
    assert tumour_slice(outline, upright, "1", 2.0) == 1
    assert tumour_slice(outline, upright, "0", 0.0) is None and tumour_slice(outline, upright, "60", 0.0) is None


def test_the_volume_and_the_largest_slice_and_too_few_patients(data: dict[str, Path], tmp_path: Path) -> None:
    three = {"test": 3, "train": 0, "validation": 0}
    volumes = build(data, tmp_path / "3d", slice="none", patients=three, percentiles=None)
    for case in volumes:
        _, sides = patients.TUMOURS[case.attributes["subject"]]
        assert case.frame.shape == patients.SHAPE and case.fixed_mask is not None
        assert case.fixed_mask.sum() == np.prod(sides) == int(case.attributes["tumour_mm3"])
    slices = build(data, tmp_path / "2d", slice="largest", patients=three)
    assert {case.attributes["subject"]: case.attributes["slice"] for case in slices} == {
        "00000": "14",
        "00017": "13",
        "00495": "1",
    }
    assert all(case.fixed.max() <= 1 and case.moving.min() >= 0 for case in slices)
    with pytest.raises(InputError, match="3 patients for test with a tumour in the slice, got 2"):
        build(data, tmp_path / "none", slice="16", patients=three)
    with pytest.raises(InputError, match="slice as an index"):
        build(data, tmp_path / "word", slice="middle")


def test_training_patients_change_no_test_and_no_one_is_in_both(data: dict[str, Path], tmp_path: Path) -> None:
    alone = build(data, tmp_path / "alone", slice="largest", patients={"test": 1, "train": 0, "validation": 0})
    more = build(data, tmp_path / "more", slice="largest", patients={"test": 1, "train": 2, "validation": 0})
    assert [row["case"] for row in more.select(split="test").rows] == [row["case"] for row in alone.rows]
    assert len({row["case"] for row in more.rows}) == 3


def test_ventricles_that_a_user_drew_become_labels(data: dict[str, Path], tmp_path: Path) -> None:
    drawn = np.zeros(patients.SHAPE, np.uint8)
    drawn[20:24, 20:22, 10:20] = 1
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    affine[1, 3] = patients.SHAPE[1] - 1
    write_nifti(data["brats2021"] / "drawn" / "BraTS2021_00000_ventricles.nii.gz", drawn, affine)
    own = np.eye(4)
    own[:3, 3] = (-24, -30, -14)
    write_nifti(data["sri24"] / "T1_ventricles.nii.gz", drawn, own)
    cohort = build(data, tmp_path / "out", slice="16", patients={"test": 2, "train": 0, "validation": 0})
    assert cohort.label_names() == {1: "ventricles"}
    with_labels, without = cohort.case("BraTS2021_00000"), cohort.case("BraTS2021_00017")
    assert with_labels.fixed_labels is not None and with_labels.moving_labels is not None
    assert np.argwhere(with_labels.fixed_labels).min(0).tolist() == [47 - 23, 47 - 21]
    assert np.argwhere(with_labels.moving_labels).min(0).tolist() == [20, 20]
    assert without.fixed_labels is None and without.moving_labels is None, "one side alone measures nothing"


def test_a_template_on_another_grid_is_refused(data: dict[str, Path], tmp_path: Path) -> None:
    write_nifti(tmp_path / "other" / "T1_brain.nii", patients.brain(0)[:30])
    with pytest.raises(InputError, match="on one grid"):
        build(
            {**data, "sri24": tmp_path / "other"},
            tmp_path / "out",
            slice="largest",
            patients={"test": 1, "train": 0, "validation": 0},
        )


def test_crossmoda_between_labelled_scans(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    heads.make(tmp_path / "made")
    root = unpack(tmp_path / "made" / "crossmoda_training.zip", tmp_path / "crossmoda", limit_bytes=10**9)
    given = {
        **crossmoda.COHORT["parameters"],
        "fixed": "ceT1",
        "targets": {"test": 3, "train": 0, "validation": 0},
        "pool": None,
        "atlases": 2,
    }
    crossmoda.build(tmp_path / "out", source="local", data={"crossmoda": root}, seed=0, **given)
    cohort = Cohort.open(tmp_path / "out")
    assert {row["case"] for row in cohort.rows} == {f"{a}-{b}" for a in (1, 2, 3) for b in (1, 2, 3) if a != b}
    assert all(
        case.fixed_labels is not None and np.array_equal(case.fixed_labels, case.moving_labels) for case in cohort
    )
    with pytest.raises(InputError, match="atlases for each target"):
        crossmoda.build(
            tmp_path / "few", source="local", data={"crossmoda": root}, seed=0, **{**given, "pool": 2, "atlases": 3}
        )
