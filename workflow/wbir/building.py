"""Building a cohort folder, whole or not at all."""

from __future__ import annotations

import importlib
import logging
import time
from pathlib import Path

from wbir.cases import Cohort
from wbir.errors import InputError
from wbir.files import folder_written_whole
from wbir.papers import CohortPlan
from wbir.provenance import manifest

log = logging.getLogger("wbir")


def build_cohort(plan: CohortPlan, out: Path, *, cache: Path, base: Path | None = None) -> None:
    """Build a cohort into `out`: canonical cases, manifest.csv, card.json.

    cache: where downloads are kept. base: the folder of the cohort that a derived one is made from. Raises InputError
    where its data are not there.
    """
    if (plan.base is None) != (base is None):
        wanted = f"--base, the folder of {plan.base.id}," if plan.base else "no --base"
        raise InputError(f"{wanted} for the cohort {plan.id}", str(base), "build that cohort first")
    if plan.source == "local" and not plan.data:
        raise InputError(
            f"a folder with the data set {plan.dataset}",
            "none",
            f"give data={{{plan.dataset}: FOLDER}}; see docs/data-access.md",
        )
    data = base or (Path(plan.data) if plan.source == "local" else cache)
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
            "seed": plan.seed,
            "cases": len(cohort),
        }
        _write_provenance(folder, what | {"parameters": dict(plan.parameters)}, seconds)
    log.info("%s: %d cases (%.1f s)", plan.id, len(cohort), seconds)


def _write_provenance(folder: Path, what: dict, seconds: float) -> None:
    from wbir.files import write_json

    write_json(folder / "manifest.json", manifest(what, device="cpu", seconds=seconds))
