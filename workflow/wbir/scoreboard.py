"""The scoreboard: a row per paper of the proceedings, with its verdicts."""

from __future__ import annotations

import html
from collections import Counter
from pathlib import Path
from typing import Any

from wbir.checks import VERDICTS
from wbir.discovery import REPOSITORY
from wbir.files import read_rows, write_rows, write_text
from wbir.tables import page

COLUMNS = ("paper", "topic", "state", "tables", "figures", "claims", *VERDICTS, "flagged")


def write_scoreboard(results: Path, scale: str) -> None:
    """Write scoreboard.csv and scoreboard.html below `results` from the papers' claims and controls."""
    rows = [_row(entry, results) for entry in read_rows(REPOSITORY / "config" / "proceedings.csv")]
    rows.sort(key=lambda row: row["paper"])
    write_rows(results / "scoreboard.csv", rows, COLUMNS)
    write_text(results / "scoreboard.html", _to_html(rows, scale))


def _row(entry: dict[str, str], results: Path) -> dict[str, Any]:
    folder = results / entry["paper"]
    row: dict[str, Any] = {key: entry[key] for key in ("paper", "topic", "tables", "figures", "claims")}
    if not (folder / "claims.csv").is_file():
        return row | {"state": "not yet here"}
    claims = read_rows(folder / "claims.csv") + read_rows(folder / "claims-speed.csv")
    counts = Counter(claim["verdict"] for claim in claims)
    flagged = [q for q in read_rows(folder / "qc.csv") if q["flag"] != "ok"]
    return row | {verdict: counts[verdict] for verdict in VERDICTS} | {"state": "computed", "flagged": len(flagged)}


def _to_html(rows: list[dict[str, Any]], scale: str) -> str:
    """Papers with the most contradicted claims first, those not yet here last."""
    ordered = sorted(rows, key=lambda r: (r["state"] != "computed", -int(r.get("contradicted") or 0), r["paper"]))
    head = "".join(f"<th scope='col'>{html.escape(c)}</th>" for c in COLUMNS)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(r.get(c, '')))}</td>" for c in COLUMNS) + "</tr>" for r in ordered
    )
    return page(
        f"Scoreboard at the {scale} scale", f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
