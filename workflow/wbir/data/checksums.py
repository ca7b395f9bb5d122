"""Checksums of files: comparing with a known one, and recording one on first use."""

from __future__ import annotations

import hashlib
from pathlib import Path

from wbir.errors import InputError
from wbir.files import write_text

BLOCK = 1 << 20


def digest(path: Path | str, algorithm: str) -> str:
    """The hexadecimal digest of a file: `sha256`, `md5` or `gitblob` (SHA-1 of git's blob header and the content)."""
    path = Path(path)
    if algorithm == "gitblob":
        state = hashlib.sha1(b"blob %d\x00" % path.stat().st_size, usedforsecurity=False)
    elif algorithm in ("sha256", "md5"):
        state = hashlib.new(algorithm, usedforsecurity=False)
    else:
        raise InputError("a checksum by sha256, md5 or gitblob", repr(algorithm), "correct config/datasets.csv")
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            state.update(block)
    return state.hexdigest()


def matches(path: Path | str, checksum: str) -> bool:
    """Whether a file has the checksum `algorithm:hex`; `unknown` matches every file."""
    if checksum == "unknown":
        return True
    algorithm, _, expected = checksum.partition(":")
    return digest(path, algorithm) == expected.lower()


def record_path(path: Path | str) -> Path:
    """The lock file beside a file: one line that `sha256sum -c` reads."""
    path = Path(path)
    return path.with_name(path.name + ".sha256")


def record_or_compare(path: Path | str, beside: Path | str | None = None) -> None:
    """Record a file's SHA-256 on first use; ever after, raise InputError where the file differs from the record.

    beside: the file whose record it is, where `path` is still a temporary name for it.
    """
    target = Path(beside or path)
    record, found = record_path(target), digest(path, "sha256")
    if not record.exists():
        write_text(record, f"{found}  {target.name}\n")
        return
    recorded = " ".join(record.read_text(encoding="utf-8").split()[:1]) or "an empty record"
    if recorded != found:
        raise InputError(
            f"{target.name} with the SHA-256 recorded on first use, {recorded}",
            found,
            f"the file is damaged or its publisher changed it: compare, then delete {target} or {record}",
        )
