"""Archives that climb out, link, lie about their size or are damaged."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from wbir.data.unpack import unpack
from wbir.errors import InputError

GOOD = {"set/a.txt": b"alpha", "set/deep/b.txt": b"beta" * 100}


def make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)
    return path


def make_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as bundle:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            bundle.addfile(info, io.BytesIO(content))
    return path


MAKERS: dict[str, Callable[[Path, dict[str, bytes]], Path]] = {"a.zip": make_zip, "a.tar.gz": make_tar}


def refuse(archive: Path, said: str, limit: int = 10_000) -> None:
    """Unpacking fails with these words and leaves nothing, inside the folder or beside it."""
    folder = archive.parent / "out" / "target"
    before = {p for p in archive.parent.rglob("*") if p != folder.parent}
    with pytest.raises(InputError, match=said):
        unpack(archive, folder, limit_bytes=limit)
    assert not folder.exists()
    assert {p for p in archive.parent.rglob("*") if p != folder.parent} == before


@pytest.mark.parametrize("name", MAKERS)
def test_plain_files_come_out_as_they_went_in(name: str, tmp_path: Path) -> None:
    folder = unpack(MAKERS[name](tmp_path / name, GOOD), tmp_path / "out", limit_bytes=10_000)
    assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == GOOD


@pytest.mark.parametrize("name", MAKERS)
def test_only_wanted_files_are_taken_and_counted(name: str, tmp_path: Path) -> None:
    archive = MAKERS[name](tmp_path / name, GOOD)
    folder = unpack(archive, tmp_path / "out", limit_bytes=5, keep=lambda member: member.endswith("a.txt"))
    assert [p.name for p in folder.rglob("*.txt")] == ["a.txt"]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("bad", ["../evil.txt", "set/../../evil.txt", "/evil.txt", "C:/evil.txt", "set\\..\\evil.txt"])
def test_a_name_that_climbs_out_is_refused(name: str, bad: str, tmp_path: Path) -> None:
    refuse(MAKERS[name](tmp_path / name, {"set/a.txt": b"alpha", bad: b"evil"}), "members inside")


def test_a_tar_of_the_folder_itself_is_unpacked(tmp_path: Path) -> None:
    """`tar -c .`: the first member is the folder `.`, and every name starts with it."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.txt").write_text("alpha")
    with tarfile.open(tmp_path / "a.tar", "w") as bundle:
        bundle.add(tmp_path / "set", ".")
    folder = unpack(tmp_path / "a.tar", tmp_path / "out", limit_bytes=5)
    assert [p.relative_to(folder).as_posix() for p in folder.rglob("*")] == ["a.txt"]


def test_a_name_that_is_a_file_and_a_folder_is_refused(tmp_path: Path) -> None:
    refuse(make_tar(tmp_path / "a.tar.gz", {"a": b"file", "a/b": b"in a folder"}), "a whole archive")


def test_a_damaged_bzip2_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.bz2", "w:bz2") as bundle:
        info = tarfile.TarInfo("a")
        info.size = 300_000
        bundle.addfile(info, io.BytesIO(bytes(n * n * 7919 % 251 for n in range(300_000))))
    content = bytearray((tmp_path / "a.tar.bz2").read_bytes())
    content[-2000:-1000] = bytes(1000)
    (tmp_path / "a.tar.bz2").write_bytes(content)
    refuse(tmp_path / "a.tar.bz2", "archive", limit=1_000_000)


@pytest.mark.parametrize("name", MAKERS)
def test_too_much_is_refused(name: str, tmp_path: Path) -> None:
    refuse(MAKERS[name](tmp_path / name, GOOD), "at most 404 bytes", limit=404)


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"bomb": b"\0" * 100_000})
    true, lie = (100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(true, lie))
    refuse(archive, "a whole archive|at most")


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as bundle:
        bundle.writestr(info, "/etc/passwd")
    refuse(tmp_path / "a.zip", "a link or a device")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_link_or_device_in_a_tar_is_refused(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, "../outside"
    with tarfile.open(tmp_path / "a.tar", "w") as bundle:
        bundle.addfile(info)
        late = tarfile.TarInfo("link/file")
        late.size = 4
        bundle.addfile(late, io.BytesIO(b"evil"))
    refuse(tmp_path / "a.tar", "a link or a device")


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as bundle:
        for content in (b"one", b"two"):
            info = tarfile.TarInfo("a.txt")
            info.size = 3
            bundle.addfile(info, io.BytesIO(content))
    refuse(tmp_path / "a.tar", "twice")


@pytest.mark.parametrize("name", MAKERS)
def test_a_cut_archive_is_refused(name: str, tmp_path: Path) -> None:
    whole = MAKERS[name](tmp_path / f"whole-{name}", {"a": bytes(n * 7919 % 251 for n in range(5000))}).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    refuse(tmp_path / name, "archive")


def test_a_zip_with_a_damaged_member_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"a": bytes(n * 7919 % 251 for n in range(5000))})
    content = bytearray(archive.read_bytes())
    content[120] ^= 0xFF
    archive.write_bytes(content)
    refuse(archive, "a whole archive")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"<html>please log in</html>")
    refuse(tmp_path / "a.zip", "neither")


def test_an_archive_without_the_wanted_files_is_refused(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", GOOD)
    with pytest.raises(InputError, match="none of its members"):
        unpack(archive, tmp_path / "out", limit_bytes=10_000, keep=lambda member: False)
    assert not (tmp_path / "out").exists()
