"""What a run keeps of each case, and what comes of it: the tables and the gallery of a unit.

A case's record is `<case>.json`, beside it `<case>.npz` with its prediction where figures may ask for it.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from wbir.discovery import digest
from wbir.errors import InputError
from wbir.files import folder_written_whole, link_or_copy, write_json, write_rows
from wbir.papers import Unit
from wbir.provenance import json_digest

COLUMNS = ("paper", "experiment", "case", "method", "seed", "metric", "label", "value", "unit", "status")
T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """One of several jobs that share a unit's cases: of `of` jobs the `number`-th, counted from 1."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """`2/8` is the second of eight. Raises InputError for anything else."""
        found = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
        shard = cls(*map(int, found.groups())) if found else cls(0, 0)
        if not 1 <= shard.number <= shard.of:
            raise InputError("a shard as NUMBER/OF, from 1/OF to OF/OF", repr(text), "write 2/8 for the second of 8")
        return shard

    def part(self, cases: Iterable[T]) -> list[T]:
        """Every `of`-th of the cases, from the `number`-th on; nothing where there are fewer."""
        return list(cases)[self.number - 1 :: self.of]


def state_of(unit: Unit, cohort_folder: Path) -> str:
    """A digest of all that determines a unit's records beside its name."""
    state = {
        "parameters": dict(unit.parameters),
        "measures": [asdict(m) for m in unit.measures],
        "code": digest(unit.code()),
        "cohort": digest([cohort_folder / "manifest.csv", cohort_folder / "card.json"]),
    }
    return json_digest(state)


def new_record(case: str, status: str = "ok") -> dict[str, Any]:
    """The record of a case without measurements: rows of `(metric, label, value, unit)`, times alike, its seconds."""
    return {"case": case, "status": status, "rows": [], "times": [], "seconds": math.nan}


def failure(reason: str) -> str:
    """The status of a case that failed, in one line."""
    return f"failed: {' '.join(reason.split())}"[:300]


def load_record(folder: Path, case: str) -> dict[str, Any] | None:
    """The record of a case in a folder, or None."""
    path = folder / f"{case}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def about(unit: Unit, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What was run, for the manifest."""
    return {
        "unit": unit.id,
        "method": unit.use,
        "parameters": dict(unit.parameters),
        "seed": unit.seed,
        "fold": unit.fold,
        "cases": len(records),
        "cohort": asdict(unit.cohort) | {"data": ""},
        "measures": [m.name for m in unit.measures],
        "failed": [f"{r['case']}: {r['status']}" for r in records if r["status"].startswith("failed")],
    }


def write_shard(kept: Path, out: Path, manifest: Mapping[str, Any]) -> None:
    """Write `out`, whole or not at all: the records and predictions in `kept` as `cases/`, and manifest.json."""
    with folder_written_whole(out) as folder:
        (folder / "cases").mkdir()
        for path in sorted([*kept.glob("*.json"), *kept.glob("*.npz")]):
            link_or_copy(path, folder / "cases" / path.name)
        write_json(folder / "manifest.json", manifest)


def write_unit(
    unit: Unit,
    records: Iterable[Mapping[str, Any]],
    folders: Iterable[Path],
    out: Path,
    manifest: Mapping[str, Any],
) -> None:
    """Write measurements.csv, timings.csv, gallery/ and at last manifest.json into `out`.

    folders: where the predictions kept for figures lie; they stay there.
    """
    rows: list[dict[str, Any]] = []
    times: list[dict[str, Any]] = []
    for record in records:
        base = {
            "paper": unit.paper,
            "experiment": unit.experiment,
            "case": record["case"],
            "method": unit.method,
            "seed": unit.seed,
        }
        base["status"] = record["status"]
        found = record["rows"] or [(m.name, "", math.nan, "") for m in unit.measures]
        rows += [base | _cells(*row[:4]) | ({"status": row[4]} if len(row) > 4 else {}) for row in found]
        times += [base | _cells(*row) for row in record["times"]]
    write_rows(out / "measurements.csv", rows, COLUMNS)
    write_rows(out / "timings.csv", times, COLUMNS)
    _write_gallery([path for folder in folders for path in sorted(folder.glob("*.npz"))], out / "gallery")
    write_json(out / "manifest.json", manifest)


def _cells(metric: str, label: str, value: float, unit: str) -> dict[str, str]:
    """A measurement's cells; ten significant digits, and an empty cell for what is undefined."""
    return {"metric": metric, "label": label, "value": "" if math.isnan(value) else f"{value:.10g}", "unit": unit}


def _write_gallery(kept: Iterable[Path], gallery: Path) -> None:
    shutil.rmtree(gallery, ignore_errors=True)
    gallery.mkdir(parents=True)
    for path in kept:
        shutil.copyfile(path, gallery / path.name)
