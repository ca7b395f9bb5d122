"""A whole data set in its folder of the cache: fetched where that is allowed, put there by a person else; verified, unpacked."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from wbir.data.catalogue import UNKNOWN, Remote, catalogue
from wbir.data.checksums import digest
from wbir.data.fetch import PATIENCE, Patience, difference, fetch
from wbir.data.instructions import page
from wbir.data.package import fetch_wheel
from wbir.data.transfer import Partial
from wbir.data.unpack import is_archive, unpack_nested
from wbir.errors import InputError
from wbir.files import alone_in, read_rows, write_rows, write_text

INVENTORY, PAGE, UNPACKED = "inventory.csv", "HOW-TO-GET.md", "unpacked"
COLUMNS = ("file", "bytes", "sha256", "checked")
OWN = (INVENTORY, PAGE, UNPACKED)
log = logging.getLogger("wbir")


def acquire(
    dataset: str,
    cache: Path | str,
    *,
    listing: Path | None = None,
    accepted: Collection[str] = (),
    patience: Patience = PATIENCE,
) -> Path:
    """The folder `cache/dataset` with the data set's files, archives unpacked into `unpacked/<archive>/`; returns it.

    Files that lie there already, fetched or put there by hand, are verified and kept. A missing one is fetched where its
    access is open, its address known and the data set's terms `accepted` (a wheel needs no acceptance). Of a data set
    that may not be fetched, whatever a person put there is taken; a row whose file is `unknown` stands for all that lies
    there under other names. `inventory.csv` says what was found. It is a lock file: a file without a SHA-256 in the
    catalogue must ever after be the one of the first time. Processes that acquire one data set wait for each other.
    listing: the catalogue, `config/datasets.csv` by default.

    Raises InputError, after writing a page of instructions into the folder, where something has to be done by a person:
    terms to be accepted, access to be asked for, files to be put there. Raises it too as `fetch` and `unpack` do, and
    for a file that is not the one of the catalogue or of the inventory.
    """
    rows = [row for row in catalogue(listing) if row.dataset == dataset]
    if not rows:
        raise InputError("a data set of config/datasets.csv", repr(dataset), "correct the name, or add its rows")
    folder = Path(cache) / dataset
    with alone_in(folder):
        _bring(rows, folder, dataset in accepted, patience)
        found = _found(rows, folder)
        recorded = {line["file"]: line["sha256"] for line in _inventory(folder)}
        inventory = [_verified(row, folder, recorded) for row in found]
        for row, line in zip(found, inventory, strict=True):
            Partial(folder / row.file).remove()  # of a download that a person's own file has made needless
            _unpack(row, folder, line["sha256"])
        (folder / PAGE).unlink(missing_ok=True)
        write_rows(folder / INVENTORY, inventory, COLUMNS)  # last: where it is, all is there
    return folder


def _bring(rows: Sequence[Remote], folder: Path, accepted: bool, patience: Patience) -> None:
    """Fetch what is missing and may be fetched. Raises InputError where a person has to act first."""
    missing = [row for row in rows if not (folder / row.file).exists()]
    fetchable = [row for row in missing if row.fetchable]
    if not accepted and any(row.access == "open" for row in fetchable):
        _stop(rows, folder, terms=True)
    if missing and not fetchable and not _entries(folder):
        _stop(rows, folder, terms=False)
    for row in fetchable:
        if row.access == "package":
            fetch_wheel(row, folder)
        else:
            fetch(row, folder, patience)
    for row in missing:
        if row not in fetchable and row.file != UNKNOWN:
            log.warning("%s: %s is not in %s", row.dataset, row.file, folder)


def _entries(folder: Path) -> list[str]:
    """What lies in the folder but for hidden files and our own."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".") and path.name not in OWN)


def _stop(rows: Sequence[Remote], folder: Path, *, terms: bool) -> None:
    dataset = rows[0].dataset
    text = page(dataset, folder, rows, terms=terms)
    write_text(folder / PAGE, text)
    log.warning("%s", text)
    if terms:
        todo = f"read {folder / PAGE}, then accept them: --config 'accept_terms=[{dataset}]'"
        raise InputError(f"the terms of {dataset} accepted before anything is fetched", "no acceptance", todo)
    got = f"none there (access: {rows[0].access})"
    raise InputError(f"the files of {dataset} in {folder}", got, f"follow {folder / PAGE}, then run again")


def _found(rows: Sequence[Remote], folder: Path) -> list[Remote]:
    """The rows whose files are there; one of an `unknown` file becomes a row for each entry that no other row names."""
    named = {PurePosixPath(row.file).parts[0] for row in rows}
    others = [name for name in _entries(folder) if name not in named]
    found = [row for row in rows if (folder / row.file).exists()]
    return found + [replace(row, file=name) for row in rows if row.file == UNKNOWN for name in others]


def _inventory(folder: Path) -> list[dict[str, str]]:
    return read_rows(folder / INVENTORY) if (folder / INVENTORY).exists() else []


def _verified(row: Remote, folder: Path, recorded: Mapping[str, str]) -> dict[str, str]:
    """The inventory's line of a file. Raises InputError for a file that the catalogue or `recorded` knows to be another."""
    path = folder / row.file
    if path.is_dir():
        return {"file": row.file, "bytes": "", "sha256": "", "checked": "a folder"}
    wrong = difference(row, path)
    if wrong:
        expected = f"{row.file} of {row.dataset} as the catalogue has it"
        raise InputError(expected, wrong, f"delete {path}, then run again")
    sha256 = digest(path, "sha256")
    before = recorded.get(row.file) or sha256
    if not row.checksum.startswith("sha256:") and sha256 != before:
        todo = f"it is damaged or its publisher changed it: compare, then delete {path}, or its line in {INVENTORY}"
        raise InputError(f"{row.file} with the SHA-256 recorded on first use, {before}", sha256, todo)
    checked = row.checksum_kind if row.checksum != UNKNOWN else "recorded on first use"
    return {"file": row.file, "bytes": str(path.stat().st_size), "sha256": sha256, "checked": checked}


def _unpack(row: Remote, folder: Path, sha256: str) -> None:
    """Unpack an archive, unless that very one is unpacked already."""
    archive, target = folder / row.file, folder / UNPACKED / row.file
    if not is_archive(archive):
        return
    if row.unpacked_limit is None:
        log.warning("%s: %s stays packed (unpacked_limit is none)", row.dataset, row.file)
        return
    stamp = target / ".sha256"  # of the archive
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == sha256:
        return
    for left_by_a_kill in target.parent.glob(f".{target.name}.*"):
        shutil.rmtree(left_by_a_kill)
    log.info("%s: unpacking", row.file)
    unpack_nested(archive, target, limit_bytes=row.unpacked_limit)
    write_text(stamp, sha256)
