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
SPEED_COLUMNS = ("paper", *VERDICTS)


def write_scoreboard(results: Path, scale: str) -> None:
    """Write scoreboard.csv, scoreboard-speed.csv (verdicts that rest on times) and scoreboard.html (all) below `results`."""
    papers = sorted(read_rows(REPOSITORY / "config" / "proceedings.csv"), key=lambda entry: entry["paper"])
    rows = [_row(entry, results) for entry in papers]
    here = [row["paper"] for row in rows if row["state"] == "computed"]
    speed = [{"paper": paper} | _counts(results / paper / "claims-speed.csv") for paper in here]
    write_rows(results / "scoreboard.csv", rows, COLUMNS)
    write_rows(results / "scoreboard-speed.csv", speed, SPEED_COLUMNS)
    by_paper = {row["paper"]: row for row in speed}
    both = [row | {v: row[v] + by_paper[row["paper"]][v] for v in VERDICTS if row["paper"] in by_paper} for row in rows]
    write_text(results / "scoreboard.html", _to_html(both, scale))


def _row(entry: dict[str, str], results: Path) -> dict[str, Any]:
    """A paper's row; verdicts that rest on times are counted apart, since they may change from run to run."""
    folder = results / entry["paper"]
    row: dict[str, Any] = {key: entry[key] for key in ("paper", "topic", "tables", "figures", "claims")}
    if not (folder / "claims.csv").is_file():
        return row | {"state": "not yet here"}
    flagged = [q for q in read_rows(folder / "qc.csv") if q["flag"] != "ok"]
    return row | _counts(folder / "claims.csv") | {"state": "computed", "flagged": len(flagged)}


def _counts(path: Path) -> dict[str, int]:
    counts = Counter(claim["verdict"] for claim in read_rows(path))
    return {verdict: counts[verdict] for verdict in VERDICTS}


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
