"""Every declared paper: complete against the proceedings' inventory, and every name in it known."""

from __future__ import annotations

import pytest

from wbir.discovery import REPOSITORY as ROOT
from wbir.files import read_rows
from wbir.measures.base import discover
from wbir.papers import SCALES, load_paper, slugs

INVENTORY = {row["paper"]: row for row in read_rows(ROOT / "config" / "proceedings.csv")}


@pytest.mark.parametrize("slug", slugs())
def test_every_claim_table_and_figure_of_the_paper_is_there(slug: str) -> None:
    spec, row = load_paper(slug, "demo").spec, INVENTORY[slug]
    assert [claim["id"] for claim in spec["claims"]] == [
        f"{slug[:2]}-C{n:02d}" for n in range(1, int(row["claims"]) + 1)
    ]
    assert sum(table["place"].startswith("Table ") for table in spec["tables"].values()) == int(row["tables"])
    figures = [f["place"] for f in spec["figures"].values() if not f["place"].startswith("Extra figure ")]
    assert figures == [f"Fig. {n}" for n in range(1, int(row["figures"]) + 1)]


@pytest.mark.parametrize("slug", slugs())
@pytest.mark.parametrize("scale", SCALES)
def test_every_name_is_known(slug: str, scale: str) -> None:
    paper = load_paper(slug, scale)
    metrics = set(discover())
    for name, experiment in paper.spec["experiments"].items():
        for method in experiment["methods"]:
            unit = paper.unit(name, method, 0)
            assert {measure.metric for measure in unit.measures} <= metrics
            assert unit.spec["stack"] and unit.code()
            assert unit.cohort.dims in unit.spec["dims"]
    used = {check["experiment"] for claim in paper.spec["claims"] for check in claim.get("checks", ())}
    assert used <= set(paper.spec["experiments"])
    assert paper.code_of_figures()


@pytest.mark.parametrize("slug", slugs())
def test_every_printed_number_of_a_table_is_shown(slug: str) -> None:
    """A row and a column of reported.csv that no table names would be lost silently."""
    paper = load_paper(slug, "demo")
    for table in paper.spec["tables"].values():
        printed = [
            row for row in read_rows(ROOT / "config/papers" / slug / "reported.csv") if row["table"] == table["place"]
        ]
        for axis, key in (("rows", "row"), ("columns", "column")):
            items = table[axis].get("items") or table[axis].get("printed") or []
            by = table[axis]["by"]
            if by == "selection":
                names = set(items)
            else:
                names = set(items.values()) if isinstance(items, dict) else set(items)
                names |= {paper.title(name) for name in names} if by == "method" else set()
            names |= set(table[axis].get("printed", {}).values())
            assert {row[key] for row in printed} <= names or not printed
