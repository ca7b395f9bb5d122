"""What goes wrong with downloads, archives and disks: it is said, nothing half-written stays, no other data set suffers."""

from __future__ import annotations

import errno
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mirror.listing import inside, listing, row, zipped
from mirror.server import Answer, Site, cut, redirect, reply, stall
from wbir.data.acquire import acquire
from wbir.data.fetch import Patience
from wbir.data.transfer import BLOCK
from wbir.discovery import REPOSITORY
from wbir.errors import InputError

ARCHIVE = zipped({"set/scan.bin": random.Random(0).randbytes(3 * BLOCK)})
HTML = b"<!DOCTYPE html><title>Log in</title>"
SOON = Patience(retries=1, wait_s=0.0, timeout_s=0.3)


class Cache:
    """A cache with a data set `other` in it, and a set `demo` of one archive that is still to be had."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.folder, self.rows = site, folder / "cache", folder / "datasets.csv"
        self.folder.mkdir(exist_ok=True)
        self.serve(ARCHIVE)
        acquire("other", self.folder, listing=self.rows, accepted=["other"])
        self.others = inside(self.folder / "other")

    def serve(self, content: bytes, name: str = "demo.zip", limit: int = 1_000_000) -> None:
        """Let `demo` be this archive."""
        self.name, small = name, zipped({"scan.txt": b"a scan"})
        url = self.site.put(name, content)
        demo = row("demo", name, content, url=url, unpacked_limit=str(limit))
        listing(self.rows, demo, row("other", "other.zip", small, url=self.site.put("other.zip", small)))

    def acquire(self) -> Path:
        return acquire("demo", self.folder, listing=self.rows, accepted=["demo"], patience=SOON)

    def refuses(self, said: str, *, leaves: set[str] | None = None) -> None:
        """`demo` is not to be had, for this reason; of it remains in the cache only what `leaves` says."""
        with pytest.raises(InputError, match=said):
            self.acquire()
        assert set(inside(self.folder / "demo")) == (leaves or set())
        assert inside(self.folder / "other") == self.others
        assert sorted(p.name for p in self.folder.iterdir()) == ["demo", "other"], "nothing beside the data sets"

    def is_whole(self) -> None:
        """`demo` is to be had now, every byte of it, and no trace of what went before."""
        folder = self.acquire()
        scan = (folder / "unpacked" / self.name / "set" / "scan.bin").read_bytes()
        assert scan == zipfile.ZipFile(io.BytesIO(ARCHIVE)).read("set/scan.bin")
        assert sorted(p.name for p in folder.iterdir()) == [self.name, "inventory.csv", "unpacked"]
        assert inside(self.folder / "other") == self.others


@pytest.fixture
def cache(site: Site, tmp_path: Path) -> Cache:
    return Cache(site, tmp_path)


PASSING: dict[str, Answer] = {
    "cut": cut(BLOCK),
    "busy": reply(b"busy", status=503),
    "moved": redirect("/elsewhere.zip"),
    "hanging": stall(2 * BLOCK),
    "wrong bytes": reply(ARCHIVE[::-1]),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_is_gone_through(name: str, cache: Cache) -> None:
    cache.site.put("elsewhere.zip", ARCHIVE)
    cache.site.fail("demo.zip", PASSING[name])
    cache.is_whole()


def test_a_cut_transfer_is_resumed_by_the_next_run(cache: Cache) -> None:
    cache.site.fail("demo.zip", cut(2 * BLOCK), reply(status=503), reply(status=503))
    cache.refuses(f"{2 * BLOCK} bytes of it are kept", leaves={".demo.zip.part", ".demo.zip.part.json"})
    cache.is_whole()
    assert cache.site.asked("demo.zip")[-1] == f"bytes={2 * BLOCK}-"
    assert cache.site.sent["demo.zip"] == len(ARCHIVE), "no byte is sent twice"


def test_a_file_put_there_by_hand_makes_the_rest_of_a_transfer_needless(cache: Cache) -> None:
    cache.site.fail("demo.zip", cut(2 * BLOCK), reply(status=503), reply(status=503))
    cache.refuses("are kept", leaves={".demo.zip.part", ".demo.zip.part.json"})
    (cache.folder / "demo" / "demo.zip").write_bytes(ARCHIVE)
    cache.is_whole()
    assert cache.site.sent["demo.zip"] == 2 * BLOCK


LASTING: dict[str, tuple[Answer, str]] = {
    "wrong bytes": (reply(ARCHIVE[::-1]), r"sha256:.*, not sha256:"),
    "a login page": (reply(HTML, kind="text/html"), "a web page"),
    "gone": (reply(status=404), "HTTP status 404"),
    "down": (reply(status=500), "HTTP status 500"),
    "a redirect to a login page": (redirect("/login"), "a web page"),
}


@pytest.mark.parametrize("name", LASTING)
def test_a_fault_that_lasts_is_said_until_it_is_mended(name: str, cache: Cache) -> None:
    cache.site.put("login", HTML)
    answer, said = LASTING[name]
    cache.site.always("demo.zip", answer)
    cache.refuses(said)
    cache.site.fail("demo.zip")
    cache.is_whole()


def test_a_killed_process_is_gone_on_with(cache: Cache) -> None:
    """kill -9 in mid-transfer; the lock of the folder dies with the process."""
    cache.site.fail("demo.zip", stall(2 * BLOCK))
    command = [sys.executable, "-m", "wbir", "acquire", "demo", "--accept-terms"]
    command += ["--cache", str(cache.folder), "--catalogue", str(cache.rows)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "workflow")}
    partial = cache.folder / "demo" / ".demo.zip.part"
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        while not partial.exists() or partial.stat().st_size < BLOCK:
            assert process.poll() is None, process.stderr.read()  # type: ignore[union-attr]
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    kept = partial.stat().st_size
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert cache.site.asked("demo.zip") == ["", f"bytes={kept}-"] and "going on after" in done.stderr
    cache.is_whole()


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as bundle:
        for info, content in members:
            info.size = len(content)
            bundle.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


HOSTILE: dict[str, tuple[str, bytes, str]] = {
    "climbing out": ("x.zip", zipped({"../../other/evil.txt": b"evil"}), "members inside"),
    "absolute": ("x.zip", zipped({"/tmp/evil.txt": b"evil"}), "members inside"),
    "absolute in a tar": ("x.tar", packed((tarfile.TarInfo("/tmp/evil.txt"), b"evil")), "members inside"),
    "a symbolic link": (
        "x.tar",
        packed(special("out", tarfile.SYMTYPE, "../../other"), (tarfile.TarInfo("out/evil.txt"), b"evil")),
        "a link or a device",
    ),
    "a hard link": ("x.tar", packed(special("out", tarfile.LNKTYPE, "../../other/other.zip")), "a link or a device"),
    "a device": ("x.tar", packed(special("null", tarfile.CHRTYPE)), "a link or a device"),
    "a bomb": ("x.zip", zipped({"zeros": bytes(2_000_000)}), "at most"),
    "damaged": ("x.zip", ARCHIVE[: len(ARCHIVE) // 2], "zip or tar"),
    "a web page": ("x.zip", b"%PDF-1.4 the form to sign", "zip or tar"),
}


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_at_any_depth(name: str, depth: int, cache: Cache) -> None:
    """The download, which is what the catalogue says, is kept for a look; nothing of what is in it."""
    inner, content, said = HOSTILE[name]
    for _ in range(depth):
        inner, content = "outer.zip", zipped({"good.txt": b"good", inner: content})
    cache.serve(content, inner)
    cache.refuses(said, leaves={inner})
    assert not Path("/tmp/evil.txt").exists()


def test_a_bomb_in_many_small_archives_is_one_bomb(cache: Cache) -> None:
    """Each is within the limit; what comes out of all of them counts, the archives themselves as well."""
    cache.serve(zipped({f"{n}.zip": zipped({"zeros": bytes(300_000)}) for n in range(4)}))
    cache.refuses("at most", leaves={"demo.zip"})
    cache.serve(zipped({f"{n}.zip": zipped({"zeros": bytes(300_000)}) for n in range(3)}))
    shutil.rmtree(cache.folder / "demo")
    folder = cache.acquire()
    assert len(list((folder / "unpacked").rglob("zeros"))) == 3


def test_archives_within_archives_end_somewhere(cache: Cache) -> None:
    content = zipped({"end.txt": b"end"})
    for _ in range(7):
        content = zipped({"next.zip": content})
    cache.serve(content)
    cache.refuses("at most 4 archives in each other", leaves={"demo.zip"})


def test_what_a_kill_left_of_an_unpacking_is_removed(cache: Cache) -> None:
    half = cache.folder / "demo" / "unpacked" / ".demo.zip.abcdefgh" / "demo.zip" / "half"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    cache.is_whole()
    assert not half.parent.parent.exists()


class Full(io.BytesIO):
    """A file on a disk that is full."""

    def write(self, content: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(("filling", "what", "leaves"), [("ab", "demo.zip", set()), ("xb", "what is in", {"demo.zip"})])
def test_a_disk_that_fills_up(
    filling: str, what: str, leaves: set[str], cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a download is written, and while an archive is unpacked."""
    honest: Callable[..., Any] = Path.open

    def opened(path: Path, mode: str = "r", *arguments: Any, **more: Any) -> Any:
        return Full() if mode == filling else honest(path, mode, *arguments, **more)

    monkeypatch.setattr(Path, "open", opened)
    cache.refuses(f"room for {what}.*No space left on device.*cache=FOLDER", leaves=leaves)
    monkeypatch.undo()
    cache.is_whole()


def test_what_will_not_fit_is_not_begun(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(cache.folder)._replace(free=len(ARCHIVE) - 1)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: free)
    cache.refuses(r"room for demo\.zip \(0\.2 MB\), got 0\.2 MB free")
    monkeypatch.undo()
    cache.is_whole()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only a user who may mount a file system can fill a small one")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_small_disk_that_is_full(site: Site, small_disk: Path) -> None:
    """A download without a length, then an archive whose content is too much; both fit in the end."""
    cache = Cache(site, small_disk)
    site.fail("demo.zip", reply(bytes(2_000_000), Content_Length="", Connection="close"))
    cache.serve(ARCHIVE)
    listing(cache.rows, row("demo", "demo.zip", url=site.url("demo.zip")))
    with pytest.raises(InputError, match=r"room for demo\.zip.*No space left"):
        cache.acquire()
    assert inside(cache.folder / "demo") == {} and inside(cache.folder / "other") == cache.others
    cache.serve(zipped({"zeros": bytes(2_000_000)}), limit=3_000_000)
    with pytest.raises(InputError, match=r"room for what is in demo\.zip.*No space left"):
        cache.acquire()
    assert inside(cache.folder / "demo").keys() == {"demo.zip"} and inside(cache.folder / "other") == cache.others
    (cache.folder / "demo" / "demo.zip").unlink()
    cache.serve(ARCHIVE)
    cache.is_whole()
