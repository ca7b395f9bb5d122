"""Cases and images on disk: a round trip, and one clear line for what cannot be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wbir.cases import Case, Cohort, CohortWriter, check_case
from wbir.errors import InputError
from wbir.files import folder_written_whole, written_whole
from wbir.geometry.frames import Frame
from wbir.images import read_image, write_image

FRAME = Frame((4, 5, 6), np.array([[0, -2, 0, 10], [1, 0, 0, -3], [0, 0, 3, 7], [0, 0, 0, 1]], dtype=float))
RNG = np.random.default_rng(0)
CASE = Case(
    id="a-1",
    frame=FRAME,
    fixed=RNG.random(FRAME.shape).astype(np.float32),
    moving=RNG.random(FRAME.shape).astype(np.float32),
    fixed_labels=RNG.integers(0, 4, FRAME.shape).astype(np.int16),
    fixed_mask=RNG.random(FRAME.shape) > 0.5,
    fixed_points=RNG.random((7, 3)) * 4,
    truth=RNG.normal(size=(3, *FRAME.shape)).astype(np.float32),
    truth_matrix=np.eye(4),
    attributes={"split": "train", "group": "x"},
)


def test_a_case_comes_back_as_it_was(tmp_path: Path) -> None:
    writer = CohortWriter(tmp_path, {"title": "t"}, {1: "one", 2: "two"})
    writer.add(CASE)
    writer.close()
    cohort = Cohort.open(tmp_path)
    case = cohort.case("a-1")
    for name in ("fixed", "moving", "fixed_labels", "fixed_mask"):
        np.testing.assert_array_equal(getattr(case, name), getattr(CASE, name))
    np.testing.assert_allclose(case.truth, CASE.truth, atol=1e-6)
    np.testing.assert_allclose(case.fixed_points, CASE.fixed_points, atol=1e-8)
    np.testing.assert_allclose(case.frame.affine, FRAME.affine)
    assert case.attributes == {"split": "train", "group": "x"} and case.moving_labels is None
    assert len(cohort.select(split="train")) == 1 and len(cohort.select(split="test")) == 0
    assert cohort.label_names() == {1: "one", 2: "two"}


@pytest.mark.parametrize("links", [True, False])
def test_what_two_cases_share_is_packed_once_and_reads_the_same(
    links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError("no hard links here")

    if not links:
        monkeypatch.setattr("os.link", refused)
    other = replace(CASE, id="b", fixed=CASE.moving, moving=CASE.fixed)
    moved = replace(CASE, id="c", frame=Frame(FRAME.shape, FRAME.affine @ np.diag([1.0, 1.0, 2.0, 1.0])))
    writer = CohortWriter(tmp_path / "shared", {"title": "t"})
    for case in (CASE, other, moved):
        writer.add(case)
    writer.close()
    places = [tmp_path / "shared" / name for name in ("a-1/fixed.nii.gz", "b/moving.nii.gz", "c/fixed.nii.gz")]
    assert places[0].samefile(places[1]) == links and not places[0].samefile(places[2]), "another grid is another file"
    for case in (other, moved):
        writer = CohortWriter(tmp_path / case.id, {"title": "t"})
        writer.add(case)
        for path in (tmp_path / case.id / case.id).iterdir():
            assert path.read_bytes() == (tmp_path / "shared" / case.id / path.name).read_bytes()
    write_image(places[1], CASE.moving, FRAME)
    np.testing.assert_array_equal(read_image(places[0])[0], CASE.fixed)  # a name that is written anew leaves the other


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "../a"}, "a case id"),
        ({"moving": np.zeros((4, 5), np.float32)}, "on the fixed grid"),
        ({"fixed": np.full(FRAME.shape, np.nan, np.float32)}, "NaN or infinity"),
        ({"truth": np.zeros((*FRAME.shape, 3), np.float32)}, "check the axis order"),
    ],
)
def test_a_broken_case_is_refused(change: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_case(replace(CASE, **change))


def test_damaged_missing_and_4d_images_are_refused(tmp_path: Path) -> None:
    import nibabel

    path = tmp_path / "image.nii.gz"
    with pytest.raises(InputError, match="nothing at"):
        read_image(path)
    write_image(path, CASE.fixed, FRAME)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="fetch or write it again"):
        read_image(path)
    path.write_text("not an image")
    with pytest.raises(InputError, match="a NIfTI image"):
        read_image(path)
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3, 2), np.float32), np.eye(4)), path)
    with pytest.raises(InputError, match="extract one volume"):
        read_image(path)


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), written_whole(tmp_path / "file.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    with pytest.raises(RuntimeError), folder_written_whole(tmp_path / "folder") as temporary:
        (temporary / "x").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_case_names_the_cohort(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run the step that writes it first"):
        Cohort.open(tmp_path)
    writer = CohortWriter(tmp_path, {})
    with pytest.raises(InputError, match="at least one case"):
        writer.close()
    writer.add(CASE)
    writer.close()
    with pytest.raises(InputError, match="a case of"):
        Cohort.open(tmp_path).case("b")
