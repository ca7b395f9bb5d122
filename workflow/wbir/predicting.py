"""Running one unit: a method with a seed over the cases of a cohort, measured as it goes.

Each finished case is kept beside the output until the unit is whole, so that a killed run goes on where it stopped.
"""

from __future__ import annotations

import importlib
import logging
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, Cohort, Prediction, lacking
from wbir.errors import InputError
from wbir.files import alone_in, disk_error, kept_beside, write_json, write_text, written_whole
from wbir.papers import Unit
from wbir.provenance import manifest
from wbir.records import Shard, about, failure, load_record, new_record, state_of, write_shard, write_unit

NOT_MEASURED = "not measured: the case has no "
BEGUN = "begun"  # in the folder of what is kept: the name of the case in work
log = logging.getLogger("wbir")


def run_unit(
    unit: Unit,
    cohort_folder: Path,
    out: Path,
    *,
    device: str,
    model: Path | None = None,
    shard: Shard | None = None,
) -> None:
    """Predict and measure every test case; write measurements.csv, timings.csv, gallery/ and manifest.json into `out`.

    With a shard, do its part of the cases and write the folder `out` with their records, from which `gather_unit` makes
    the same files. A case that fails becomes a row with a status; the others go on. Raises InputError for an unknown
    metric or an unreadable cohort.
    """
    started = time.perf_counter()
    cohort = Cohort.open(cohort_folder).fold(unit.fold).test
    measures = _functions(unit)
    predict = _predictor(unit, device, model)
    state = state_of(unit, cohort_folder)
    kept = kept_beside(out, state, "cases")
    with alone_in(kept):
        records = _run_cases(unit, cohort, shard or Shard(), predict, measures, kept)
        what = manifest(about(unit, records), device=device, seconds=time.perf_counter() - started)
        _write(unit, records, kept, out, what | ({"state": state} if shard else {}), shard)


def record_crash(unit: Unit, cohort_folder: Path, out: Path, reason: str) -> bool:
    """Give the case in which a run died a record with the reason, so that the next run goes on behind it.

    False where the run died in none of its cases.
    """
    kept = kept_beside(out, state_of(unit, cohort_folder), "cases")
    case = (kept / BEGUN).read_text(encoding="utf-8") if (kept / BEGUN).is_file() else ""
    if not case or load_record(kept, case):
        return False
    write_json(kept / f"{case}.json", new_record(case, failure(reason)))
    return True


def record_failure(
    unit: Unit, cohort_folder: Path, out: Path, reason: str, *, device: str, shard: Shard | None = None
) -> None:
    """Write what `run_unit` writes, for a run that did not end: rows with the reason for the cases that it did not finish."""
    cohort = Cohort.open(cohort_folder).fold(unit.fold).test
    state = state_of(unit, cohort_folder)
    kept = kept_beside(out, state, "cases")
    with alone_in(kept):
        for row in (shard or Shard()).part(cohort.rows):
            if load_record(kept, row["case"]) is None:
                write_json(kept / f"{row['case']}.json", new_record(row["case"], failure(reason)))
        records = [load_record(kept, row["case"]) or {} for row in (shard or Shard()).part(cohort.rows)]
        what = manifest(about(unit, records), device=device, seconds=0.0)
        _write(unit, records, kept, out, what | ({"state": state} if shard else {}), shard)


def _write(
    unit: Unit,
    records: Sequence[Mapping[str, Any]],
    kept: Path,
    out: Path,
    what: Mapping[str, Any],
    shard: Shard | None,
) -> None:
    """Write the unit, or its shard, from its records; then what was kept is not needed any more."""
    if shard:
        write_shard(kept, out, what)
    else:
        write_unit(unit, records, [kept], out, what)
    shutil.rmtree(kept, ignore_errors=True)


def _run_cases(
    unit: Unit,
    cohort: Cohort,
    shard: Shard,
    predict: Callable[[Case], Prediction],
    measures: Mapping[str, Any],
    kept: Path,
) -> list[dict[str, Any]]:
    """The record of each case of the shard: the one that an earlier, killed run left in `kept`, or a new one."""
    records = []
    (kept / BEGUN).unlink(missing_ok=True)
    for number, row in shard.part(enumerate(cohort.rows, 1)):
        record = load_record(kept, row["case"])
        if record is None:
            record = _run_case(unit, cohort, row["case"], predict, measures, kept, store=number <= unit.gallery)
        log.info(
            "[%d/%d] %s %s: %s (%.1f s)", number, len(cohort), unit.id, row["case"], record["status"], record["seconds"]
        )
        records.append(record)
    return records


def _functions(unit: Unit) -> dict[str, tuple[Any, str]]:
    from wbir.measures.base import discover

    known = discover()
    unknown = sorted({m.metric for m in unit.measures} - set(known))
    if unknown:
        raise InputError(f"metrics among {', '.join(known)}", f"{unknown}", "correct `measures` or add the metric")
    return {m.name: (known[m.metric], m.of) for m in unit.measures}


def _predictor(unit: Unit, device: str, model: Path | None) -> Callable[[Case], Prediction]:
    module = importlib.import_module(f"wbir.methods.{unit.use}")
    options = dict(unit.parameters) | {"seed": unit.seed, "device": device}
    if unit.spec["kind"] == "learned":
        if model is None:
            raise InputError(f"a trained model for {unit.method}", "none", "run `wbir fit` and give --model")
        options["model"] = model
    return lambda case: module.predict(case, **options)


def _run_case(
    unit: Unit,
    cohort: Cohort,
    case_id: str,
    predict: Callable[[Case], Prediction],
    measures: Mapping[str, Any],
    kept: Path,
    store: bool,
) -> dict[str, Any]:
    """Predict and measure one case into a record, kept on disk before it is returned."""
    write_text(kept / BEGUN, case_id)
    record = new_record(case_id)
    try:
        case = cohort.case(case_id)
        if missing := lacking(case, unit.spec.get("needs", ())):
            return _kept(kept, new_record(case_id, NOT_MEASURED + missing))
        started, busy = time.perf_counter(), time.process_time()
        prediction = predict(case)
        record["seconds"], busy = time.perf_counter() - started, time.process_time() - busy
        record["times"] += [("seconds", "", record["seconds"], "s"), ("cpu_seconds", "", busy, "s")]
        record["rows"], own_times = _measure(case, prediction, measures)
        record["times"] += own_times
        if store:
            _store(kept / f"{case_id}.npz", prediction)
    except Exception as error:  # a failing case must not take the others with it; it is shown in every table
        if cause := disk_error(error):
            raise cause from None  # that is no result of the method
        log.exception("%s %s failed", unit.id, case_id)
        record["status"] = failure(f"{type(error).__name__}: {error}")
    return _kept(kept, record)


def _kept(kept: Path, record: dict[str, Any]) -> dict[str, Any]:
    write_json(kept / f"{record['case']}.json", record)
    return record


def _measure(case: Case, prediction: Prediction, measures: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """The rows `(metric, label, value, unit)` of a case and those of its times.

    A metric that the case cannot feed (real data have no truth, some no labels) is a row with a status of its own.
    """
    from wbir.measures.base import Evaluation

    seen = {"forward": Evaluation(case, prediction)}
    if "start" in prediction.arrays:
        seen["start"] = Evaluation(case, Prediction(displacement=prediction.arrays["start"]))
    rows: list[Any] = []
    for name, (metric, of) in measures.items():
        if of == "start" and of not in seen:
            continue  # a method that refines nothing
        if missing := metric.lacks(case):
            rows.append((name, "", math.nan, metric.unit, NOT_MEASURED + missing))
            continue
        if of not in seen:
            seen[of] = seen["forward"].inverse()
        value = metric(seen[of])
        labelled = value if isinstance(value, Mapping) else {"": value}
        rows += [(name, str(label), float(number), metric.unit) for label, number in labelled.items()]
    times = [(r.metric, r.label, float(r.value), r.unit) for r in prediction.readings if r.speed]
    rows += [(r.metric, r.label, float(r.value), r.unit) for r in prediction.readings if not r.speed]
    return rows, times


def _store(target: Path, prediction: Prediction) -> None:
    """Keep a prediction for figures: its maps, its own warped image and its further arrays."""
    named = {name: getattr(prediction, name) for name in ("displacement", "inverse", "matrix", "warped")}
    arrays = {name: np.asarray(array) for name, array in named.items() if array is not None}
    arrays |= {name: np.asarray(array) for name, array in prediction.arrays.items()}
    with written_whole(target) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
