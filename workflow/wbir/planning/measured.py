"""What earlier runs took, and what that says about a job: the same if it is the same work, scaled if it is more of it.

Work that is like another in all but its amount is scaled by that: voxels, cases, iterations, batch, time steps. Where
anything else differs (a wider network, more keypoints) nothing is said: no factor is known for it.
"""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wbir.cohort_plans import CohortPlan
from wbir.files import read_rows
from wbir.papers import SCALES, Unit
from wbir.planning.jobs import Job

GRID = ("shape", "size", "spacing", "moving_spacing", "field", "field_of_view")  # what sets a cohort's voxels
FACTORS = ("batch", "accumulate", "steps")  # of a method: its work is in proportion to each of them
ITERATIONS = ("iterations", "mask_iterations")  # and to their sum
NO_WORK = ("rate", "mask_rate", "sigma", "mask_sigma", "period", "drop_path", "validate_every", "voxel")
ONLY_FIT = ("training", "loss", "augmentation")  # a prediction does not see them


@dataclass(frozen=True)
class Record:
    """An earlier run of a job: `seconds` in proportion to its work and `overhead` beside them, cases, MB, bytes on disk.

    root: the results/<scale> where it stands.
    """

    root: Path
    device: str
    seconds: float
    overhead: float
    cases: int
    memory_mb: float
    bytes: int
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Estimate:
    """Hours of a job on `device`; `same` where they were measured on the very same work, else they are scaled.

    memory_mb: the peak, None where the work is not the same. bytes: on the disk.
    """

    hours: float
    same: bool
    device: str
    memory_mb: float | None
    bytes: float

    @property
    def on_gpu(self) -> bool:
        return not self.device.startswith("CPU")


class Earlier:
    """The results of earlier runs, of any scale, below some folders (each a `results/`)."""

    def __init__(self, folders: Sequence[Path]) -> None:
        found = [folder / scale for scale in reversed(SCALES) for folder in folders]
        self.roots = [root for root in found if root.is_dir()]

    def estimate(self, job: Job) -> Estimate | None:
        """What earlier runs say about a job, or None: one on its kind of device first, then of the same work, then the largest."""
        if job.about is None:
            return None
        read = {"cohort": _cohort_record, "fit": _fit_record, "predict": _predict_record}[job.kind]
        records = [record for root in self.roots if (record := read(root, job.about)) is not None]
        cases = self.cases(job.about)
        guesses = [guess for record in records if (guess := _applied(record, job, cases)) is not None]
        return max(guesses, key=lambda guess: (guess.on_gpu == bool(job.gpus), guess.same), default=None)

    def cases(self, about: Unit | CohortPlan) -> int | None:
        """How many cases a cohort has, or a unit predicts; None where only a built cohort can tell and there is none."""
        plan = about.cohort if isinstance(about, Unit) else about
        counts = plan.expected_cases() or self._counted(plan)
        if counts is None:
            return None
        if isinstance(about, CohortPlan):
            return sum(counts.values())
        tested = counts.get("test", 0)
        folds = plan.parameters.get("folds", 0) if about.fold and not counts.get("train") else 0
        return math.ceil(tested / folds) if folds else tested  # without a train split the tested cases are in the folds

    def _counted(self, plan: CohortPlan) -> dict[str, int] | None:
        """The cases by split of the very same cohort where it was built."""
        for root in self.roots:
            if _same_cohort(root, plan) and not _made_up(root, plan):
                splits = [row["split"] for row in read_rows(root / "cohorts" / plan.id / "manifest.csv")]
                return {split: splits.count(split) for split in set(splits)}
        return None


def _cohort_record(root: Path, plan: Any) -> Record | None:
    folder = root / "cohorts" / plan.id
    about = _json(folder / "manifest.json")
    if not about or about["source"] != plan.source or about.get("made_up"):
        return None
    seconds, memory = about["wall_seconds"], about["peak_memory_mb"]
    return Record(root, "CPU", seconds, 0.0, about["cases"], memory, _bytes(folder), about["parameters"])


def _fit_record(root: Path, unit: Any) -> Record | None:
    folder = _folder(root, unit, "fit.json")
    about = _json(folder / "fit.json")
    readings = {r["metric"]: r["value"] for r in (about or {}).get("readings", []) if not r["label"]}
    if not about or "train_seconds" not in readings:
        return None
    return _unit_record(folder / "model.pt", root, about, readings["train_seconds"], readings["train_seconds"])


def _predict_record(root: Path, unit: Any) -> Record | None:
    folder = _folder(root, unit, "timings.csv")
    about = _json(folder / "manifest.json")
    if not about or about["failed"] or not (folder / "timings.csv").is_file():
        return None
    rows = read_rows(folder / "timings.csv")
    spent = [float(row["value"]) for row in rows if row["metric"] == "seconds" and row["value"]]
    if not spent:
        return None
    usual = statistics.median(spent) * len(spent)  # the first case of a job also waits for what is loaded and compiled
    return _unit_record(folder / "gallery", root, about, usual, sum(spent))


def _unit_record(made: Path, root: Path, about: Mapping[str, Any], seconds: float, spent: float) -> Record:
    beside = max(0.0, about["wall_seconds"] - spent)
    named = about["parameters"], about["device"], about["cases"], about["peak_memory_mb"]
    parameters, device, cases, memory = named
    return Record(root, device, seconds, beside, cases, memory, _bytes(made), parameters)


def _applied(record: Record, job: Job, cases: int | None) -> Estimate | None:
    """A record applied to a job; None where the two are not alike, or what it takes to scale one to the other is not known."""
    assert job.about is not None
    plan = job.about.cohort if isinstance(job.about, Unit) else job.about
    same = _plain(job.about.parameters) == record.parameters and _same_cohort(record.root, plan)
    more, growth = (1.0, 1.0) if same else (_more_work(job, record, plan), _more_voxels(record.root, plan))
    if more is None or growth is None or (job.kind != "fit" and cases is None):
        return None
    share = 1.0 if job.kind == "fit" else (cases or 0) * job.share / max(1, record.cases)
    hours = (record.seconds * more * growth * share + record.overhead) / 3600
    size = record.bytes * {"fit": 1.0, "predict": growth * job.share, "cohort": growth * share}[job.kind]
    same = same and share == 1.0
    return Estimate(hours, same, record.device, record.memory_mb if same else None, size)


def _more_work(job: Job, record: Record, plan: CohortPlan) -> float | None:
    """By what factor a job's own parameters ask for more work than the record's, voxels and cases aside; None if unknown."""
    drop = ONLY_FIT if job.kind == "predict" else ()
    assert job.about is not None
    both = _plain(job.about.parameters), record.parameters
    ours, theirs = (_flat({key: value for key, value in part.items() if key not in drop}) for part in both)
    unlike = {key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key)}
    if job.kind == "cohort":
        counting = set(re.findall(r"\w+", str(plan.spec.get("cases", ""))))  # words of the formulas of its cases
        return None if {key.split(".")[0] for key in unlike} - {*GRID, "folds", *counting} else 1.0
    if {_last(key) for key in unlike} - {*NO_WORK, *FACTORS, *ITERATIONS}:
        return None
    counted = [key for key in ours if _last(key) in ITERATIONS]
    factor = _total(ours, counted) / _total(theirs, counted) if unlike & set(counted) else 1.0
    return factor * math.prod(_total(ours, [k]) / _total(theirs, [k]) for k in unlike if _last(k) in FACTORS)


def _more_voxels(root: Path, plan: CohortPlan) -> float | None:
    """By what factor a cohort's cases have more voxels than where it was built below `root`; None if unknown."""
    ours, theirs = voxels(plan, plan.parameters, None), voxels(plan, _built(root, plan), root)
    return ours / theirs if ours and theirs else None


def voxels(plan: CohortPlan, parameters: Mapping[str, Any] | None, root: Path | None) -> float | None:
    """Voxels of a case, up to a factor that is the same at every scale; 1 where nobody sets the grid, None if unknown.

    parameters: of the cohort; those of its bases are the plan's or, with a `root`, those of what was built there.
    """
    if parameters is None:
        return None
    shape, size, spacing = (parameters.get(name) for name in GRID[:3])
    if shape:
        return float(math.prod(shape))
    if isinstance(size, int):
        return float(size**plan.dims)
    if spacing:
        return 1 / (math.prod(spacing) if isinstance(spacing, list) else spacing**plan.dims)
    for base in plan.bases:
        return voxels(base, _built(root, base) if root else base.parameters, root)
    return 1.0


def _same_cohort(root: Path, plan: CohortPlan) -> bool:
    """Whether the very same cohort, with all that it is made from, was built below `root`."""
    return all(_built(root, part) == _plain(part.parameters) for part in plan.chain())


def _folder(root: Path, unit: Unit, name: str) -> Path:
    """Where the unit ran, or the same method with another seed or fold: that is as much work."""
    own = root / unit.id
    others = sorted(path.parent for path in own.parent.glob(f"[0-9]*/{name}"))
    return own if (own / name).is_file() or not others else others[0]


def _made_up(root: Path, plan: CohortPlan) -> bool:
    """Whether `wbir try` made the cohort up: it has the right size, and nothing else of it counts."""
    about = _json(root / "cohorts" / plan.id / "manifest.json")
    return bool(about and about.get("made_up"))


def _built(root: Path, plan: CohortPlan) -> dict[str, Any] | None:
    """The parameters of a cohort that was built from the same source."""
    about = _json(root / "cohorts" / plan.id / "manifest.json")
    return about["parameters"] if about and about["source"] == plan.source else None


def _total(values: Mapping[str, Any], keys: Sequence[str]) -> float:
    return sum(sum(values[key]) if isinstance(values[key], list) else float(values[key] or 0) for key in keys)


def _last(key: str) -> str:
    return key.rsplit(".", 1)[-1]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) and value else {f"{prefix}{key}": value}
    return flat


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    return json.loads(json.dumps(value))


def _json(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _bytes(path: Path) -> int:
    files = [path] if path.is_file() else [part for part in path.rglob("*") if part.is_file()]
    return sum(part.stat().st_size for part in files)
