"""Labelled brains in pairs: who is drawn, that a subject is read once, tables of regions, and what each reader refuses."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mirror.archives import hcp as hcp_files
from mirror.archives import lpba40 as lpba40_files
from mirror.archives import miccai2012 as miccai2012_files
from mirror.archives import oasis_trt_20 as oasis_files
from mirror.writing import write_nifti
from wbir.cases import Cohort
from wbir.cohorts import hcp, lpba40, miccai2012, oasis_trt_20
from wbir.cohorts._brain_labels import DKT31, LPBA40, NEUROMORPHOMETRICS
from wbir.cohorts._scans import Scan, canonical_scan
from wbir.cohorts._subjects import choose_pairs, deal, pair_cases
from wbir.data.tree import Tree
from wbir.data.unpack import unpack, unpack_nested
from wbir.errors import InputError
from wbir.geometry.frames import Frame

GROUPS = {"train": ["a", "b", "c"], "test": ["d", "e", "f", "g"]}


def build(module: Any, folder: Path, data: Path, **changes: Any) -> Cohort:
    spec = module.COHORT
    dataset = spec.get("datasets", [module.__name__.rsplit(".", 1)[1]])[0]
    parameters = {**spec["parameters"], **spec["tiny"], **changes}
    module.build(folder, source="local", data={dataset: data}, seed=0, **parameters)
    return Cohort.open(folder)


def test_pairs_stay_within_a_split_and_come_in_the_number_asked_for() -> None:
    chosen = choose_pairs(GROUPS, {"train": None, "test": 5}, 0)
    assert len(chosen) == 6 + 5 and len(set(chosen)) == 11
    assert all(set(pair) <= set(GROUPS[split]) for split, pair in chosen)
    assert (
        chosen
        == choose_pairs(GROUPS, {"train": None, "test": 5}, 0)
        != choose_pairs(GROUPS, {"train": None, "test": 5}, 1)
    )


def test_one_fixed_subject_meets_every_other_one_or_those_that_may_move() -> None:
    assert choose_pairs(GROUPS, {"test": None}, 0, fixed="a") == [("test", ("a", m)) for m in "defg"]
    assert choose_pairs(GROUPS, {"train": None}, 0, fixed="a") == [("train", ("a", "b")), ("train", ("a", "c"))]
    assert choose_pairs(GROUPS, {"test": None}, 0, fixed="d", moving=["g", "e"]) == [
        ("test", ("d", "e")),
        ("test", ("d", "g")),
    ]
    assert len(choose_pairs(GROUPS, {"test": 3}, 0, fixed="a")) == 3


@pytest.mark.parametrize(
    ("counts", "changes"),
    [({"test": 13}, {}), ({"test": 5}, {"fixed": "a"}), ({"exam": 1}, {}), ({"test": -1}, {}), ({"test": 1}, {"fixed": "x"}),
     ({"test": 1}, {"moving": ["d", "x"]})],
)  # fmt: skip
def test_pairs_that_cannot_be_had_are_refused(counts: dict[str, int | None], changes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        choose_pairs(GROUPS, counts, 0, **changes)


def test_subjects_are_dealt_to_splits_without_overlap_and_the_rest_goes_where_no_number_is() -> None:
    groups = deal(list("abcdefgh"), {"train": None, "validation": 2, "test": 3}, 0)
    assert [len(groups[split]) for split in ("train", "validation", "test")] == [3, 2, 3]
    assert sorted(itertools.chain(*groups.values())) == list("abcdefgh")
    with pytest.raises(InputError):
        deal(list("ab"), {"train": 2, "test": 1}, 0)


def test_a_subject_of_one_fixed_subjects_pairs_is_read_once() -> None:
    reads: list[str] = []

    def read(subject: str) -> Scan:
        reads.append(subject)
        return Scan(np.full((2, 2, 2), float(ord(subject))), Frame.of((2, 2, 2)))

    cases = list(pair_cases(choose_pairs(GROUPS, {"test": None}, 0), read))
    assert sorted(reads) == list("defg") and len(cases) == 12
    assert cases[0].id == "d-e" and cases[0].fixed[0, 0, 0] == ord("d") and cases[0].moving[0, 0, 0] == ord("e")


def test_tables_of_regions_hold_what_their_owners_count() -> None:
    assert (len(LPBA40), len(NEUROMORPHOMETRICS), len(DKT31)) == (56, 134, 62)
    for table in (LPBA40, NEUROMORPHOMETRICS, DKT31):
        left, right = (
            {n.removeprefix(side) for n in table.values() if n.startswith(side)} for side in ("left ", "right ")
        )
        assert left == right and len(set(table.values())) == len(table)
    assert NEUROMORPHOMETRICS[48] == "left hippocampus" and NEUROMORPHOMETRICS[100] == "right anterior cingulate gyrus"


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
def test_lpba40_regions_orient_a_volume_however_it_is_turned(axes: tuple[int, ...], flips: tuple[int, ...]) -> None:
    labels = np.zeros(lpba40_files.SHAPE, dtype=np.int16)
    for number, place in lpba40_files.REGIONS.items():
        labels[place] = number
    spacing = lpba40_files.SPACING
    straight = canonical_scan(Scan(labels, lpba40.anatomical_frame(labels, spacing, "S01")))
    turned = np.flip(labels.transpose(axes), flips)
    found = canonical_scan(Scan(turned, lpba40.anatomical_frame(turned, [spacing[a] for a in axes], "S01")))
    np.testing.assert_array_equal(found.image, straight.image)
    np.testing.assert_allclose(found.frame.affine, straight.frame.affine)


def lpba40_folder(tmp_path: Path) -> Path:
    lpba40_files.make(tmp_path)
    archive = next(tmp_path.glob("*.zip"))
    return unpack_nested(archive, tmp_path / "unpacked", limit_bytes=10**8)


def test_lpba40_refuses_a_cut_volume_and_labels_without_regions(tmp_path: Path) -> None:
    data = lpba40_folder(tmp_path)
    volume = next(data.rglob("S11.delineation.skullstripped.img.gz"))
    with gzip.open(volume) as stream:
        voxels = stream.read()
    volume.write_bytes(gzip.compress(voxels[:100]))
    with pytest.raises(InputError, match="a complete NIfTI file"):
        build(lpba40, tmp_path / "cut", data)
    volume.write_bytes(gzip.compress(voxels))
    labels = next(data.rglob("S11.delineation.structure.label.img.gz"))
    labels.write_bytes(gzip.compress(bytes(len(voxels))))
    with pytest.raises(InputError, match="all regions of LPBA40"):
        build(lpba40, tmp_path / "empty", data)


def test_lpba40_says_who_is_missing_and_refuses_one_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = lpba40_folder(tmp_path)
    cohort = build(lpba40, tmp_path / "out", data, pairs={"train": None, "validation": 0, "test": 0}, fixed="S12")
    assert [case.id for case in cohort] == ["S12-S01", "S12-S02"]
    assert "left out: S03" in capsys.readouterr().err
    with pytest.raises(InputError, match="S40"):
        build(lpba40, tmp_path / "out", data, fixed="S40")


def test_lpba40_reads_a_volume_that_was_unpacked_by_hand(tmp_path: Path) -> None:
    data = lpba40_folder(tmp_path)
    for packed in data.rglob("*.img.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    lpba40_files.check(build(lpba40, tmp_path / "out", data))


def test_miccai2012_keeps_the_scored_regions_or_merges_them(tmp_path: Path) -> None:
    miccai2012_files.make(tmp_path)
    case = next(iter(build(miccai2012, tmp_path / "out", tmp_path)))
    assert case.fixed_labels is not None
    assert set(np.unique(case.fixed_labels)) == {0, *miccai2012_files.WORLD} - {63}, "63 was not scored"
    table = miccai2012.numbers("tissues")
    assert {n: int(table[n]) for n in (4, 35, 40, 45, 47, 48, 59, 73, 110, 207)} == {
        4: 0, 35: 0, 40: 1, 45: 1, 47: 4, 48: 3, 59: 2, 73: 2, 110: 0, 207: 2,
    }  # fmt: skip
    assert np.count_nonzero(table == 2) == 98 + 19


@pytest.mark.parametrize("changes", [{"fixed": "1023"}, {"moving": ["1038"]}, {"labels": "lobes"}])
def test_miccai2012_takes_no_rescan_and_no_unknown_labels(changes: dict[str, Any], tmp_path: Path) -> None:
    miccai2012_files.make(tmp_path)
    with pytest.raises(InputError):
        build(miccai2012, tmp_path / "out", tmp_path, **changes)


def test_miccai2012_refuses_other_numbers(tmp_path: Path) -> None:
    miccai2012_files.make(tmp_path)
    path = next(tmp_path.rglob("1003_3_glm.nii.gz"))
    write_nifti(
        path,
        np.full((24, 18, 20), 300, dtype=np.int16),
        np.array([[0, 0, 1, -9], [-1, 0, 0, 12], [0, 1, 0, -10], [0, 0, 0, 1.0]]),
    )
    with pytest.raises(InputError, match="0 to 207"):
        build(miccai2012, tmp_path / "out", tmp_path)


def test_oasis_reads_either_space(tmp_path: Path) -> None:
    oasis_files.make(tmp_path)
    data = unpack(next(tmp_path.glob("*.tar.gz")), tmp_path / "unpacked", limit_bytes=10**8)
    cohort = build(oasis_trt_20, tmp_path / "out", data, space="MNI152")
    assert all(case.frame.shape == (5, 5, 5) for case in cohort)
    with pytest.raises(InputError):
        build(oasis_trt_20, tmp_path / "out", data, space="Talairach")


def test_hcp_pairs_people_too_and_leaves_out_who_lacks_a_contrast(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hcp_files.make(tmp_path)
    cohort = build(hcp, tmp_path / "out", tmp_path, between_subjects=True)
    assert [case.id for case in cohort] == ["900001-900002", "900002-900001"]
    assert [(case.fixed.min(), case.moving.max()) for case in cohort] == [(100, 301), (101, 300)]
    assert "left out: 900003" in capsys.readouterr().err
    everyone = {"train": 0, "validation": 0, "test": None}
    cohort = build(hcp, tmp_path / "T1", tmp_path, between_subjects=True, modalities=["T1w", "T1w"], subjects=everyone)
    assert len(cohort) == 6
    for wrong in (["T1w", "T1w"], ["T1w", "FLAIR"], ["T1w"]):
        with pytest.raises(InputError):
            build(hcp, tmp_path / "wrong", tmp_path, modalities=wrong)


def test_an_empty_folder_is_refused_by_every_reader(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert Tree("any", tmp_path / "empty").all("*") == []
    for module in (lpba40, miccai2012, oasis_trt_20, hcp):
        with pytest.raises(InputError, match=r"docs/data-access\.md"):
            build(module, tmp_path / "out", tmp_path / "empty")
