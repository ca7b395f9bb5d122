"""The page that tells a person how a data set is to be had: whose it is, its terms, which files go where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wbir.data.catalogue import UNKNOWN, Remote

WAYS = {
    "open": "It is open, but no address of its files is known to us: look for them on its owner's page.",
    "registration": "Its owner asks for a registration: register and accept the terms there.",
    "request": "Its owner gives it on request: ask, and say what you need it for.",
    "private": "It is private: only who has it already can use it here.",
    "package": "It lies in a Python package, which pip fetches.",
    "unknown": "How it is to be had is not known to us.",
}


def page(dataset: str, folder: Path, rows: Sequence[Remote], *, terms: bool) -> str:
    """Markdown for a person. terms: the files may be fetched as soon as their terms are accepted; else somebody has to."""
    concerned = [row for row in rows if row.fetchable == terms] or list(rows)
    first = concerned[0]
    lines = [
        f"# How to get `{dataset}`",
        "",
        f"- Owner's page: {first.home}",
        f"- Terms: {first.licence}",
        f"- Papers that use it: {first.feeds.replace(' ', ', ')}",
        "",
    ]
    lines += _accept(dataset) if terms else _by_hand(first, folder)
    lines += ["", "| file | bytes | checksum | note |", "|---|---|---|---|", *(_line(row) for row in concerned), ""]
    lines += [f"A copy that lies elsewhere is read where it is: `--config 'data={{{dataset}: FOLDER}}'`.", ""]
    lines += [f"docs/data-access.md says more about `{dataset}`.", ""]
    return "\n".join(lines)


def _accept(dataset: str) -> list[str]:
    return [
        "It is open. Nothing is fetched before you accept its terms:",
        "",
        "1. Read them on the owner's page.",
        f"2. If you accept them, run again with `--config 'accept_terms=[{dataset}]'`, or add it to `accept_terms` in",
        f"   `config/config.yaml`. Without the workflow: `wbir acquire {dataset} --accept-terms`.",
        "",
        "Then these files are fetched:",
    ]


def _by_hand(first: Remote, folder: Path) -> list[str]:
    return [
        "It has to be fetched by you:",
        "",
        f"1. {WAYS[first.access]}",
        f"2. Put the files below into `{folder}/`: archives as they are, or what was in them.",
        "3. Run again. They are verified and unpacked.",
    ]


def _line(row: Remote) -> str:
    name = "names not known" if row.file == UNKNOWN else f"`{row.file}`"
    size = UNKNOWN if row.bytes is None else str(row.bytes)
    check = UNKNOWN if row.checksum == UNKNOWN else f"{row.checksum} ({row.checksum_kind})"
    return f"| {name} | {size} | {check} | {row.note} |"
