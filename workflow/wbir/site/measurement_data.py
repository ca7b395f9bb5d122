"""The measurement table of a page: rows as a script, each column of words as numbers into a list of its words."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wbir.files import read_rows, write_text
from wbir.results import PaperResults
from wbir.site.exhibit_views import pretty_unit

WORDS = ("experiment", "method", "case", "seed", "metric", "label", "unit", "status")


def write_measurements(results: PaperResults, target: Path) -> int:
    """Write the measurements and times of a paper as a script to `target`; how many rows there are.

    The script assigns `window.wbirMeasurements = {words: {column: [...]}, cells: {column: [index, ...]}, value: [...]}`; it is
    no JSON file, as a page opened from disk may not fetch one.
    """
    rows = [row for name in ("measurements", "timings") for row in read_rows(results.folder / f"{name}.csv")]
    paper = results.paper
    titles = {method: paper.title(method) for method in paper.spec["methods"]}
    for row in rows:
        row["label"] = results.label_name(row["experiment"], row["metric"], row["label"])
        row |= {"method": titles.get(row["method"], row["method"]), "unit": pretty_unit(row["unit"])}
    words: dict[str, list[str]] = {}
    cells: dict[str, list[int]] = {}
    for column in WORDS:
        index = {word: number for number, word in enumerate(dict.fromkeys(row[column] for row in rows))}
        words[column], cells[column] = list(index), [index[row[column]] for row in rows]
    value = [_number(row["value"]) for row in rows]
    write_text(target, f"window.wbirMeasurements = {script({'words': words, 'cells': cells, 'value': value})};\n")
    return len(rows)


def script(value: Any) -> str:
    """Compact JSON that may stand in a script (no `</script>`); an infinite number stands as its word."""
    return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")


def _number(text: str) -> float | str | None:
    return float(text) if text else None


def _finite(value: Any) -> Any:
    """JSON has neither NaN nor infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("∞" if value > 0 else "-∞")
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(item) for item in value]
    return value
