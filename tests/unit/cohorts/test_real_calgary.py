"""Calgary Preschool: the table of sessions, names of files, and splits that the table gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mirror.archives import calgary_preschool as files
from mirror.writing import write_nifti
from wbir.cases import Cohort
from wbir.cohorts.calgary_preschool import DATASET, Session, build, image_of, read_sessions
from wbir.data.tree import Tree
from wbir.errors import InputError

HEADER = "participant_id,session_id,age,split,fold\n"


def make(tmp_path: Path, table: str, name: str = "sessions.csv") -> Path:
    data = tmp_path / "data"
    data.mkdir(exist_ok=True)
    (data / name).write_text(table, encoding="utf-8-sig")
    return data


def scans(data: Path, *stems: str) -> None:
    for n, stem in enumerate(stems):
        write_nifti(data / f"{stem}_T1w.nii.gz", np.full((3, 3, 3), float(n), dtype=np.float32))


def run(tmp_path: Path, data: Path, **changes: object) -> Cohort:
    build(tmp_path / "out", source="local", data={DATASET: data}, seed=0, **{"test_share": 0.3, "folds": 1, **changes})  # type: ignore[arg-type]
    return Cohort.open(tmp_path / "out")


def test_splits_of_the_table_take_the_place_of_the_dealing(tmp_path: Path) -> None:
    data = make(tmp_path, HEADER + "1,1,3,test,\n1,10,4,test,\n2,1,5,train,0\n2,2,4.5,train,0\n")
    scans(data, "sub-1_ses-1", "sub-1_ses-10", "sub-2_ses-1", "sub-2_ses-2")
    found = {case.id: case for case in run(tmp_path, data)}
    assert {name: (c.attributes["split"], c.attributes["fold"]) for name, c in found.items()} == {
        "1-1-2": ("test", ""), "2-1-2": ("train", "0"),
    }  # fmt: skip
    assert found["1-1-2"].moving.max() == 0 and found["1-1-2"].fixed.max() == 1, "session 1 is not session 10"
    assert found["2-1-2"].moving.max() == 3 and found["2-1-2"].fixed.max() == 2, "by age, not by session"


@pytest.mark.parametrize(
    "lines",
    ["", "1,1,3,,\n1,1,4,,\n", "1,1,three,,\n", "1,1,-1,,\n", "1,,3,,\n", "1,1,3,exam,\n", "1,1,3,test,\n1,2,4,train,\n",
     "1,1,3,test,\n1,2,4,test,\n2,1,3,,\n2,2,4,,\n"],
)  # fmt: skip
def test_a_table_that_cannot_be_used_is_refused(lines: str, tmp_path: Path) -> None:
    data = make(tmp_path, HEADER + lines)
    scans(data, "sub-1_ses-1", "sub-1_ses-2", "sub-2_ses-1", "sub-2_ses-2")
    with pytest.raises(InputError, match="table"):
        run(tmp_path, data)


def test_two_tables_or_none_are_refused(tmp_path: Path) -> None:
    data = make(tmp_path, HEADER)
    make(tmp_path, HEADER.replace(",", "\t"), "sessions.tsv")
    with pytest.raises(InputError, match=r"one sessions\.tsv or sessions\.csv"):
        read_sessions(Tree(DATASET, data))
    for path in data.iterdir():
        path.unlink()
    with pytest.raises(InputError, match="none in"):
        read_sessions(Tree(DATASET, data))


def test_an_image_has_its_bids_name_or_the_one_in_the_table(tmp_path: Path) -> None:
    scans(
        tmp_path, "sub-1_ses-1", "sub-2_ses-1_run-1", "sub-3_ses-1_run-1", "sub-3_ses-1_run-2", "raw/PS7a", "raw/PS7b"
    )
    tree = Tree(DATASET, tmp_path)
    names = [
        getattr(image_of(tree, session), "name", None)
        for session in (
            Session("1", "1", 3.0), Session("2", "1", 3.0), Session("4", "1", 3.0),
            Session("3", "1", 3.0, "sub-3_ses-1_run-2_T1w.nii.gz"), Session("7", "b", 3.0, "raw/PS7b_T1w.nii.gz"),
        )
    ]  # fmt: skip
    assert names == [
        "sub-1_ses-1_T1w.nii.gz", "sub-2_ses-1_run-1_T1w.nii.gz", None, "sub-3_ses-1_run-2_T1w.nii.gz", "PS7b_T1w.nii.gz",
    ]  # fmt: skip
    with pytest.raises(InputError, match="column `image`"):
        image_of(tree, Session("3", "1", 3.0))


def test_labels_of_another_numbering_are_refused(tmp_path: Path) -> None:
    files.make(tmp_path)
    path = next(tmp_path.rglob("*10001_ses-02_dseg.nii.gz"))
    write_nifti(path, np.full(files.SHAPE, 4, dtype=np.uint8), files.AFFINE)
    with pytest.raises(InputError, match="1 WM, 2 GM, 3 CSF"):
        run(tmp_path, tmp_path)


def test_too_few_children_for_the_folds_are_refused(tmp_path: Path) -> None:
    files.make(tmp_path)
    with pytest.raises(InputError, match="at least 4 children"):
        run(tmp_path, tmp_path, folds=3)
