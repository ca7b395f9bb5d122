"""A data set as a whole: what the rows of its files say together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wbir.data.catalogue import UNKNOWN, Remote


@dataclass(frozen=True)
class DataSet:
    """A data set of the catalogue; words that its files do not share stand side by side.

    files: how many are known, 0 where not even their names are. bytes: of the files whose size is known; `unsized` are those
    of which it is not. fetched: whether something of it is downloaded once its terms are accepted.
    """

    name: str
    access: str
    home: str
    licence: str
    note: str
    feeds: tuple[str, ...]
    files: int
    bytes: int
    unsized: int
    fetched: bool

    @property
    def size(self) -> str:
        """For people: `35.1 MB`, `more than 1.2 GB`, `unknown`."""
        if not self.bytes:
            return UNKNOWN
        words = f"{self.bytes / 1e9:.1f} GB" if self.bytes >= 1e9 else f"{self.bytes / 1e6:.1f} MB"
        return f"more than {words}" if self.unsized else words


def summaries(rows: Iterable[Remote]) -> dict[str, DataSet]:
    """The data sets of a catalogue by name, in its order."""
    groups: dict[str, list[Remote]] = {}
    for row in rows:
        groups.setdefault(row.dataset, []).append(row)
    return {name: _summary(name, group) for name, group in groups.items()}


def _summary(name: str, rows: list[Remote]) -> DataSet:
    def words(column: str) -> str:
        return "; ".join(dict.fromkeys(text for row in rows if (text := getattr(row, column))))

    sizes = [row.bytes for row in rows]
    return DataSet(
        name=name,
        access=words("access").replace("; ", " or "),
        home=words("home"),
        licence=words("licence"),
        note=words("note"),
        feeds=tuple(sorted({paper for row in rows for paper in row.feeds.split()} - {"none", UNKNOWN})),
        files=sum(row.file != UNKNOWN for row in rows),
        bytes=sum(size for size in sizes if size is not None),
        unsized=sizes.count(None),
        fetched=any(row.fetchable for row in rows),
    )
