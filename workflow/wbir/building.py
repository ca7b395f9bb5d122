"""Building a cohort folder, whole or not at all."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wbir.cases import Cohort
from wbir.cohort_plans import CohortPlan
from wbir.errors import InputError
from wbir.files import folder_written_whole
from wbir.provenance import manifest

log = logging.getLogger("wbir")


def build_cohort(plan: CohortPlan, out: Path, *, cache: Path, bases: Sequence[Path] = ()) -> None:
    """Build a cohort into `out`: canonical cases, manifest.csv, card.json.

    cache: where acquired data sets are kept. bases: the folders of the cohorts that a derived one is made from. Raises
    InputError where its data are not there.
    """
    if len(plan.bases) != len(bases):
        wanted = " and ".join(f"--base, the folder of {base.id}," for base in plan.bases) or "no --base"
        raise InputError(f"{wanted} for the cohort {plan.id}", f"{len(bases)}", "build what it is made from first")
    if plan.source == "local" and plan.fetched:
        raise InputError(
            f"a folder with the data set {plan.fetched[0]}",
            "none",
            f"give data={{{plan.fetched[0]}: FOLDER}}; see docs/data-access.md",
        )
    data = _data(plan, cache, bases)
    builder = importlib.import_module(f"wbir.cohorts.{plan.builder}")
    started = time.perf_counter()
    with folder_written_whole(out) as folder:
        builder.build(folder, source=plan.source, data=data, seed=plan.seed, **plan.parameters)
        cohort = Cohort.open(folder)
        seconds = time.perf_counter() - started
        what = {
            "cohort": plan.id,
            "builder": plan.builder,
            "source": plan.source,
            "datasets": list(plan.datasets),
            "seed": plan.seed,
            "cases": len(cohort),
        }
        _write_provenance(folder, what | {"parameters": dict(plan.parameters)}, seconds)
    log.info("%s: %d cases (%.1f s)", plan.id, len(cohort), seconds)


def _data(plan: CohortPlan, cache: Path, bases: Sequence[Path]) -> Any:
    """What its builder reads: the folder or folders of other cohorts, or the folder of each data set."""
    if plan.bases:
        return list(bases) if plan.spec.get("several") else bases[0]
    return {dataset: Path(plan.data.get(dataset, cache / dataset)) for dataset in plan.datasets} or None


def _write_provenance(folder: Path, what: dict, seconds: float) -> None:
    from wbir.files import write_json

    write_json(folder / "manifest.json", manifest(what, device="cpu", seconds=seconds))
