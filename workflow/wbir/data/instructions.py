"""The page that tells a person how a data set is to be had: whose it is, its terms, which files go where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wbir.data.catalogue import UNKNOWN, Remote

WAYS = {
    "open": "It is open: it is fetched as soon as you accept its terms.",
    "registration": "Its owner asks for a registration. Register, accept the terms there, and download it yourself.",
    "request": "Its owner gives it on request. Ask, and download it yourself.",
    "private": "It is private: only who has it already can use it here.",
    "package": "It lies in a Python package, which pip fetches.",
    "unknown": "How it is to be had is not known to us.",
}


def page(dataset: str, folder: Path, rows: Sequence[Remote], *, terms: bool) -> str:
    """Markdown. terms: nothing is missing but the acceptance of the terms."""
    first = rows[0]
    way = first.access if terms or first.url_known or first.access != "open" else "unknown address"
    lines = [
        f"# How to get `{dataset}`",
        "",
        WAYS.get(way, "It is open, but no address of its files is known to us."),
        "",
    ]
    lines += [f"- owner's page: {first.home}", f"- terms: {first.licence}"]
    if terms:
        lines += ["- accept them, if you do, by `--config 'accept_terms=[" + dataset + "]'` or in `config/config.yaml`"]
    lines += ["", f"Files for `{folder}/` (archives as they are, or what was in them):", ""]
    lines += [f"- {_line(row)}" for row in rows]
    lines += ["", f"A copy that lies elsewhere is used by `--config 'data={{{dataset}: FOLDER}}'`."]
    lines += ["docs/data-access.md says more.", ""]
    return "\n".join(lines)


def _line(row: Remote) -> str:
    size = f"{row.bytes} bytes" if row.bytes is not None else "size unknown"
    name = "names of the files unknown" if row.file == UNKNOWN else f"`{row.file}`"
    check = "" if row.checksum == UNKNOWN else f"; {row.checksum} ({row.checksum_kind})"
    note = f"; {row.note}" if row.note else ""
    return f"{name}: {size}{check}{note}"
