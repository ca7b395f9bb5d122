"""Tables, figures and claims of a paper as the templates need them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wbir.checks import VERDICTS
from wbir.discovery import describe
from wbir.files import read_rows
from wbir.results import PaperResults
from wbir.site.links import link
from wbir.tables import Cell, Table, build_table

DOWNLOADS = {"csv": "CSV", "md": "Markdown", "tex": "LaTeX"}


def table_view(results: PaperResults, table_id: str) -> dict[str, Any]:
    """A table, printed beside computed; the unit stands in a column's head where its cells share one."""
    table = build_table(results, table_id)
    columns = []
    for name in table.columns:
        shared = _shared_unit(table, name)
        columns.append({"name": name, "unit": "" if f"({shared})" in name else shared, "shared": shared})
    rows = [(row, [_cell_view(table.cells[row, c["name"]], c["shared"]) for c in columns]) for row in table.rows]
    measured = any(cell.n or cell.failed for cell in table.cells.values())
    heads = {"title": table.title, "place": table.place, "note": table.note, "row_title": table.row_title}
    return {"id": table_id, "columns": columns, "rows": rows, "printed": table.printed, "measured": measured, **heads}


def _shared_unit(table: Table, column: str) -> str:
    units = {table.cells[row, column].unit for row in table.rows} - {""}
    return pretty_unit(next(iter(units))) if len(units) == 1 else ""


def _cell_view(cell: Cell, head_unit: str) -> dict[str, Any]:
    unit = pretty_unit(cell.unit)
    unit = "" if unit == head_unit or cell.text in ("–", "failed") else unit
    return {"text": cell.text, "unit": unit, "printed": cell.printed_text, "n": cell.n, "failed": cell.failed}


def pretty_unit(unit: str) -> str:
    """A unit for people: none for pure numbers, raised exponents."""
    return "" if unit == "1" else unit.replace("^2", "²").replace("^3", "³")


def figure_view(results: PaperResults, figure_id: str) -> dict[str, Any]:
    """A figure with words for those who do not see it: what each panel shows, of which experiment."""
    spec = results.paper.spec["figures"][figure_id]
    panels = []
    for panel in spec["panels"]:
        title = f"{panel['title']}: " if panel.get("title") else ""
        panels.append(f"{title}{describe('figures', panel['kind'])['shows']}{_of(results, panel)}")
    alt = f"{spec['place']}: {spec['title']}. " + "; ".join(dict.fromkeys(panels)) + "."
    heads = {"title": spec["title"], "place": spec["place"], "note": spec.get("note", "")}
    return {"id": figure_id, "alt": alt, "width": round(100 * spec.get("size", (8, 4))[0]), **heads}


def _of(results: PaperResults, panel: Mapping[str, Any]) -> str:
    """The experiments that a panel draws from, in words."""
    parts = [panel, panel.get("select", {}), *panel.get("rows", ()), *panel.get("columns", ())]
    names = list(dict.fromkeys(p["experiment"] for p in parts if isinstance(p, Mapping) and "experiment" in p))
    known = results.paper.spec["experiments"]
    titles = [known[name].get("title", name) for name in names if name in known]
    return f" (experiment: {', '.join(titles)})" if titles else ""


def claim_views(results: PaperResults) -> list[dict[str, Any]]:
    """Every claim with its comparisons, the contradicted ones first, then by id."""
    checks: dict[str, list[dict[str, str]]] = {}
    claims: list[dict[str, Any]] = []
    for suffix, speed in (("", False), ("-speed", True)):
        claims += [row | {"speed": speed} for row in read_rows(results.folder / f"claims{suffix}.csv")]
        for row in read_rows(results.folder / f"checks{suffix}.csv"):
            checks.setdefault(row["id"], []).append(row)
    for claim in claims:
        claim["checks"] = checks.get(claim["id"], [])
        claim["data"] = re.sub(r"\w+(?= \()", lambda name: describe("cohorts", name[0])["title"], claim["data"])
    return sorted(claims, key=lambda c: (VERDICTS.index(c["verdict"]), c["id"]))


def exhibits(results: PaperResults, claims: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Tables and figures of a paper, and the links between them and the claims."""
    spec = results.paper.spec
    places = {i: e["place"] for kind in ("tables", "figures") for i, e in spec.get(kind, {}).items()}
    of_claim, of_exhibit = link(sorted(claims, key=lambda claim: claim["id"]), places)
    return {
        "tables": [table_view(results, i) for i in spec.get("tables", {})],
        "figures": [figure_view(results, i) for i in spec.get("figures", {})],
        "places": places,
        "of_claim": of_claim,
        "of_exhibit": of_exhibit,
    }


def copy_exhibits(results: PaperResults, out: Path) -> dict[str, list[str]]:
    """Copy the files of tables, figures, cohorts, claims and measurements to `out`; the names of those found, by kind."""
    spec, found = results.paper.spec, {}
    wanted = {
        "tables": [f"{i}.{s}" for i in spec.get("tables", {}) for s in DOWNLOADS],
        "figures": [f"{i}.{s}" for i in spec.get("figures", {}) for s in ("png", "svg")],
        "cohorts": [f"{plan.id}.png" for plan in results.paper.sheets()],
        ".": [
            "claims.csv",
            "checks.csv",
            "claims-speed.csv",
            "checks-speed.csv",
            "qc.csv",
            "cases.csv",
            "measurements.csv",
            "timings.csv",
        ],
    }
    for kind, names in wanted.items():
        found[kind] = [name for name in names if (results.folder / kind / name).is_file()]
        for name in found[kind]:
            (out / kind).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(results.folder / kind / name, out / kind / name)
    return found
