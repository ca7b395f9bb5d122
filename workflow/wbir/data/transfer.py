"""One transfer over HTTP into a partial file, which a later one goes on with where the server still has the same bytes."""

from __future__ import annotations

import datetime
import email.utils
import json
import os
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wbir.data.space import require_room, writing
from wbir.errors import InputError
from wbir.files import write_json

if TYPE_CHECKING:
    import requests

BLOCK = 1 << 16
PASSING = (408, 425, 429)  # client errors that may pass; all others of 400 to 499 will not


class Fault(Exception):
    """Why a transfer did not bring the file. passing: another try may, after `wait_s` seconds if the server says so."""

    def __init__(self, what: str, *, passing: bool = True, wait_s: float = 0.0) -> None:
        super().__init__(what)
        self.passing, self.wait_s = passing, wait_s


@dataclass(frozen=True)
class Version:
    """Which bytes a partial file holds the start of. validator: a strong ETag, else Last-Modified, else empty."""

    url: str
    validator: str = ""
    total: int | None = None


@dataclass(frozen=True)
class Partial:
    """What has arrived of `target`: the hidden file `.<name>.part` beside it, and `.<name>.part.json`, its Version."""

    target: Path

    @property
    def path(self) -> Path:
        return self.target.with_name(f".{self.target.name}.part")

    @property
    def note(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def usable(self, url: str) -> Version | None:
        """Of the bytes that are there, if they are of `url` and can be gone on with or are all; else None."""
        try:
            version = Version(**json.loads(self.note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        good = version.url == url and self.size and (version.validator or self.size == version.total)
        return version if good else None

    def begin(self, version: Version) -> None:
        """Start with no bytes. The order matters to a killed process: old bytes must never lie beside a new note."""
        self.path.write_bytes(b"")
        write_json(self.note, asdict(version))

    def finish(self) -> None:
        os.replace(self.path, self.target)
        self.note.unlink(missing_ok=True)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


class Progress:
    """Lines on standard error, one per tenth of a file: readable in a log, needs no terminal."""

    def __init__(self, name: str, done: int, total: int | None) -> None:
        self.name, self.done, self.total = name, done, total or 0
        self.shown = self._tenth()
        if done:
            print(f"{name}: going on after {done / 1e6:.1f} MB", file=sys.stderr)

    def _tenth(self) -> int:
        return 10 * self.done // self.total if self.total else 0

    def add(self, amount: int) -> None:
        self.done += amount
        if self._tenth() > self.shown:
            self.shown = self._tenth()
            print(f"{self.name}: {10 * self.shown}% of {self.total / 1e6:.1f} MB", file=sys.stderr)


def transfer(url: str, partial: Partial, *, timeout_s: float, most: int | None = None) -> None:
    """Bring the bytes of `url` that `partial` lacks, over redirects and the proxies that the environment names.

    Bytes that are there are asked for no more if the server still has the same version (Range and If-Range, RFC 9110);
    else all start again. timeout_s: of the connection, and between two blocks. most: stop once the file is longer.

    Raises Fault, after which what has arrived is kept, or InputError where the disk is full, after which it is not.
    """
    import requests

    version = partial.usable(url)
    have = partial.size if version else 0
    if version and have == version.total:
        return
    headers = {"Accept-Encoding": "identity"}  # the file's own bytes, which ranges count
    if version:
        headers |= {"Range": f"bytes={have}-", "If-Range": version.validator}
    try:
        with (
            requests.get(url, headers=headers, stream=True, timeout=timeout_s) as response,
            writing(partial.target.name, partial.target.parent),
        ):
            if not (version and _goes_on(response, version, have)):
                version = _begin(response, url, partial)
            _append(response, partial, version.total, most)
    except requests.RequestException as error:
        raise Fault(f"{type(error).__name__}: {error}") from error
    except InputError:
        partial.remove()
        raise
    if version.total is not None and partial.size < version.total and (most is None or partial.size <= most):
        raise Fault(f"{partial.size} of {version.total} bytes")


def _goes_on(response: requests.Response, version: Version, have: int) -> bool:
    """Whether the answer is the rest of the version that `have` bytes are there of."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    return (
        response.status_code == 206
        and found is not None
        and int(found[1]) == have
        and (found[2] == "*" or version.total is None or int(found[2]) == version.total)
        and _validator(response) in ("", version.validator)
    )


def _begin(response: requests.Response, url: str, partial: Partial) -> Version:
    """Start the partial file of a whole answer. Raises Fault for any other."""
    status = response.status_code
    if status in (206, 416):
        partial.remove()
        raise Fault(f"HTTP status {status}, not the range that was asked for")
    if status != 200:
        raise Fault(f"HTTP status {status}", passing=status >= 500 or status in PASSING, wait_s=_retry_after(response))
    coded = response.headers.get("Content-Encoding", "identity") != "identity"
    length = response.headers.get("Content-Length", "")
    version = Version(url) if coded else Version(url, _validator(response), int(length) if length.isdigit() else None)
    partial.begin(version)
    return version


def _append(response: requests.Response, partial: Partial, total: int | None, most: int | None) -> None:
    """Write what comes behind what is there. A page of a portal in place of the file is a Fault, and is not written."""
    name, have = partial.target.name, partial.size
    require_room(name, (total or have) - have, partial.target.parent)
    progress = Progress(name, have, total)
    with partial.path.open("ab") as sink:
        for block in response.iter_content(BLOCK):
            if not progress.done and is_web_page(block) and not name.lower().endswith((".html", ".htm")):
                partial.remove()
                raise Fault("a web page (a login, a licence or an error)", passing=False)
            sink.write(block)
            progress.add(len(block))
            if most is not None and progress.done > most:
                return


def is_web_page(start: bytes) -> bool:
    """Whether a file that starts so is HTML: portals answer 200 with a login or licence page."""
    return start[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html"))


def _validator(response: requests.Response) -> str:
    """What If-Range may name: a strong ETag (RFC 9110, 13.1.5), else the date of the last change."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _retry_after(response: requests.Response) -> float:
    """Seconds that the server asks to wait, given as such or as a date; 0 where it does not say."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isdigit():
        return float(said)
    try:
        when = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return max(0.0, (when - datetime.datetime.now(datetime.UTC)).total_seconds())
