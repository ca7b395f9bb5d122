"""Tables: printed beside computed, as CSV, Markdown, LaTeX and HTML."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wbir.discovery import WORKFLOW
from wbir.results import PaperResults, conjoined, selection_of

if TYPE_CHECKING:
    import pandas

COLUMNS = ("row", "column", "computed", "spread", "n", "failed", "unit", "printed", "printed_spread")


@dataclass(frozen=True)
class Cell:
    """A cell of a table: the computed value (NaN: none), its spread over cases, and the printed one as the paper writes it."""

    computed: float
    spread: float
    n: int
    failed: int
    unit: str
    printed: str
    printed_spread: str
    digits: int

    @property
    def text(self) -> str:
        """The computed value for people: `0.958 ± 0.012`, or a dash."""
        if math.isnan(self.computed):
            return "failed" if self.failed else "–"
        value = f"{self.computed:.{self.digits}f}" if _plain(self.computed, self.digits) else f"{self.computed:.2e}"
        if math.isnan(self.spread):
            return value
        return f"{value} ± " + (
            f"{self.spread:.{self.digits}f}" if _plain(self.spread, self.digits) else f"{self.spread:.1e}"
        )

    @property
    def printed_text(self) -> str:
        return f"{self.printed} ± {self.printed_spread}" if self.printed_spread else self.printed


@dataclass(frozen=True)
class Table:
    """A computed table: `cells[row][column]` beside what the paper prints."""

    title: str
    place: str
    note: str
    row_title: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: Mapping[tuple[str, str], Cell]

    @property
    def printed(self) -> bool:
        """Whether the paper prints anything of it; a table of ours alone is shown without empty columns."""
        return any(cell.printed for cell in self.cells.values())

    @property
    def kinds(self) -> tuple[str, ...]:
        """What stands side by side in each column."""
        return ("computed", "printed") if self.printed else ("computed",)

    def texts(self, row: str) -> list[str]:
        """A row's cells in words, one for each column and kind."""
        both = ((cell.text, cell.printed_text or "–") for cell in (self.cells[row, c] for c in self.columns))
        return [text for pair in both for text in pair[: len(self.kinds)]]


def _plain(value: float, digits: int) -> bool:
    """Whether a fixed number of digits shows a value without hiding it."""
    return value == 0 or 10.0**-digits <= abs(value) < 1e6


def build_table(results: PaperResults, table_id: str) -> Table:
    """Compute a table of the paper's declaration from its measurements."""
    spec = results.paper.spec["tables"][table_id]
    rows, columns = (_items(results, spec, axis) for axis in ("rows", "columns"))
    cells = {}
    for row, row_part in rows.items():
        for column, column_part in columns.items():
            wanted = conjoined(spec["cells"], row_part, column_part)
            cells[row, column] = _cell(results, spec, wanted, row, column)
    return Table(
        title=spec["title"],
        place=spec["place"],
        note=spec.get("note", ""),
        row_title=spec["rows"].get("title", spec["rows"]["by"]),
        rows=list(rows),
        columns=list(columns),
        cells=cells,
    )


def _items(results: PaperResults, spec: Mapping[str, Any], axis: str) -> dict[str, dict[str, Any]]:
    """The items of an axis: the printed name, and what it selects from the measurements."""
    entry, cells = spec[axis], spec["cells"]
    by, items = entry["by"], entry.get("items")
    if by == "selection":
        return dict(items)
    if items is None and by == "method":
        items = results.paper.spec["experiments"][cells["experiment"]]["methods"]
    if items is None:
        table = results.select({**cells, "label": "*"}, speed=cells.get("speed", False))
        items = list(dict.fromkeys(table[by])) if by in table else []
    if not isinstance(items, Mapping):
        name = results.paper.title if by == "method" else str
        items = {str(item): name(str(item)) for item in items}
    return {str(name): selection_of(by, str(key)) for key, name in items.items()}


def _cell(results: PaperResults, spec: Mapping[str, Any], wanted: Mapping[str, Any], row: str, column: str) -> Cell:
    rows = results.select(wanted, speed=wanted.get("speed", False))
    value, spread = summarise(rows["value"], wanted.get("statistic", "mean"), wanted.get("below"))
    names = [spec[axis].get("printed", {}).get(name, name) for axis, name in (("rows", row), ("columns", column))]
    printed = next((r for r in results.reported if [r["table"], r["row"], r["column"]] == [spec["place"], *names]), {})
    return Cell(
        computed=value,
        spread=spread,
        n=int(rows["value"].notna().sum()),
        failed=int(rows["status"].str.startswith("failed").sum()),
        unit="" if wanted.get("statistic") == "success" else next(iter(rows["unit"]), ""),
        printed=printed.get("value", ""),
        printed_spread=printed.get("spread", ""),
        digits=int(wanted.get("digits", 3)),
    )


def summarise(values: pandas.Series, statistic: str, below: float | None = None) -> tuple[float, float]:
    """A statistic of values and its spread (NaN where it has none).

    `success` is the fraction of all values, failed and undefined ones included, that lie below a threshold.
    """
    if len(values) == 0 or (statistic != "success" and values.notna().sum() == 0):
        return math.nan, math.nan
    if statistic == "success":
        if below is None:
            raise ValueError("`statistic: success` needs `below`")
        return float((values < below).mean()), math.nan
    if statistic == "mean_sd":
        return float(values.mean()), float(values.std(ddof=1)) if values.notna().sum() > 1 else math.nan
    known = {"mean": values.mean, "median": values.median, "minimum": values.min, "maximum": values.max}
    return float(known[statistic]()), math.nan


def to_rows(table: Table) -> list[dict[str, Any]]:
    """The table in long form, one cell per row, for CSV."""

    def number(value: float) -> str:
        return "" if math.isnan(value) else f"{value:.10g}"

    return [
        {
            "row": row,
            "column": column,
            "computed": number(cell.computed),
            "spread": number(cell.spread),
            "n": cell.n,
            "failed": cell.failed,
            "unit": cell.unit,
            "printed": cell.printed,
            "printed_spread": cell.printed_spread,
        }
        for (row, column), cell in table.cells.items()
    ]


def to_markdown(table: Table) -> str:
    heads = [f"{c} ({kind})" if table.printed else c for c in table.columns for kind in table.kinds]
    head = [table.row_title, *heads]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join([row, *table.texts(row)]) + " |" for row in table.rows]
    return (
        f"**{table.place}.** {table.title}\n\n" + "\n".join(lines) + "\n" + (f"\n{table.note}\n" if table.note else "")
    )


def to_latex(table: Table) -> str:
    escape = str.maketrans({c: f"\\{c}" for c in "%_&#$"} | {"±": r"$\pm$", "–": "--"})
    width = len(table.kinds)
    lines = [r"\begin{tabular}{l" + "r" * width * len(table.columns) + "}", r"\hline"]
    heads = [rf"\multicolumn{{{width}}}{{c}}{{{c.translate(escape)}}}" for c in table.columns]
    lines.append(
        " & ".join(["" if table.printed else table.row_title, *heads]) + r" \\" + ("" if table.printed else r" \hline")
    )
    if table.printed:
        lines.append(" & ".join([table.row_title, *table.kinds * len(table.columns)]) + r" \\ \hline")
    for row in table.rows:
        lines.append(" & ".join(cell.translate(escape) for cell in [row, *table.texts(row)]) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}", f"% {table.place}: {table.title}"]) + "\n"


def to_html(table: Table) -> str:
    """A page of its own: computed value in bold type, printed one below it."""

    def cell(c: Cell) -> str:
        unit = f" {c.unit}" if c.unit and not math.isnan(c.computed) else ""
        printed = (f"printed {c.printed_text}; " if c.printed else "not printed; ") if table.printed else ""
        return f"<td><b>{html.escape(c.text + unit)}</b><br><small>{html.escape(printed)}n = {c.n}</small></td>"

    head = "".join(f"<th scope='col'>{html.escape(c)}</th>" for c in table.columns)
    body = "".join(
        f"<tr><th scope='row'>{html.escape(r)}</th>{''.join(cell(table.cells[r, c]) for c in table.columns)}</tr>"
        for r in table.rows
    )
    note = f"<p>{html.escape(table.note)}</p>" if table.note else ""
    grid = f"<table><thead><tr><th scope='col'>{html.escape(table.row_title)}</th>{head}</tr></thead><tbody>{body}</tbody></table>"
    return page(f"{table.place}. {table.title}", grid + note)


def page(title: str, body: str) -> str:
    """A small HTML page that stands alone; its style is workflow/report/page.css."""
    style = (WORKFLOW / "report" / "page.css").read_text(encoding="utf-8")
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{html.escape(title)}</title>"
        f"<meta name='viewport' content='width=device-width,initial-scale=1'><style>{style}</style></head>"
        f"<body><h1>{html.escape(title)}</h1><div class='wide'>{body}</div></body></html>\n"
    )
