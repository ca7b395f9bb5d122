"""Downloads against a server that cuts, lies, fails, redirects and answers with web pages."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import Site, body, redirect, running

from wbir.data.catalogue import Remote
from wbir.data.checksums import digest, matches, record_path
from wbir.data.fetch import fetch
from wbir.errors import InputError

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A running site; no proxy stands between."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as pages:
        yield pages


def source(url: str, checksum: str = "", size: int | None = None, kind: str = "published") -> Remote:
    checksum = checksum or f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    return Remote("demo", "scan.zip", "open", "https://example.org/demo", url, "CC0", checksum, kind, size, "none", "-")


def get(remote: Remote, folder: Path, retries: int = 2) -> Path:
    return fetch(remote, folder, retries=retries, wait_s=0.0)


def test_a_file_arrives_whole_and_is_not_fetched_twice(site: Site, tmp_path: Path) -> None:
    remote = source(site.serve("/a", body(CONTENT)), size=len(CONTENT))
    path = get(remote, tmp_path / "new" / "folder")
    assert path.read_bytes() == CONTENT
    assert get(remote, path.parent) == path
    assert site.hits["/a"] == 1
    assert [p.name for p in path.parent.iterdir()] == ["scan.zip"]


def test_progress_is_told_on_standard_error(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    get(source(site.serve("/a", body(CONTENT))), tmp_path)
    captured = capsys.readouterr()
    assert "scan.zip: 100%" in captured.err and not captured.out


def test_a_server_error_is_tried_again(site: Site, tmp_path: Path) -> None:
    remote = source(site.serve("/a", body(b"busy", status=500), body(CONTENT)))
    assert get(remote, tmp_path).read_bytes() == CONTENT
    assert site.hits["/a"] == 2


def test_a_cut_transfer_is_tried_again(site: Site, tmp_path: Path) -> None:
    remote = source(site.serve("/a", body(CONTENT[:999], claim=len(CONTENT)), body(CONTENT)))
    assert get(remote, tmp_path).read_bytes() == CONTENT


def test_a_redirect_is_followed(site: Site, tmp_path: Path) -> None:
    site.serve("/b", body(CONTENT))
    assert get(source(site.serve("/a", redirect(site.url("/b")))), tmp_path).read_bytes() == CONTENT


HTML = b"\n<!DOCTYPE html><html><body>Please log in</body></html>"
FAULTS = {
    "cut": ([body(CONTENT[:999], claim=len(CONTENT))], "3 tries", 3),
    "short": ([body(CONTENT[:999])], "999 bytes where 10240 are expected", 3),
    "wrong checksum": ([body(CONTENT[::-1])], "sha256", 3),
    "server error": ([body(b"", status=503)], "HTTP status 503", 3),
    "not found": ([body(b"", status=404)], "HTTP status 404", 1),
    "forbidden": ([body(HTML, status=403)], "HTTP status 403", 1),
    "web page": ([body(HTML, kind="text/html")], "a web page", 1),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_said_and_leaves_nothing(name: str, site: Site, tmp_path: Path) -> None:
    answers, said, tries = FAULTS[name]
    with pytest.raises(InputError, match=said) as error:
        get(source(site.serve("/a", *answers), size=len(CONTENT)), tmp_path)
    assert "docs/data-access.md" in str(error.value)
    assert list(tmp_path.iterdir()) == []
    assert site.hits["/a"] == tries


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 tries"):
        get(source("http://127.0.0.1:9/scan.zip"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_public_address_says_where_to_ask(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no public URL is known.*https://example.org/demo"):
        get(source("unknown"), tmp_path)


def test_a_damaged_file_in_the_cache_is_fetched_anew(site: Site, tmp_path: Path) -> None:
    remote = source(site.serve("/a", body(CONTENT)))
    (tmp_path / "scan.zip").write_bytes(CONTENT[:100])
    assert get(remote, tmp_path).read_bytes() == CONTENT


def test_a_file_put_there_by_hand_serves_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "scan.zip").write_bytes(CONTENT)
    assert get(source("unknown"), tmp_path).read_bytes() == CONTENT


def test_an_unknown_checksum_is_recorded_on_first_use_and_compared_ever_after(site: Site, tmp_path: Path) -> None:
    remote = source(site.serve("/a", body(CONTENT), body(CONTENT[::-1])), "unknown", kind="recorded on first use")
    path = get(remote, tmp_path)
    record = record_path(path)
    assert record.read_text() == f"{hashlib.sha256(CONTENT).hexdigest()}  scan.zip\n"
    path.write_bytes(b"changed")
    with pytest.raises(InputError, match="recorded on first use"):
        get(remote, tmp_path)
    path.unlink()  # the publisher now sends other bytes
    with pytest.raises(InputError, match="recorded on first use"):
        get(remote, tmp_path)
    assert not path.exists() and record.exists()


def test_an_md5_is_checked_and_the_sha256_recorded(site: Site, tmp_path: Path) -> None:
    remote = source(site.serve("/a", body(CONTENT)), f"md5:{hashlib.md5(CONTENT).hexdigest()}")
    assert record_path(get(remote, tmp_path)).exists()


def test_the_git_blob_id_is_gits(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    asked = subprocess.run(
        ["git", "hash-object", "--no-filters", str(path)], capture_output=True, text=True, check=True
    )
    assert digest(path, "gitblob") == asked.stdout.strip()


def test_an_unknown_algorithm_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(InputError, match="crc32"):
        matches(path, "crc32:00")
