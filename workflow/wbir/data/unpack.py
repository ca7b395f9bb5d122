"""Unpacking archives from strangers: only plain files, only inside the folder, only up to a declared size."""

from __future__ import annotations

import contextlib
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from wbir.data.space import writing
from wbir.errors import InputError
from wbir.files import folder_written_whole

BLOCK = 1 << 20
ARCHIVES = (".zip", ".whl", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
DEPTH = 4  # archives in archives: more than any owner packs, too few for one that holds itself
Keep = Callable[[str], bool]
Member = tuple[str, int, Callable[[], IO[bytes]]]  # name, declared bytes, opener
DAMAGED = (  # RuntimeError: an encrypted zip; NotImplementedError: an unknown compression; the last: a file and a folder in one
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
    FileExistsError,
    NotADirectoryError,
    IsADirectoryError,
)


def is_archive(path: Path | str) -> bool:
    """Whether a file's name is that of a zip, wheel or tar archive."""
    return Path(path).is_file() and Path(path).name.lower().endswith(ARCHIVES)


def unpack(archive: Path | str, folder: Path | str, *, limit_bytes: int, keep: Keep = lambda name: True) -> Path:
    """Unpack a zip (or wheel) or tar archive into `folder`, which appears whole or not at all; returns `folder`.

    keep: which member files to take, by their name in the archive.
    limit_bytes: the most that the kept files may hold together, unpacked.

    Raises InputError for what is no archive or is damaged, for a member (kept or not) whose name is absolute or
    climbs out, for a link or device, a name that comes twice, beyond the limit, and where the disk is full.
    """
    with _whole(archive, folder) as temporary:
        _extract(Path(archive), temporary, limit_bytes, keep)
    return Path(folder)


def unpack_nested(archive: Path | str, folder: Path | str, *, limit_bytes: int) -> Path:
    """As `unpack`, and an archive inside becomes a folder `<its name>.unpacked` where it lies, and so on inwards.

    limit_bytes: the most that comes out of all of them together, the inner archives themselves included. Raises
    InputError as `unpack` does, whichever archive it is about, and for archives more than `DEPTH` deep.
    """
    with _whole(archive, folder) as temporary:
        left = limit_bytes - _extract(Path(archive), temporary, limit_bytes)
        level = _archives(temporary)
        for _ in range(DEPTH):
            deeper = []
            for inner in level:
                target = inner.with_name(inner.name + ".unpacked")
                target.mkdir()
                left -= _extract(inner, target, left)
                inner.unlink()
                deeper += _archives(target)
            level = deeper
        if level:
            got = f"{level[0].name} deeper inside"
            raise InputError(f"at most {DEPTH} archives in each other in {Path(archive).name}", got, "do not unpack it")
    return Path(folder)


def checked_name(name: str, archive: Path) -> PurePosixPath:
    """A member's name as a relative path. Raises InputError where it is absolute, climbs out or is not portable."""
    path = PurePosixPath(name)
    bad = (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or ":" in path.parts[0]
        or "\0" in name
    )
    if bad:
        raise InputError(
            f"members inside {archive.name}", repr(name), "do not unpack it: the archive is not trustworthy"
        )
    return path


@contextlib.contextmanager
def _whole(archive: Path | str, folder: Path | str) -> Iterator[Path]:
    """A temporary folder that becomes `folder` if all goes well; what a full disk raises is said clearly."""
    with writing(f"what is in {Path(archive).name}", Path(folder).parent), folder_written_whole(folder) as temporary:
        yield temporary


def _archives(folder: Path) -> list[Path]:
    """Those below a folder, but for what archivers leave behind (`._x.zip`)."""
    return [path for path in sorted(folder.rglob("*")) if is_archive(path) and not path.name.startswith("._")]


def _extract(archive: Path, folder: Path, limit_bytes: int, keep: Keep = lambda name: True) -> int:
    """Write the kept members of an archive into a folder; returns how many bytes came out."""
    if not archive.is_file():
        raise InputError("an archive", f"nothing at {archive}", "fetch it first")
    try:
        if zipfile.is_zipfile(archive):
            members = _zip_members
        elif tarfile.is_tarfile(archive):
            members = _tar_members
        else:
            raise InputError("a zip or tar archive", f"{archive.name} (neither)", "delete it and fetch it again")
        return _write_members(members(archive), archive, folder, keep, limit_bytes)
    except DAMAGED as error:
        raise InputError("a whole archive", f"{archive.name} ({error})", "delete it and fetch it again") from error
    except OSError as error:
        if error.errno is not None:  # None is bz2's word for damage
            raise
        raise InputError("a whole archive", f"{archive.name} ({error})", "delete it and fetch it again") from error


def _write_members(members: Iterator[Member], archive: Path, folder: Path, keep: Keep, limit_bytes: int) -> int:
    written, seen = 0, set()
    for name, declared, opener in members:
        path = checked_name(name, archive)
        if not keep(name):
            continue
        if path in seen:
            raise InputError(f"each name once in {archive.name}", f"{name} twice", "do not unpack it")
        seen.add(path)
        if written + declared > limit_bytes:
            raise _too_large(archive, limit_bytes)
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        written += _copy(opener, target, limit_bytes - written, archive, limit_bytes)
    if not seen:
        raise InputError(
            f"files to take from {archive.name}", "none of its members", "check that it is the right archive"
        )
    return written


def _copy(opener: Callable[[], IO[bytes]], target: Path, left: int, archive: Path, limit_bytes: int) -> int:
    """Copy one member and count what really comes out: a header may lie about its size."""
    written = 0
    with opener() as source, target.open("xb") as sink:
        while block := source.read(BLOCK):
            written += len(block)
            if written > left:
                raise _too_large(archive, limit_bytes)
            sink.write(block)
    return written


def _too_large(archive: Path, limit_bytes: int) -> InputError:
    return InputError(f"at most {limit_bytes} bytes in {archive.name}", "more", "check that it is the right archive")


def _zip_members(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as bundle:
        for info in bundle.infolist():
            mode = info.external_attr >> 16
            checked_name(info.filename, archive)
            if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_IFMT(mode) == 0):
                raise _not_plain(info.filename, archive)
            if not info.is_dir():
                yield info.filename, info.file_size, lambda info=info: bundle.open(info)  # type: ignore[misc]


def _tar_members(archive: Path) -> Iterator[Member]:
    with tarfile.open(archive) as bundle:
        for info in bundle:
            if info.isdir() and info.name == ".":  # what was packed as `tar -c .`
                continue
            checked_name(info.name, archive)
            if not (info.isreg() or info.isdir()):
                raise _not_plain(info.name, archive)
            if info.isreg():
                yield info.name, info.size, lambda info=info: bundle.extractfile(info)  # type: ignore[misc]


def _not_plain(name: str, archive: Path) -> InputError:
    return InputError(f"plain files in {archive.name}", f"{name!r}, a link or a device", "do not unpack it")
