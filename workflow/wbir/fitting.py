"""Fitting one unit: a learned method on the train split of a cohort."""

from __future__ import annotations

import importlib
import time
from pathlib import Path

from wbir.cases import Cohort
from wbir.errors import InputError
from wbir.files import write_json
from wbir.papers import Unit
from wbir.provenance import manifest


def fit_unit(unit: Unit, cohort_folder: Path, out: Path, *, device: str) -> None:
    """Train a learned method: `out/model.pt`, `out/history.csv` and `out/fit.json`.

    Raises InputError where the method has nothing to fit or the cohort no train split.
    """
    if unit.spec["kind"] != "learned":
        raise InputError(
            f"a learned method for {unit.method}", f"a method of kind {unit.spec['kind']}", "run `wbir predict` at once"
        )
    cohort = Cohort.open(cohort_folder)
    train, validation = (cohort.select(split=split) for split in ("train", "validation"))
    if not len(train):
        raise InputError(f"cases with split `train` in {cohort_folder}", "none", "choose a cohort with a train split")
    out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    module = importlib.import_module(f"wbir.methods.{unit.use}")
    module.fit(train, validation, out=out, seed=unit.seed, device=device, **unit.parameters)
    what = {
        "unit": unit.id,
        "method": unit.use,
        "parameters": dict(unit.parameters),
        "seed": unit.seed,
        "cases": len(train),
    }
    write_json(out / "fit.json", manifest(what, device=device, seconds=time.perf_counter() - started))
