"""A user's own folder of scans, and where a moving scan starts beside a fixed one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirror.writing import write_nifti
from wbir.cases import Cohort
from wbir.cohorts import scan_folder
from wbir.cohorts._placing import placed
from wbir.cohorts._scans import Scan
from wbir.errors import InputError
from wbir.geometry.frames import Frame


def spot(place: tuple[int, int, int], value: int = 1) -> np.ndarray:
    image = np.zeros((6, 7, 8), np.int16)
    image[place] = value
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "mine"
    for name, place in (("a b.nii.gz", (1, 2, 3)), ("sub/c.nii", (4, 4, 4)), ("sub/d.nii", (2, 5, 6))):
        write_nifti(root / name, spot(place, 9))
    write_nifti(root / "sub" / "c_labels.nii", spot((4, 4, 4), 3))
    return root


def build(root: Path, out: Path, **parameters: object) -> Cohort:
    given = {**scan_folder.COHORT["parameters"], **parameters}
    scan_folder.build(out, source="local", data={"scan_folder": root}, seed=0, **given)
    return Cohort.open(out)


def test_without_a_table_every_ordered_pair_is_a_case_and_labels_lie_beside(folder: Path, tmp_path: Path) -> None:
    cohort = build(folder, tmp_path / "out")
    assert len(cohort) == 6 and cohort.case("a_b-sub_c").moving_labels is not None
    case = cohort.case("sub_c-sub_d")
    assert case.fixed_labels is not None and np.argwhere(case.fixed_labels == 3).tolist() == [[4, 4, 4]]
    assert case.moving_labels is None and np.argwhere(case.moving == 9).tolist() == [[2, 5, 6]]
    assert len(build(folder, tmp_path / "two", pairs=2)) == 2


def test_a_table_names_the_pairs_their_labels_and_their_attributes(folder: Path, tmp_path: Path) -> None:
    rows = [
        "fixed,moving,moving_labels,split,age",
        "a b.nii.gz,sub/d.nii,sub/c_labels.nii,train,70",
        "sub/c.nii,sub/d.nii,,,",
    ]
    (folder / "cases.csv").write_text("\n".join(rows) + "\n")
    cohort = build(folder, tmp_path / "out")
    assert [(row["case"], row["split"], row["age"]) for row in cohort.rows] == [
        ("a_b-sub_d", "train", "70"),
        ("sub_c-sub_d", "test", ""),
    ]
    labels = cohort.case("a_b-sub_d").moving_labels
    assert labels is not None and labels[4, 4, 4] == 3


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("fixed,moving\nsub/c.nii,nothing.nii\n", "nothing.nii of cases.csv"),
        ("fixed,floating\nsub/c.nii,sub/d.nii\n", "`fixed` and `moving`"),
        ("fixed,moving,truth\nsub/c.nii,sub/d.nii,x\n", "truth"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(folder: Path, tmp_path: Path, table: str, message: str) -> None:
    (folder / "cases.csv").write_text(table)
    with pytest.raises(InputError, match=message):
        build(folder, tmp_path / "out")


def test_where_the_moving_scan_starts() -> None:
    here = Scan(np.zeros((5, 5, 5)), Frame.of((5, 5, 5), 2.0), labels=spot((1, 1, 1))[:5, :5, :5])
    far = np.diag([1.0, 1.0, 1.0, 1.0])
    far[:3, 3] = (100, -50, 7)
    there = Scan(np.zeros((3, 3, 3)), Frame((3, 3, 3), far), labels=spot((2, 0, 1))[:3, :3, :3])
    assert placed(there, here, "headers").frame.affine[:3, 3].tolist() == [100, -50, 7]
    assert placed(there, here, "centres").frame.affine[:3, 3].tolist() == [3, 3, 3]  # 4 mm less half of 2 mm
    assert placed(there, here, "labels").frame.affine[:3, 3].tolist() == [0, 2, 1]  # (2, 2, 2) less (2, 0, 1)
    with pytest.raises(InputError, match="labels to place by"):
        placed(there, Scan(here.image, here.frame), "labels")
    with pytest.raises(InputError, match="place"):
        placed(there, here, "somewhere")
