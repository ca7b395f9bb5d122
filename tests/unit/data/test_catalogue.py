"""The catalogue of data files as committed, and as a careless hand would leave it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wbir.data.catalogue import COLUMNS, UNKNOWN, catalogue, catalogue_path, remote
from wbir.data.package import pinned
from wbir.data.unpack import ARCHIVES
from wbir.errors import InputError
from wbir.files import read_rows, write_rows

HEX = {"sha256": 64, "md5": 32, "gitblob": 40}


def test_every_row_is_complete_and_every_checksum_well_formed() -> None:
    entries = catalogue()
    names = [(entry.dataset, entry.file) for entry in entries]
    assert len(set(names)) == len(names)
    for entry in entries:
        if entry.checksum == UNKNOWN:
            assert entry.checksum_kind in ("recorded on first use", "none published", UNKNOWN)
        else:
            algorithm, _, value = entry.checksum.partition(":")
            assert re.fullmatch(rf"[0-9a-f]{{{HEX[algorithm]}}}", value)
            assert entry.checksum_kind in ("published", "third party", "registry")
        assert all(re.fullmatch(r"\d\d", paper) for paper in entry.feeds.split()) or entry.feeds == "none"


def test_the_catalogue_holds_all_of_nirep() -> None:
    assert len([entry for entry in catalogue() if entry.dataset == "nirep"]) == 32


def test_every_archive_has_a_limit_of_what_may_come_out_of_it() -> None:
    archives = [entry for entry in catalogue() if entry.file.lower().endswith(ARCHIVES)]
    assert archives and not [entry.file for entry in archives if entry.unpacked_limit is None]


def test_wheels_name_no_package_index() -> None:
    wheels = [entry for entry in catalogue() if entry.access == "package"]
    assert wheels and all(pinned(entry) and entry.url == UNKNOWN for entry in wheels)


def test_every_data_set_is_explained() -> None:
    text = (catalogue_path().parents[1] / "docs" / "data-access.md").read_text()
    assert {entry.dataset for entry in catalogue()} <= set(re.findall(r"`([\w-]+)`", text))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("access", "free", "access"),
        ("checksum_kind", "guessed", "checksum_kind"),
        ("licence", "", "empty"),
        ("bytes", "4 MB", "bytes"),
    ],
)
def test_a_careless_row_is_refused(column: str, value: str, said: str, tmp_path: Path) -> None:
    row = {**read_rows(catalogue_path())[0], column: value}
    write_rows(tmp_path / "datasets.csv", [row], COLUMNS)
    with pytest.raises(InputError, match=said):
        catalogue(tmp_path / "datasets.csv")


def test_an_unlisted_file_is_refused() -> None:
    with pytest.raises(InputError, match="nirep/na17"):
        remote("nirep", "na17.nii.gz")
