"""Checksums of files, and comparing with a known one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from wbir.errors import InputError

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
