"""Fitting: training a learned method on the train split of a cohort, or on the folds that are not held out."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wbir.cases import Cohort, Reading
from wbir.discovery import digest
from wbir.errors import InputError
from wbir.files import alone_in, kept_beside, write_json, write_text
from wbir.papers import Unit
from wbir.provenance import json_digest, manifest

PARTS = ("history.csv", "model.pt")  # what a fit makes; fit.json, written last, says that they are whole


def fit_unit(unit: Unit, cohort_folder: Path, out: Path, *, device: str) -> None:
    """Train a learned method: `out/model.pt`, `out/history.csv` and `out/fit.json`.

    A method's `fit` works in a hidden folder beside `out`, where its checkpoint is; a killed fit goes on from there.
    Raises InputError where the method has nothing to fit or the cohort nothing to learn from.
    """
    if unit.spec["kind"] != "learned":
        raise InputError(
            f"a learned method for {unit.method}", f"a method of kind {unit.spec['kind']}", "run `wbir predict` at once"
        )
    train = Cohort.open(cohort_folder).fold(unit.fold).train
    if not len(train):
        raise InputError(f"cases with split `train` in {cohort_folder}", "none", "choose a cohort with a train split")
    out.mkdir(parents=True, exist_ok=True)
    state = _state(unit, cohort_folder)
    kept = kept_beside(out, state, "fit")
    with alone_in(kept):
        if not _made(out, state):  # by an orphan of a killed run, while this one waited
            started = time.perf_counter()
            readings = _fit(unit, cohort_folder, kept, device)
            about = {"unit": unit.id, "method": unit.use, "parameters": dict(unit.parameters), "seed": unit.seed}
            about |= {"fold": unit.fold, "cases": len(train), "state": state, "readings": readings}
            for name in PARTS:
                os.replace(kept / name, out / name)
            write_json(out / "fit.json", manifest(about, device=device, seconds=time.perf_counter() - started))
        shutil.rmtree(kept, ignore_errors=True)


def record_failure(unit: Unit, cohort_folder: Path, out: Path, reason: str, *, device: str) -> None:
    """Write what a fit that did not end leaves: an empty model, its history so far, and fit.json with the reason.

    Its checkpoint stays: a fit that ran out of time goes on from there when it is run again.
    """
    out.mkdir(parents=True, exist_ok=True)
    history = kept_beside(out, _state(unit, cohort_folder), "fit") / "history.csv"
    write_text(out / "history.csv", history.read_text(encoding="utf-8") if history.is_file() else "")
    write_text(out / "model.pt", "")
    about = {"unit": unit.id, "method": unit.use, "parameters": dict(unit.parameters), "seed": unit.seed}
    write_json(out / "fit.json", manifest(about | {"failed": reason, "readings": []}, device=device, seconds=0.0))


def failure_of(model: Path) -> str:
    """Why there is no model: the reason that `record_failure` left beside it, or an empty word."""
    path = model.parent / "fit.json"
    return json.loads(path.read_text(encoding="utf-8")).get("failed", "") if path.is_file() else ""


def _fit(unit: Unit, cohort_folder: Path, kept: Path, device: str) -> list[dict[str, Any]]:
    """Call the method's fit, in one process or in one for each GPU that it asks for; its readings as plain values."""
    if device == "cuda" and unit.spec["gpu"] > 1:
        import torch

        if torch.cuda.device_count() >= unit.spec["gpu"]:
            from wbir.training.parallel import run

            run(unit.spec["gpu"], _fit_on, unit, cohort_folder, kept)
            return json.loads((kept / "readings.json").read_text(encoding="utf-8"))
    return [asdict(reading) for reading in _call(unit, cohort_folder, kept, device)]


def _fit_on(rank: int, unit: Unit, cohort_folder: Path, kept: Path) -> None:
    """What each of several processes does; the first writes the readings."""
    readings = _call(unit, cohort_folder, kept, f"cuda:{rank}")
    if rank == 0:
        write_json(kept / "readings.json", [asdict(reading) for reading in readings])


def _call(unit: Unit, cohort_folder: Path, kept: Path, device: str) -> Sequence[Reading]:
    module = importlib.import_module(f"wbir.methods.{unit.use}")
    parts = Cohort.open(cohort_folder).fold(unit.fold)
    found = module.fit(parts.train, parts.validation, out=kept, seed=unit.seed, device=device, **unit.parameters)
    return found or []


def _state(unit: Unit, cohort_folder: Path) -> str:
    """A digest of all that determines the model."""
    state = {
        "parameters": dict(unit.parameters),
        "seed": unit.seed,
        "fold": unit.fold,
        "code": digest(unit.code()),
        "cohort": digest([cohort_folder / "manifest.csv", cohort_folder / "card.json"]),
    }
    return json_digest(state)


def _made(out: Path, state: str) -> bool:
    """Whether a whole fit of this state stands in `out`."""
    path = out / "fit.json"
    if not path.is_file() or not all((out / name).is_file() for name in PARTS):
        return False
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found.get("state") == state
