"""Writing outputs whole: a temporary file beside the target, then a rename."""

from __future__ import annotations

import contextlib
import csv
import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wbir.errors import InputError

NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP})
DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE})


def disk_error(error: BaseException | None) -> OSError | None:
    """The fault of the disk (full, read-only, broken) that an error comes from; None where it comes from elsewhere."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            return error
        error = error.__cause__ or error.__context__
    return None


@contextlib.contextmanager
def written_whole(target: Path | str) -> Iterator[Path]:
    """Yield a temporary path with the target's suffixes; rename it onto `target` on success.

    On any exception nothing is left behind, so a reader never meets half a file. What a library makes of a full disk is
    raised as the OSError that it was.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        temporary = folder / target.name
        yield temporary
        os.replace(temporary, target)
    except Exception as error:
        raise (disk_error(error) or error) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def link_or_copy(source: Path | str, target: Path | str) -> None:
    """A second name for the file `source` (a hard link), or a copy where the file system has no links."""
    with written_whole(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


@contextlib.contextmanager
def folder_written_whole(target: Path | str) -> Iterator[Path]:
    """As `written_whole`, for a folder; an existing target is replaced, and what a killed process left of one is removed.

    A second process that writes the same folder waits.
    """
    target = Path(target)
    outer = target.parent / f".{target.name}.writing"
    with alone_in(outer):
        temporary = outer / target.name
        try:
            for left in (temporary, outer / "replaced"):
                shutil.rmtree(left, ignore_errors=True)
            temporary.mkdir()
            yield temporary
            if target.exists():
                os.replace(target, outer / "replaced")
            os.replace(temporary, target)
        except Exception as error:
            raise (disk_error(error) or error) from None
        finally:
            shutil.rmtree(outer, ignore_errors=True)


def kept_beside(out: Path, state: str, kind: str) -> Path:
    """The hidden folder beside `out` where unfinished work is kept, named after the digest of what determines the result.

    kind: its suffix. Folders of the same kind that another state left are removed; this one is not made.
    """
    kept = out.parent / f".{out.name}.{state[:12]}.{kind}"
    for stale in out.parent.glob(f".{out.name}.*.{kind}"):
        if stale != kept:
            shutil.rmtree(stale, ignore_errors=True)
    return kept


@contextlib.contextmanager
def alone_in(folder: Path | str) -> Iterator[None]:
    """Make a folder and hold it for this process alone; wait for one that holds it, such as the orphan of a killed run.

    The holder may remove the folder when it is done; who waited then starts with an empty one. Where the file system has no
    locks, nobody waits.
    """
    handle = None
    while handle is None:
        handle = _held(Path(folder))
    try:
        yield
    finally:
        os.close(handle)


def _held(folder: Path) -> int | None:
    """A locked handle of a folder; None where the folder went away while its lock was waited for."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(handle), os.stat(folder)):
            return handle
    os.close(handle)
    return None


def write_text(target: Path | str, text: str) -> None:
    with written_whole(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path | str, value: Any) -> None:
    write_text(target, json.dumps(value, indent=2, sort_keys=True) + "\n")


def write_rows(target: Path | str, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write a CSV with `columns`; a key outside them is an error, a missing one an empty cell."""
    with written_whole(target) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_rows(source: Path | str) -> list[dict[str, str]]:
    """Read a CSV as a list of rows; every value is a string."""
    source = Path(source)
    if not source.is_file():
        raise InputError(f"a CSV file at {source}", "no such file", "run the step that writes it first")
    with source.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))
