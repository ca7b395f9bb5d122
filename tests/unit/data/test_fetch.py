"""Downloads against a server that cuts, lies, fails, redirects and answers with web pages."""

from __future__ import annotations

import datetime
import email.utils
import hashlib
import subprocess
from pathlib import Path

import pytest

from mirror.server import Site, cut, redirect, reply, serve, stall, whole
from wbir.data.catalogue import Remote
from wbir.data.checksums import digest, matches
from wbir.data.fetch import Patience, fetch
from wbir.data.transfer import BLOCK, Partial
from wbir.errors import InputError

CONTENT = b"".join(n.to_bytes(4, "big") for n in range(BLOCK))  # four blocks, no two alike
FILE = "scan.zip"
HTML = b"\n<!DOCTYPE html><html><body>Please log in</body></html>"
SOON = Patience(retries=2, wait_s=0.0, timeout_s=5.0)


def source(url: str, checksum: str = "", size: int | None = None, kind: str = "published") -> Remote:
    checksum = checksum or f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
    home = "https://example.org/demo"
    return Remote("demo", FILE, "open", home, url, "CC0", checksum, kind, size, None, "none", "-")


def get(site: Site, folder: Path, patience: Patience = SOON, **row: str | int | None) -> Path:
    return fetch(source(site.url(FILE), **row), folder, patience)  # type: ignore[arg-type]


def test_a_file_arrives_whole_and_is_not_fetched_twice(site: Site, tmp_path: Path) -> None:
    site.put(FILE, CONTENT)
    path = get(site, tmp_path / "new" / "folder", size=len(CONTENT))
    assert path.read_bytes() == CONTENT
    assert get(site, path.parent) == path
    assert site.asked(FILE) == [""]
    assert [p.name for p in path.parent.iterdir()] == [FILE]


def test_progress_is_told_on_standard_error(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.put(FILE, CONTENT)
    get(site, tmp_path)
    captured = capsys.readouterr()
    assert "scan.zip: 100%" in captured.err and not captured.out


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_error_is_tried_again(status: int, site: Site, tmp_path: Path) -> None:
    site.put(FILE, CONTENT)
    site.fail(FILE, reply(b"busy", status=status))
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert len(site.requests) == 2


def test_a_cut_transfer_goes_on_where_it_was_cut(site: Site, tmp_path: Path) -> None:
    site.put(FILE, CONTENT)
    site.fail(FILE, cut(BLOCK), cut(2 * BLOCK))
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.asked(FILE) == ["", f"bytes={BLOCK}-", f"bytes={3 * BLOCK}-"]
    assert site.sent[FILE] == len(CONTENT), "no byte is sent twice"


def test_tries_that_get_further_are_not_counted(site: Site, tmp_path: Path) -> None:
    site.put(FILE, CONTENT)
    site.fail(FILE, cut(BLOCK), cut(BLOCK), cut(BLOCK))
    none = Patience(retries=1, wait_s=0.0)
    assert get(site, tmp_path, none).read_bytes() == CONTENT


def test_a_later_call_goes_on(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.put(FILE, CONTENT)
    site.fail(FILE, cut(BLOCK))
    with pytest.raises(InputError, match=f"run it again later, {BLOCK} bytes of it are kept"):
        get(site, tmp_path, Patience(retries=0))
    assert Partial(tmp_path / FILE).path.read_bytes() == CONTENT[:BLOCK]
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.asked(FILE)[1:] == [f"bytes={BLOCK}-"]
    assert "going on after 0.1 MB" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == [FILE]


def test_what_has_arrived_before_a_kill_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    """All bytes are there, and the process died before it gave them their name."""
    site.put(FILE, CONTENT)
    get(site, tmp_path)
    partial = Partial(tmp_path / FILE)
    site.fail(FILE, cut(BLOCK))
    (tmp_path / FILE).rename(tmp_path / "whole")
    with pytest.raises(InputError):
        get(site, tmp_path, Patience(retries=0))
    (tmp_path / "whole").rename(partial.path)
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert len(site.requests) == 2


def test_a_file_that_changed_between_tries_starts_again(site: Site, tmp_path: Path) -> None:
    site.put(FILE, CONTENT[::-1])
    site.fail(FILE, cut(BLOCK))
    with pytest.raises(InputError):
        get(site, tmp_path, Patience(retries=0))
    site.put(FILE, CONTENT)
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.asked(FILE) == ["", f"bytes={BLOCK}-"]


@pytest.mark.parametrize("after", ["no ranges", "another range", "a range of other bytes", "416"])
def test_an_answer_that_does_not_go_on_starts_again(after: str, site: Site, tmp_path: Path) -> None:
    site.put(FILE, CONTENT)
    total = len(CONTENT)
    answers = {
        "no ranges": whole,
        "another range": reply(CONTENT[9:], status=206, Content_Range=f"bytes 9-{total - 1}/{total}"),
        "a range of other bytes": reply(
            CONTENT[:-BLOCK], status=206, Content_Range=f"bytes {BLOCK}-{total - 1}/{total}", ETag='"other"'
        ),
        "416": reply(status=416),
    }
    site.fail(FILE, cut(BLOCK), answers[after])
    assert get(site, tmp_path, checksum="unknown").read_bytes() == CONTENT, "no checksum helps"
    assert site.asked(FILE) == ["", f"bytes={BLOCK}-", ""][: 2 if after == "no ranges" else 3]


def test_without_a_version_to_name_nothing_is_resumed(site: Site, tmp_path: Path) -> None:
    """A weak ETag does not say that the bytes are the same."""
    site.put(FILE, CONTENT)
    site.fail(FILE, reply(CONTENT[:BLOCK], ETag='W/"1"', Content_Length=str(len(CONTENT)), Connection="close"))
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.asked(FILE) == ["", ""]


def test_the_date_of_the_last_change_names_a_version_too(site: Site, tmp_path: Path) -> None:
    date = "Wed, 01 Jun 2022 00:00:00 GMT"
    total = len(CONTENT)
    rest = reply(CONTENT[BLOCK:], status=206, Content_Range=f"bytes {BLOCK}-{total - 1}/{total}", Last_Modified=date)
    site.fail(FILE, reply(CONTENT[:BLOCK], Last_Modified=date, Content_Length=str(total), Connection="close"), rest)
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.asked(FILE) == ["", f"bytes={BLOCK}-"]


def test_a_server_that_hangs_is_left_and_asked_again(site: Site, tmp_path: Path) -> None:
    site.put(FILE, CONTENT)
    site.fail(FILE, stall(BLOCK))
    assert get(site, tmp_path, Patience(wait_s=0.0, timeout_s=0.3)).read_bytes() == CONTENT
    assert site.asked(FILE) == ["", f"bytes={BLOCK}-"]


def test_a_redirect_is_followed_and_the_rest_asked_of_its_target(site: Site, tmp_path: Path) -> None:
    site.put("b", CONTENT)
    site.always(FILE, redirect("/b"))
    site.fail("b", cut(BLOCK))
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.asked("b") == ["", f"bytes={BLOCK}-"]


def test_bytes_that_turn_out_wrong_are_fetched_once_more(site: Site, tmp_path: Path) -> None:
    site.put(FILE, CONTENT)
    site.fail(FILE, reply(CONTENT[::-1]))
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.asked(FILE) == ["", ""]


@pytest.mark.parametrize(
    ("said", "waits"),
    [("7", 7.0), ("3600", 120.0), ("soon", 0.5), ("", 0.5), ("Wed, 01 Jun 2022 00:00:00 GMT", 0.5)],
)
def test_a_server_that_asks_to_wait_is_waited_for(
    said: str, waits: float, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("wbir.data.fetch.sleep", waited.append)
    site.put(FILE, CONTENT)
    site.fail(FILE, reply(status=503, **({"Retry_After": said} if said else {})))
    get(site, tmp_path, Patience(wait_s=0.5))
    assert waited == [waits]


def test_a_date_to_wait_for_counts_from_now(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("wbir.data.fetch.sleep", waited.append)
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    site.put(FILE, CONTENT)
    site.fail(FILE, reply(status=503, Retry_After=email.utils.format_datetime(later, usegmt=True)))
    get(site, tmp_path, Patience(wait_s=0.5, longest_wait_s=40.0))
    assert waited == [40.0]


def test_waits_double(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("wbir.data.fetch.sleep", waited.append)
    site.always(FILE, reply(status=500))
    with pytest.raises(InputError, match=r"HTTP status 500 \(4 tries\)"):
        get(site, tmp_path, Patience(retries=3, wait_s=2.0, longest_wait_s=5.0))
    assert waited == [2.0, 4.0, 5.0]


FAULTS = {
    "cut at once": (cut(0), r"3 tries", 3),
    "short": (reply(CONTENT[:999]), r"999 bytes where 262144 are expected \(2 tries\)", 2),
    "long": (reply(CONTENT * 2), r"bytes where 262144 are expected", 2),
    "wrong bytes": (reply(CONTENT[::-1]), r"sha256:.*, not sha256:.*\(2 tries\)", 2),
    "server error": (reply(status=503), r"HTTP status 503 \(3 tries\)", 3),
    "not found": (serve, r"HTTP status 404:", 1),
    "forbidden": (reply(HTML, status=403), r"HTTP status 403:", 1),
    "web page": (reply(HTML, kind="text/html"), r"a web page", 1),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_said_and_leaves_nothing(name: str, site: Site, tmp_path: Path) -> None:
    answer, said, tries = FAULTS[name]
    if name == "cut at once":
        site.put(FILE, CONTENT)
    site.always(FILE, answer)
    with pytest.raises(InputError, match=said) as error:
        get(site, tmp_path, size=len(CONTENT))
    assert "docs/data-access.md" in str(error.value)
    assert list(tmp_path.iterdir()) == []
    assert len(site.requests) == tries


def test_a_web_page_in_place_of_the_rest_is_seen(site: Site, tmp_path: Path) -> None:
    """The session of a portal ends in the middle."""
    site.put(FILE, CONTENT)
    site.fail(FILE, cut(BLOCK), reply(HTML, kind="text/html"))
    with pytest.raises(InputError, match="a web page"):
        get(site, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 tries"):
        fetch(source("http://127.0.0.1:9/scan.zip"), tmp_path, SOON)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_public_address_says_where_to_ask(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no public URL is known.*https://example.org/demo"):
        fetch(source("unknown"), tmp_path)


def test_a_damaged_file_in_the_cache_is_fetched_anew(site: Site, tmp_path: Path) -> None:
    site.put(FILE, CONTENT)
    (tmp_path / FILE).write_bytes(CONTENT[:100])
    assert get(site, tmp_path).read_bytes() == CONTENT


def test_a_file_put_there_by_hand_serves_without_a_network(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(CONTENT)
    assert fetch(source("unknown"), tmp_path).read_bytes() == CONTENT


def test_a_file_of_which_nothing_is_known_is_taken_as_it_comes(site: Site, tmp_path: Path) -> None:
    site.put(FILE, CONTENT)
    assert get(site, tmp_path, checksum="unknown", kind="unknown").read_bytes() == CONTENT


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
