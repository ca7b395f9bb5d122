"""A whole data set in its folder of the cache: fetched where that is allowed, put there by a person else; verified, unpacked."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

from wbir.data.catalogue import UNKNOWN, Remote, catalogue
from wbir.data.checksums import digest, matches
from wbir.data.fetch import fetch
from wbir.data.instructions import page
from wbir.data.package import fetch_wheel
from wbir.data.unpack import is_archive, unpack_nested
from wbir.errors import InputError
from wbir.files import write_rows, write_text

INVENTORY, PAGE = "inventory.csv", "HOW-TO-GET.md"
OWN = (INVENTORY, PAGE)
log = logging.getLogger("wbir")


def acquire(dataset: str, cache: Path | str, *, listing: Path | None = None, accepted: Collection[str] = ()) -> Path:
    """The folder `cache/dataset` with the data set's files, archives unpacked into `unpacked/`; returns it.

    Files that lie there already, fetched or put there by hand, are verified and kept. A missing one is fetched where its
    access is open, its address known and the data set's terms `accepted` (a wheel needs no acceptance). Of a data set
    that may not be fetched, whatever a person put there is taken. `inventory.csv` says what was found, with checksums.
    listing: the catalogue, `config/datasets.csv` by default.

    Raises InputError, after writing a page of instructions into the folder, where something has to be done by a person:
    terms to be accepted, access to be asked for, files to be put there.
    """
    rows = [row for row in catalogue(listing) if row.dataset == dataset]
    if not rows:
        raise InputError("a data set of config/datasets.csv", repr(dataset), "correct the name, or add its rows")
    folder = Path(cache) / dataset
    missing = [row for row in rows if not (folder / row.file).exists()]
    fetchable = [row for row in missing if row.access in ("open", "package") and row.url_known]
    refused = [row for row in fetchable if row.access == "open"] if dataset not in accepted else []
    if refused or (missing and not fetchable and not _anything(folder)):
        _stop(dataset, folder, rows, terms=bool(refused))
    for row in fetchable:
        fetch_wheel(row, folder) if row.access == "package" else fetch(row, folder)
    found = [row for row in rows if (folder / row.file).exists()]
    inventory = [_verified(row, folder) for row in found]
    for row in found:
        if is_archive(folder / row.file):
            _unpack(row, folder)
    for row in rows:
        if row not in found and row.file != UNKNOWN:
            log.warning("%s: %s is not in %s", dataset, row.file, folder)
    write_rows(folder / INVENTORY, inventory, ["file", "bytes", "sha256", "checked"])
    (folder / PAGE).unlink(missing_ok=True)
    return folder


def _anything(folder: Path) -> bool:
    """Whether a person put something into the folder."""
    return folder.is_dir() and any(p.name not in OWN and not p.name.startswith(".") for p in folder.iterdir())


def _stop(dataset: str, folder: Path, rows: Sequence[Remote], *, terms: bool) -> None:
    text = page(dataset, folder, rows, terms=terms)
    write_text(folder / PAGE, text)
    log.warning("%s", text)
    if terms:
        todo = f"read {folder / PAGE}, then accept them: --config 'accept_terms=[{dataset}]'"
        raise InputError(f"the terms of {dataset} accepted before anything is fetched", "no acceptance", todo)
    got = f"none there (access: {rows[0].access})"
    raise InputError(f"the files of {dataset} in {folder}", got, f"follow {folder / PAGE}, then run again")


def _verified(row: Remote, folder: Path) -> dict[str, str]:
    """The inventory's line of a file. Raises InputError for a file that the catalogue knows to be another."""
    path = folder / row.file
    if path.is_dir():
        return {"file": row.file, "bytes": "", "sha256": "", "checked": "a folder"}
    if not matches(path, row.checksum):
        algorithm = row.checksum.partition(":")[0]
        got = f"{algorithm} {digest(path, algorithm)}"
        todo = f"fetch it again, or delete {path}"
        raise InputError(f"{row.file} with {row.checksum} ({row.checksum_kind})", got, todo)
    checked = row.checksum_kind if row.checksum != UNKNOWN else "nobody's checksum"
    size = str(path.stat().st_size)
    return {"file": row.file, "bytes": size, "sha256": digest(path, "sha256"), "checked": checked}


def _unpack(row: Remote, folder: Path) -> None:
    """Unpack an archive, unless its folder is there and not older than the archive."""
    archive = folder / row.file
    target = folder / "unpacked" / archive.name.split(".")[0]
    if target.is_dir() and target.stat().st_mtime >= archive.stat().st_mtime:
        return
    if row.unpacked_limit is None:
        raise InputError(f"unpacked_limit of {row.dataset}/{row.file}, an archive", "none", "add it to the catalogue")
    log.info("%s: unpacking", row.file)
    unpack_nested(archive, target, limit_bytes=row.unpacked_limit)
