"""Acquiring a data set: what a person has to do first, what is fetched, verified, unpacked and remembered."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from mirror.listing import inside, listing, row, zipped
from mirror.server import Site
from wbir.data.acquire import acquire
from wbir.errors import InputError
from wbir.files import read_rows

SCANS = {"set/a.txt": b"alpha", "set/deep/b.txt": b"beta"}
ARCHIVE = zipped(SCANS)


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def open_set(site: Site, folder: Path) -> Path:
    """A catalogue of one open data set: an archive with a checksum, a table without."""
    return listing(
        folder / "datasets.csv",
        row("demo", "scans.zip", ARCHIVE, url=site.put("scans.zip", ARCHIVE), feeds="03 06"),
        row("demo", "table.csv", url=site.put("table.csv", b"id,age\n")),
    )


def test_nothing_is_fetched_before_the_terms_are_accepted(site: Site, tmp_path: Path) -> None:
    rows = open_set(site, tmp_path)
    with pytest.raises(InputError, match=r"terms of demo accepted.*HOW-TO-GET.*accept_terms=\[demo\]"):
        acquire("demo", tmp_path / "cache", listing=rows, accepted=["another"])
    assert not site.requests
    assert inside(tmp_path / "cache").keys() == {"demo/HOW-TO-GET.md"}
    page = (tmp_path / "cache" / "demo" / "HOW-TO-GET.md").read_text()
    for said in (
        "https://example.org/demo",
        "CC BY 4.0",
        "accept_terms=[demo]",
        "`scans.zip`",
        str(len(ARCHIVE)),
        "03, 06",
    ):
        assert said in page


def test_an_open_set_is_fetched_verified_and_unpacked_once(site: Site, tmp_path: Path) -> None:
    rows = open_set(site, tmp_path)
    with pytest.raises(InputError):
        acquire("demo", tmp_path / "cache", listing=rows)
    folder = acquire("demo", tmp_path / "cache", listing=rows, accepted=["demo"])
    assert folder == tmp_path / "cache" / "demo"
    assert visible(folder) == ["inventory.csv", "scans.zip", "table.csv", "unpacked"], "the page is gone"
    unpacked = folder / "unpacked" / "scans.zip"
    assert {name: text for name, text in inside(unpacked).items() if name != ".sha256"} == SCANS
    lines = {line["file"]: line for line in read_rows(folder / "inventory.csv")}
    assert lines["scans.zip"]["sha256"] == row("demo", "x", ARCHIVE)["checksum"].removeprefix("sha256:")
    assert [lines[name]["checked"] for name in ("scans.zip", "table.csv")] == ["published", "recorded on first use"]
    before, place = inside(folder), unpacked.stat().st_ino
    acquire("demo", tmp_path / "cache", listing=rows)  # no acceptance is asked for what is there
    assert inside(folder) == before and unpacked.stat().st_ino == place and len(site.requests) == 2


@pytest.mark.parametrize("access", ["registration", "request", "private", "open"])
def test_what_may_not_be_fetched_is_put_there_by_a_person(access: str, site: Site, tmp_path: Path) -> None:
    """An open set without an address is one of these."""
    url = "unknown" if access == "open" else site.put("scans.zip", ARCHIVE)
    rows = listing(tmp_path / "datasets.csv", row("demo", "scans.zip", ARCHIVE, access=access, url=url))
    folder = tmp_path / "cache" / "demo"
    with pytest.raises(InputError, match=rf"the files of demo in .*access: {access}.*HOW-TO-GET"):
        acquire("demo", tmp_path / "cache", listing=rows, accepted=["demo"])
    page = (folder / "HOW-TO-GET.md").read_text()
    assert f"into `{folder}/`" in page and "`scans.zip`" in page and "data={demo: FOLDER}" in page
    (folder / "scans.zip").write_bytes(ARCHIVE[:-1] + b"x")
    with pytest.raises(InputError, match=r"scans\.zip of demo as the catalogue has it, got sha256:.*delete"):
        acquire("demo", tmp_path / "cache", listing=rows)
    assert not (folder / "unpacked").exists() and not (folder / "inventory.csv").exists()
    (folder / "scans.zip").write_bytes(ARCHIVE)
    acquire("demo", tmp_path / "cache", listing=rows)
    assert (folder / "unpacked" / "scans.zip" / "set" / "a.txt").read_bytes() == b"alpha"
    assert visible(folder) == ["inventory.csv", "scans.zip", "unpacked"] and not site.requests


def test_what_was_in_the_archive_serves_as_well(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = listing(tmp_path / "datasets.csv", row("demo", "scans.zip", ARCHIVE, access="request"))
    (tmp_path / "cache" / "demo" / "set").mkdir(parents=True)
    folder = acquire("demo", tmp_path / "cache", listing=rows)
    assert read_rows(folder / "inventory.csv") == [] and "scans.zip is not in" in caplog.text


def test_where_no_names_are_known_whatever_lies_there_is_taken(tmp_path: Path) -> None:
    rows = listing(
        tmp_path / "datasets.csv", row("demo", "unknown", access="request", unpacked_limit="1000"), row("demo", "scans")
    )
    folder = tmp_path / "cache" / "demo"
    (folder / "scans").mkdir(parents=True)
    (folder / "some.zip").write_bytes(ARCHIVE)
    acquire("demo", tmp_path / "cache", listing=rows)
    checked = {line["file"]: line["checked"] for line in read_rows(folder / "inventory.csv")}
    assert checked == {"scans": "a folder", "some.zip": "recorded on first use"}
    assert (folder / "unpacked" / "some.zip" / "set" / "a.txt").exists()


def test_the_inventory_is_a_lock_file(site: Site, tmp_path: Path) -> None:
    """A file that nobody gives a checksum of must stay the one of the first time, whoever changes it."""
    rows = open_set(site, tmp_path)
    folder = acquire("demo", tmp_path / "cache", listing=rows, accepted=["demo"])
    locked = (folder / "inventory.csv").read_bytes()
    (folder / "table.csv").write_bytes(b"changed")
    with pytest.raises(InputError, match=r"table\.csv with the SHA-256 recorded on first use"):
        acquire("demo", tmp_path / "cache", listing=rows, accepted=["demo"])
    (folder / "table.csv").unlink()
    site.put("table.csv", b"the publisher's new one")
    with pytest.raises(InputError, match=r"recorded on first use.*its line in inventory\.csv"):
        acquire("demo", tmp_path / "cache", listing=rows, accepted=["demo"])
    assert (folder / "inventory.csv").read_bytes() == locked
    (folder / "inventory.csv").unlink()
    acquire("demo", tmp_path / "cache", listing=rows, accepted=["demo"])


def test_another_archive_of_that_name_is_unpacked_anew(site: Site, tmp_path: Path) -> None:
    url = site.put("scans.zip", ARCHIVE)
    rows = listing(tmp_path / "datasets.csv", row("demo", "scans.zip", ARCHIVE, url=url))
    folder = acquire("demo", tmp_path / "cache", listing=rows, accepted=["demo"])
    other = zipped({"set/c.txt": b"gamma"})
    (folder / "scans.zip").write_bytes(other)
    listing(rows, row("demo", "scans.zip", other, url=url))
    acquire("demo", tmp_path / "cache", listing=rows)
    assert inside(folder / "unpacked" / "scans.zip").keys() == {".sha256", "set/c.txt"}


def test_archives_of_one_stem_do_not_meet(site: Site, tmp_path: Path) -> None:
    files = {"v1.0-a.zip": zipped({"a.txt": b"a"}), "v1.0-b.zip": zipped({"b.txt": b"b"})}
    rows = [row("demo", name, content, url=site.put(name, content)) for name, content in files.items()]
    folder = acquire("demo", tmp_path, listing=listing(tmp_path / "datasets.csv", *rows), accepted=["demo"])
    assert sorted(p.name for p in (folder / "unpacked").rglob("*.txt")) == ["a.txt", "b.txt"]


def test_an_archive_without_a_limit_stays_packed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = listing(
        tmp_path / "datasets.csv", row("demo", "scans.zip", ARCHIVE, access="request", unpacked_limit="none")
    )
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "scans.zip").write_bytes(ARCHIVE)
    folder = acquire("demo", tmp_path, listing=rows)
    assert not (folder / "unpacked").exists() and "scans.zip stays packed" in caplog.text


def test_open_files_are_fetched_beside_ones_that_are_not(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = listing(
        tmp_path / "datasets.csv",
        row("demo", "scans.zip", ARCHIVE, url=site.put("scans.zip", ARCHIVE)),
        row("demo", "labels.zip", ARCHIVE, access="request"),
    )
    with caplog.at_level(logging.WARNING):
        folder = acquire("demo", tmp_path / "cache", listing=rows, accepted=["demo"])
    assert "labels.zip is not in" in caplog.text
    assert [line["file"] for line in read_rows(folder / "inventory.csv")] == ["scans.zip"]


def test_two_at_once_fetch_each_file_once(site: Site, tmp_path: Path) -> None:
    rows = open_set(site, tmp_path)
    both = [
        threading.Thread(
            target=acquire, args=("demo", tmp_path / "cache"), kwargs={"listing": rows, "accepted": ["demo"]}
        )
        for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(path for path, _ in site.requests) == ["scans.zip", "table.csv"]
    assert visible(tmp_path / "cache" / "demo") == ["inventory.csv", "scans.zip", "table.csv", "unpacked"]


def test_an_unlisted_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no-such"):
        acquire("no-such", tmp_path)
    assert list(tmp_path.iterdir()) == []
