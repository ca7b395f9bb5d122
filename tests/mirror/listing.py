"""Rows of a catalogue for made-up data sets."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from wbir.data.catalogue import COLUMNS
from wbir.files import write_rows


def row(dataset: str, file: str, content: bytes | None = None, **changes: str) -> dict[str, str]:
    """An open file, of unknown size and checksum where its content is not given; `changes` are other columns."""
    known = {"checksum": "unknown", "checksum_kind": "none published", "bytes": "unknown"}
    if content is not None:
        known = {"checksum": f"sha256:{hashlib.sha256(content).hexdigest()}", "checksum_kind": "published"}
        known["bytes"] = str(len(content))
    blank = {
        "dataset": dataset, "file": file, "access": "open", "home": f"https://example.org/{dataset}", "url": "unknown",
        "licence": "CC BY 4.0", "unpacked_limit": "1000000" if file.endswith((".zip", ".tar", ".tgz")) else "none",
        "feeds": "none", "note": "made up",
    }  # fmt: skip
    return {**blank, **known, **changes}


def listing(path: Path, *rows: Mapping[str, str]) -> Path:
    write_rows(path, rows, COLUMNS)
    return path


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The bytes of a zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in files.items():
            bundle.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def inside(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, and its content."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
