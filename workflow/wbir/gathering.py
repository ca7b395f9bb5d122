"""Joining the shards of a unit: the results of one job from the records of several. Nothing is computed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wbir.cases import Cohort
from wbir.errors import InputError
from wbir.papers import Unit
from wbir.provenance import joined
from wbir.records import about, load_record, state_of, write_unit


def gather_unit(unit: Unit, cohort_folder: Path, shards: Sequence[Path], out: Path) -> None:
    """Write into `out` what `run_unit` writes for the whole unit, from the folders that it wrote for its shards.

    Raises InputError for a folder that is no shard of this unit as it is declared now, and for a case in none of them.
    """
    state = state_of(unit, cohort_folder)
    manifests = [_manifest(unit, state, folder) for folder in shards]
    folders = [folder / "cases" for folder in shards]
    records, missing = [], []
    for row in Cohort.open(cohort_folder).fold(unit.fold).test.rows:
        found = [record for folder in folders if (record := load_record(folder, row["case"])) is not None]
        records += found[:1]
        missing += [] if found else [row["case"]]
    if missing:
        given = f"{', '.join(folder.name for folder in shards)} without {', '.join(missing)}"
        raise InputError(f"all cases of {unit.id} in its shards", given, "give all of its shards")
    write_unit(unit, records, folders, out, joined(about(unit, records), manifests))


def _manifest(unit: Unit, state: str, folder: Path) -> dict[str, Any]:
    """The manifest of a shard. Raises InputError where the folder is none, or is one of another unit or state."""
    path = folder / "manifest.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if (found.get("unit"), found.get("state")) != (unit.id, state):
        got = f"one of {found['unit']}, made otherwise" if "unit" in found else "none"
        raise InputError(f"a shard of {unit.id} as it is declared in {folder}", got, "run `wbir predict --shard`")
    return found
