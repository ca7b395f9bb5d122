"""The front page: the scoreboard of all papers of the proceedings, and the studies beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from wbir.checks import VERDICTS
from wbir.discovery import REPOSITORY
from wbir.files import read_rows


def split_slug(slug: str) -> tuple[str, str]:
    """`17-csngf` as its number and its name; a study has no number."""
    found = re.fullmatch(r"(\d\d)-(.+)", slug)
    return (found.group(1), found.group(2)) if found else ("", slug)


def front_view(views: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Rows of the scoreboard, papers with the most contradicted claims first, those not yet here last; totals."""
    rows = [_row(entry, views.get(entry["paper"])) for entry in read_rows(REPOSITORY / "config" / "proceedings.csv")]
    rows.sort(key=lambda row: (not row["here"], -row["counts"]["contradicted"], row["slug"]))
    listed = {row["slug"] for row in rows}
    beside = [_row({"paper": slug, "topic": ""}, view) for slug, view in views.items() if slug not in listed]
    return {
        "rows": rows,
        "studies": beside,
        "here": sum(row["here"] for row in rows),
        "totals": {verdict: sum(row["counts"][verdict] for row in rows) for verdict in VERDICTS},
        "judged": sum(sum(row["counts"].values()) for row in rows),
    }


def _row(entry: Mapping[str, str], view: Mapping[str, Any] | None) -> dict[str, Any]:
    number, name = split_slug(entry["paper"])
    row: dict[str, Any] = {"slug": entry["paper"], "number": number, "name": name, "topic": entry["topic"]}
    row |= {key: int(entry.get(key, 0)) for key in ("claims", "tables", "figures")}
    counts: Counter[str] = Counter(claim["verdict"] for claim in view["claims"]) if view else Counter()
    row |= {"here": view is not None, "counts": {verdict: counts[verdict] for verdict in VERDICTS}}
    if view is None:
        return row | {"title": "", "data": [], "flagged": 0, "seconds": 0.0}
    data = list(dict.fromkeys((c["title"], c["source"]) for c in view["cohorts"] if not c["derived"]))
    flagged = sum(entry["flag"] != "ok" for entry in view["quality"])
    return row | {
        "title": view["paper"]["title"],
        "topic": row["topic"] or view["paper"]["title"],
        "data": data,
        "flagged": flagged,
        "seconds": view["total"]["seconds"],
        "claims": row["claims"] or len(view["claims"]),
    }
