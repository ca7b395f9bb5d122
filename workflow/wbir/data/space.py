"""Room on the disk: asked for before much is written, and a clear word where it runs out all the same."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from wbir.errors import InputError

FULL = (errno.ENOSPC, errno.EDQUOT)
TODO = "make room there, or keep data sets on another disk: --config cache=FOLDER"


def require_room(what: str, needed: int, folder: Path) -> None:
    """Raise InputError where the disk of `folder` has less than `needed` bytes left."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(f"room for {what} ({needed / 1e6:.1f} MB)", f"{free / 1e6:.1f} MB free in {folder}", TODO)


@contextlib.contextmanager
def writing(what: str, folder: Path) -> Iterator[None]:
    """Turn a full disk, or a quota that is used up, into an InputError."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise InputError(f"room for {what}", f"{error.strerror} in {folder}", TODO) from error
