"""The folder that a command writes: whole or not at all, and never over a stranger's files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wbir.errors import InputError
from wbir.provenance import manifest

MANIFEST = "manifest.json"


def check_output(folder: Path, overwrite: bool, inputs: Iterable[Path | None]) -> None:
    """Raise InputError before any work is done where `folder` cannot or must not be written.

    An existing folder with anything in it is refused; with `overwrite` it is replaced, but only one that has our manifest.
    """
    todo = "name a folder that you may write"
    if folder.exists() and not folder.is_dir():
        raise InputError("a folder for --out", f"the file {folder}", "name another")
    parent = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise InputError("a folder that can be written for --out", f"{folder} below {parent}, which cannot", todo)
    if folder.is_dir() and any(folder.iterdir()):
        if not overwrite:
            raise InputError(
                "a new or empty folder for --out", f"{folder}, which has files", "give --overwrite, or another"
            )
        if not (folder / MANIFEST).is_file():
            raise InputError(f"a folder that wbir wrote (with {MANIFEST})", f"{folder}", "name another: it is not ours")
        within = next((p for p in inputs if p is not None and folder.resolve() in p.resolve().parents), None)
        if within is not None:
            raise InputError(
                f"inputs outside of {folder}, which --overwrite replaces", f"{within}", "name another folder"
            )


def provenance(
    command: str, what: Mapping[str, Any], files: Mapping[str, Path | None], *, device: str, seconds: float
) -> dict[str, Any]:
    """The manifest of a command: what was asked for, and each input file by its name and SHA-256."""
    inputs = {name: {"path": str(p), "sha256": _digest(p)} for name, p in sorted(files.items()) if p is not None}
    return manifest({"command": command, **what, "inputs": inputs}, device=device, seconds=seconds)


def _digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files in order of their names."""
    total = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        with file.open("rb") as stream:
            for block in iter(lambda: stream.read(1 << 20), b""):
                total.update(block)
    return total.hexdigest()
