"""Downloads: whole or not at all, tried again after passing faults, never trusted before they are checked."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from wbir.data.catalogue import UNKNOWN, Remote
from wbir.data.checksums import digest, matches, record_or_compare
from wbir.errors import InputError
from wbir.files import written_whole

TIMEOUT_S = 30
PASSING = (408, 425, 429)  # client errors that may pass; all others of 400 to 499 will not


class Progress:
    """Lines on standard error, one per tenth of a file: readable in a log, needs no terminal."""

    def __init__(self, name: str) -> None:
        self.name, self.total, self.done, self.shown = name, 0, 0, 0

    def update(self, amount: int) -> None:
        self.done += amount
        tenth = 10 * self.done // self.total if self.total else 0
        if tenth > self.shown:
            self.shown = tenth
            print(f"{self.name}: {10 * tenth}% of {self.total / 1e6:.1f} MB", file=sys.stderr)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass


class PassingFault(Exception):
    """A transfer that failed in a way that may pass: worth another try."""


def fetch(source: Remote, folder: Path | str, *, retries: int = 3, wait_s: float = 1.0) -> Path:
    """The file `source` inside `folder`, downloaded if it is not there or damaged; returns its path.

    The transfer goes to a temporary name and is renamed once its size and its checksum are right. Where the
    catalogue has no SHA-256, the one of the first download is recorded beside the file (`<file>.sha256`) and
    compared ever after.
    retries: further tries after a passing fault (connection, 5xx, cut transfer, wrong checksum); waits double from
    `wait_s`.

    Raises InputError: no URL, no network, a refusal (4xx), a web page in place of the file, a wrong size or checksum.
    """
    target = Path(folder) / source.file
    if target.is_file() and _present(source, target):
        return target
    if source.url == UNKNOWN:
        raise InputError(
            f"{source.file} of {source.dataset} at {target}", "no file, and no public URL is known", by_hand(source)
        )
    fault: Exception | None = None
    for attempt in range(retries + 1):
        if attempt:
            time.sleep(wait_s * 2 ** (attempt - 1))
        try:
            return _download(source, target)
        except PassingFault as error:
            fault = error
    raise InputError(f"{source.file} from {source.url}", f"{fault} ({retries + 1} tries)", by_hand(source)) from fault


def by_hand(source: Remote) -> str:
    """What a person can do where a download cannot be had."""
    access = f"access: {source.access}; see docs/data-access.md"
    return f"get it from {source.home} ({access}), or name your own copy with source local"


def _present(source: Remote, target: Path) -> bool:
    """Whether the file in the cache is good. A damaged one with a known checksum is fetched anew."""
    if not matches(target, source.checksum):
        return False
    if not source.checksum.startswith("sha256:"):
        record_or_compare(target)
    return True


def _download(source: Remote, target: Path) -> Path:
    with written_whole(target) as temporary:
        _transfer(source, temporary)
        _refuse_web_page(source, temporary)
        size = temporary.stat().st_size
        if source.bytes is not None and size != source.bytes:
            raise PassingFault(f"{size} bytes where {source.bytes} are expected")
        if not matches(temporary, source.checksum):
            algorithm = source.checksum.partition(":")[0]
            raise PassingFault(
                f"{algorithm} {digest(temporary, algorithm)}, not {source.checksum} ({source.checksum_kind})"
            )
        if not source.checksum.startswith("sha256:"):
            record_or_compare(temporary, beside=target)
    return target


def _transfer(source: Remote, temporary: Path) -> None:
    """Download to `temporary`, over redirects. Raises PassingFault or InputError."""
    import pooch
    import requests

    progress: Any = Progress(source.file)
    try:
        pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT_S)(source.url, str(temporary), None)
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if 400 <= status < 500 and status not in PASSING:
            raise InputError(f"{source.file} from {source.url}", f"HTTP status {status}", by_hand(source)) from error
        raise PassingFault(f"HTTP status {status}") from error
    except (requests.RequestException, OSError) as error:
        raise PassingFault(f"{type(error).__name__}: {error}") from error


def _refuse_web_page(source: Remote, path: Path) -> None:
    """Portals answer 200 with a login or licence page: say so, rather than speak of a wrong checksum."""
    with path.open("rb") as stream:
        start = stream.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")) and not source.file.lower().endswith((".html", ".htm")):
        raise InputError(
            f"{source.file} from {source.url}", "a web page (a login, a licence or an error)", by_hand(source)
        )
