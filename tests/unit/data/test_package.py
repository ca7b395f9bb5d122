"""Wheels by pip from a package index on the loopback interface."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from mirror.server import Site
from wbir.data.catalogue import Remote
from wbir.data.package import fetch_wheel, pinned
from wbir.errors import InputError

NAME = "demo_scans-1.0-py3-none-any.whl"


def wheel() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as bundle:
        bundle.writestr("demo_scans/scan.txt", "a scan")
        info = "demo_scans-1.0.dist-info"
        bundle.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: demo_scans\nVersion: 1.0\nRequires-Dist: no-such\n"
        )
        bundle.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        bundle.writestr(f"{info}/RECORD", "")
    return stream.getvalue()


def row(content: bytes) -> Remote:
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return Remote(
        "demo", NAME, "package", "https://example.org", "unknown", "MIT", checksum, "registry", None, None, "none", "-"
    )


@pytest.fixture
def index(site: Site, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """An index that holds the demo wheel; returns the wheel's bytes."""
    content = wheel()
    site.put(f"files/{NAME}", content)
    page = f'<!DOCTYPE html><html><body><a href="/files/{NAME}">{NAME}</a></body></html>'
    site.put("simple/demo-scans/index.html", page.encode())
    use_index(monkeypatch, site.url("simple"))
    return content


def use_index(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONSTRAINT", "PIP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    settings = {
        "CONFIG_FILE": "/dev/null",
        "INDEX_URL": url,
        "TRUSTED_HOST": "127.0.0.1",
        "RETRIES": "0",
        "NO_CACHE_DIR": "1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"PIP_{name}", value)


def test_a_wheel_comes_without_its_dependencies(index: bytes, tmp_path: Path) -> None:
    path = fetch_wheel(row(index), tmp_path / "cache")
    assert path.read_bytes() == index
    assert [p.name for p in path.parent.iterdir()] == [NAME]


def test_a_wheel_with_another_checksum_is_refused(index: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"demo_scans==1\.0"):
        fetch_wheel(row(index + b"other"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_index(monkeypatch, "http://127.0.0.1:9/simple")
    with pytest.raises(InputError, match=r"pip download --no-deps demo_scans==1.0") as error:
        fetch_wheel(row(b"any"), tmp_path)
    assert str(tmp_path) in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_wheel_put_there_by_hand_serves_without_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("subprocess.run", None)
    content = wheel()
    (tmp_path / NAME).write_bytes(content)
    assert fetch_wheel(row(content), tmp_path).read_bytes() == content


def test_the_requirement_is_pinned_by_version_and_hash() -> None:
    remote = row(b"any")
    assert pinned(remote) == f"demo_scans==1.0 --hash=sha256:{hashlib.sha256(b'any').hexdigest()}"
    for change in ({"checksum": "unknown"}, {"file": "demo.zip"}, {"access": "open"}):
        with pytest.raises(InputError):
            pinned(replace(remote, **change))  # type: ignore[arg-type]
