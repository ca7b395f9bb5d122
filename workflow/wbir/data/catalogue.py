"""The catalogue of data files, `config/datasets.csv`: where each file is, who may have it, and how it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wbir.errors import InputError
from wbir.files import read_rows

COLUMNS = ("dataset", "file", "access", "home", "url", "licence", "checksum", "checksum_kind", "bytes",
           "unpacked_limit", "feeds", "note")  # fmt: skip
ACCESS = ("open", "registration", "request", "private", "package", "unknown")
KINDS = ("published", "third party", "registry", "recorded on first use", "none published", "unknown")
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Remote:
    """One file of a data set as the catalogue has it; what nobody knows is the word `unknown`, or None for `bytes`.

    checksum: `sha256:<hex>`, `md5:<hex>`, `gitblob:<hex>` (SHA-1 of a git blob) or `unknown`.
    bytes: the file's exact size, or None.
    unpacked_limit: of an archive, the most bytes that it may hold unpacked; None for other files.
    """

    dataset: str
    file: str
    access: str
    home: str
    url: str
    licence: str
    checksum: str
    checksum_kind: str
    bytes: int | None
    unpacked_limit: int | None
    feeds: str
    note: str

    @classmethod
    def of(cls, row: Mapping[str, str]) -> Remote:
        """Read a row. Raises InputError for a word outside `ACCESS` or `KINDS`, an empty cell or a bad size."""
        place = f"{row.get('dataset')}/{row.get('file')} in the data catalogue"
        for column in COLUMNS:
            if not row.get(column):
                raise InputError(f"a value for {column} of {place}", "an empty cell", "write the word unknown")
        for column, words in (("access", ACCESS), ("checksum_kind", KINDS)):
            if row[column] not in words:
                raise InputError(f"{column} of {place} as one of {', '.join(words)}", repr(row[column]), "correct it")
        size = row["bytes"]
        if size != UNKNOWN and not size.isdigit():
            raise InputError(f"bytes of {place} as a whole number or unknown", repr(size), "correct it")
        limit = row["unpacked_limit"]
        if limit != "none" and not limit.isdigit():
            raise InputError(f"unpacked_limit of {place} as a whole number or none", repr(limit), "correct it")
        cells: dict[str, Any] = {column: row[column] for column in COLUMNS}
        sizes = {
            "bytes": None if size == UNKNOWN else int(size),
            "unpacked_limit": None if limit == "none" else int(limit),
        }
        return cls(**{**cells, **sizes})

    @property
    def fetchable(self) -> bool:
        """Whether a program may fetch it and knows where: a wheel, or an open file with an address."""
        return self.access == "package" or (self.access == "open" and self.url not in (UNKNOWN, "none"))


def catalogue_path() -> Path:
    """`config/datasets.csv` of the repository that this library lies in."""
    return Path(__file__).resolve().parents[3] / "config" / "datasets.csv"


def catalogue(path: Path | str | None = None) -> list[Remote]:
    """Every file of the catalogue. Raises InputError for a missing or malformed one."""
    return [Remote.of(row) for row in read_rows(path or catalogue_path())]


def remote(dataset: str, file: str, path: Path | str | None = None) -> Remote:
    """One file of the catalogue. Raises InputError where it is not listed."""
    for entry in catalogue(path):
        if (entry.dataset, entry.file) == (dataset, file):
            return entry
    raise InputError("a file of config/datasets.csv", f"{dataset}/{file}", "add its row")
