"""Learn2Reg's format and the OASIS brains: which way arrays run, splits and pairs, and one line for what cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirror.archives import learn2reg_abdomen as abdomen
from mirror.archives import learn2reg_lung as lung
from mirror.archives import neurite_oasis as neurite
from mirror.learn2reg import brain
from wbir.anatomy.directions import BRAIN_35, true_frame
from wbir.cases import Cohort
from wbir.cohorts import learn2reg_abdomen, learn2reg_lung, neurite_oasis
from wbir.cohorts._oasis import OFFICIAL, STRUCTURES, choose
from wbir.cohorts.neurite_oasis import read_table, subset
from wbir.errors import InputError
from wbir.files import write_text
from wbir.geometry.frames import Frame
from wbir.images import read_image, write_image


def unpacked(archive: Any, folder: Path) -> Path:
    """The miniature of a data set as a person unpacks it."""
    folder.mkdir()
    archive.make(folder)
    for path in folder.iterdir():
        shutil.unpack_archive(path, folder)
        path.unlink()
    return folder


def lungs(folder: Path, out: Path, **changes: Any) -> Cohort:
    parameters = {**learn2reg_lung.COHORT["parameters"], **changes}  # type: ignore[dict-item]
    learn2reg_lung.build(out, source="local", data={"learn2reg-lung": folder}, seed=0, **parameters)
    return Cohort.open(out)


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1)])
@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, -1)])
def test_structures_tell_how_an_array_runs(order: tuple[int, int, int], flip: tuple[int, int, int]) -> None:
    labels = np.transpose(brain((20, 28, 24), 1)[1], order)[tuple(slice(None, None, sign) for sign in flip)]
    axes = BRAIN_35.axes(labels)
    assert axes == tuple(zip(order, flip, strict=True))
    frame = true_frame(Frame.of(labels.shape, (1.0, 2.0, 3.0)), axes)
    assert frame.spacing == (1.0, 2.0, 3.0)
    corners = frame.to_world(np.array([[0, 0, 0], np.array(labels.shape) - 1]))
    assert np.array_equal(corners.min(axis=0), [0, 0, 0]), "the origin is the corner furthest left, back and down"
    with pytest.raises(InputError, match=r"labels \[1\]"):
        BRAIN_35.axes(np.where(labels == 1, 0, labels))


def test_a_header_that_tells_the_truth_is_kept() -> None:
    frame = Frame((4, 5, 6), np.array([[-2.0, 0.1, 0, 30], [0.1, 2, 0, -7], [0, 0, 2, 11], [0, 0, 0, 1]]))
    assert true_frame(frame, ((0, -1), (1, 1), (2, 1))) is frame
    assert true_frame(frame, ((0, 1), (1, 1), (2, 1))) is not frame


def test_structures_have_the_published_numbers() -> None:
    published = {2: "left cerebral cortex", 11: "3rd ventricle", 13: "brain stem", 14: "left hippocampus", 19: "left choroid plexus",
                 20: "right cerebral white matter", 29: "right pallidum", 30: "right hippocampus", 35: "right choroid plexus"}  # fmt: skip
    assert published.items() <= STRUCTURES.items() and len(STRUCTURES) == 35
    assert len(OFFICIAL) == 19 and OFFICIAL[0] == (395, 396) and OFFICIAL[-1] == (413, 414)


def test_subjects_held_out_are_in_no_training_pair() -> None:
    subjects = [f"{n:04d}" for n in range(30)]
    official = [("0395", "0396")]
    chosen = choose(subjects, official, {"train": 40, "validation": 6}, 5, seed=1)
    assert chosen == choose(subjects, official, {"train": 40, "validation": 6}, 5, seed=1)
    assert chosen != choose(subjects, official, {"train": 40, "validation": 6}, 5, seed=2)
    people = {split: {s for c in chosen if c.split == split for s in c.pair} for split in ("train", "validation")}
    assert len(people["validation"]) <= 5 and not people["train"] & people["validation"]
    assert [c.pair for c in chosen if c.split == "test"] == official and len(chosen) == 47
    assert len(choose(subjects, [], {"train": None}, 28, seed=0)) == 2
    for wrong in ({"train": 40, "test": 3}, {"train": 31 * 30}):
        with pytest.raises(InputError):
            choose(subjects, official, wrong, 0, seed=0)
    with pytest.raises(InputError, match="held out"):
        choose(subjects, official, {"train": 1}, 31, seed=0)


def test_labels_of_a_part_are_found_by_name(tmp_path: Path) -> None:
    write_text(
        tmp_path / "a.txt", "# No. Name R G B A\n0 Unknown 0 0 0 0\n 3  Left-Thalamus 1 2 3 0\n\n7 Brain-Stem 1 1 1 0\n"
    )
    table = read_table(tmp_path / "a.txt")
    assert table == {3: "left thalamus", 7: "brain stem"}
    assert subset(table, {2: "brain stem"}).tolist() == [0, 0, 0, 0, 0, 0, 0, 2]
    with pytest.raises(InputError, match="spleen"):
        subset(table, {1: "spleen"})
    write_text(tmp_path / "b.txt", "no table\n")
    with pytest.raises(InputError, match="colour"):
        read_table(tmp_path / "b.txt")


def test_neurites_labels_are_the_ones_asked_for(tmp_path: Path) -> None:
    data = {"neurite-oasis": unpacked(neurite, tmp_path / "data")}
    wanted: dict[str, Any] = {"pairs": {"train": 0, "validation": 1}, "held_out": 2}
    neurite_oasis.build(tmp_path / "out", source="local", data=data, seed=0, labels="seg35", **wanted)
    cohort = Cohort.open(tmp_path / "out")
    assert [row["split"] for row in cohort.rows] == ["validation", "test"]
    assert np.array_equal(cohort.case("0395-0396").moving_labels, brain(neurite.SHAPE, 396)[1])  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"seg4_labels\.txt"):
        neurite_oasis.build(tmp_path / "no", source="local", data=data, seed=0, labels="seg4", **wanted)
    with pytest.raises(InputError, match="seg36"):
        neurite_oasis.build(tmp_path / "no", source="local", data=data, seed=0, labels="seg36", **wanted)


def test_landmarks_in_place_of_keypoints_and_pairs_by_number(tmp_path: Path) -> None:
    data = unpacked(lung, tmp_path / "data")
    cohort = lungs(data, tmp_path / "out", points="landmarks", pairs=[5, 1])
    assert [row["case"] for row in cohort.rows] == ["learn2reg-01", "learn2reg-05"]
    first, second = cohort
    assert first.fixed_points is not None and len(first.fixed_points) == 1 and second.fixed_points is None
    with pytest.raises(InputError, match=r"pairs \[2\]"):
        lungs(data, tmp_path / "no", pairs=[1, 2])
    with pytest.raises(InputError, match="points"):
        lungs(data, tmp_path / "no", points="nodules")


@pytest.mark.parametrize(
    ("file", "damage", "words"),
    [
        ("LungCT_dataset.json", b"{", "description of a Learn2Reg task"),
        ("LungCT_dataset.json", b'{"training": [{"label": 1}], "test": []}', "description of a Learn2Reg task"),
        ("LungCT_dataset.json", b'{"training": [], "test": []}', "scans that LungCT_dataset.json names"),
        ("keypointsTr/LungCT_0001_0000.csv", b"1,2\n3,4\n", "three numbers"),
        ("keypointsTr/LungCT_0001_0000.csv", b"x,y,z\n1,2,3\n", "three numbers"),
        ("keypointsTr/LungCT_0001_0001.csv", b"1,2,3\n", "as many fixed as moving points"),
        ("imagesTr/LungCT_0001_0001.nii.gz", (20, 18, 21), "of shape"),
        ("masksTr/LungCT_0001_0001.nii.gz", None, "two scans of one shape"),
    ],
)
def test_damaged_files_are_refused_in_one_line(file: str, damage: Any, words: str, tmp_path: Path) -> None:
    root = unpacked(lung, tmp_path / "data") / "LungCT"
    if isinstance(damage, bytes):
        (root / file).write_bytes(damage)
    else:  # an image that its mask does not fit, or without one that its pair does not fit
        image, frame = read_image(root / "imagesTr/LungCT_0001_0001.nii.gz")
        cut = Frame((20, 18, 21), frame.affine)
        write_image(root / "imagesTr/LungCT_0001_0001.nii.gz", image[:, :, :21], cut)
        if damage is None:
            (root / file).unlink()
    with pytest.raises(InputError, match=words):
        lungs(root, tmp_path / "out")


def test_an_archive_that_nobody_unpacked_is_named(tmp_path: Path) -> None:
    abdomen.make(tmp_path)
    data = {"learn2reg-abdomen": tmp_path}
    with pytest.raises(InputError, match=r"archives: AbdomenCTCT.zip"):
        learn2reg_abdomen.build(tmp_path / "out", source="local", data=data, seed=0, train_pairs=1, test_pairs=None)


def test_official_pairs_can_be_drawn_and_no_more_than_there_are(tmp_path: Path) -> None:
    data = {"learn2reg-abdomen": unpacked(abdomen, tmp_path / "data")}
    learn2reg_abdomen.build(tmp_path / "out", source="local", data=data, seed=0, train_pairs=0, test_pairs=2)
    rows = Cohort.open(tmp_path / "out").rows
    assert len(rows) == 2 and {row["case"] for row in rows} < {"0001-0004", "0001-0007", "0004-0007"}
    for train, test in ((2, None), (1, 4)):
        with pytest.raises(InputError, match="pairs"):
            learn2reg_abdomen.build(
                tmp_path / "no", source="local", data=data, seed=0, train_pairs=train, test_pairs=test
            )
