"""The jobs that a paper brings about, as the workflow's rules make them, with the limits that their SPECs set."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wbir.cohort_plans import CohortPlan
from wbir.papers import Paper, Unit

KINDS = ("data set", "cohort", "sheet", "fit", "predict", "present")


@dataclass(frozen=True)
class Job:
    """One job: what it works on, the limits of its first attempt, and the jobs that must end before it.

    minutes: None where no SPEC sets a limit (fetching, tables, figures, claims). gpus: 0 at the demo scale, which is for
    the CPU. about: the unit or the cohort that it makes. share: of a unit's cases, where several jobs share them out.
    """

    id: str
    kind: str
    after: tuple[str, ...] = ()
    threads: int = 1
    memory_mb: int = 0
    minutes: int | None = None
    gpus: int = 0
    about: Unit | CohortPlan | None = None
    share: float = 1.0

    @property
    def cpu_hours(self) -> float:
        """At most: threads times minutes."""
        return self.threads * (self.minutes or 0) / 60

    @property
    def gpu_hours(self) -> float:
        """At most: GPUs times minutes."""
        return self.gpus * (self.minutes or 0) / 60


def jobs_of(paper: Paper) -> list[Job]:
    """All jobs of a paper from its data sets to its exhibits, each after those that it needs."""
    units = paper.units()
    cohorts = {part.id: part for unit in units for part in unit.cohort.chain()}
    jobs = [Job(f"dataset/{name}", "data set") for name in sorted({d for c in cohorts.values() for d in c.fetched})]
    jobs += [_cohort_job(plan) for plan in cohorts.values()]
    for unit in units:
        jobs += _unit_jobs(unit, paper.scale)
    return [*jobs, *_present_jobs(paper, units)]


def _cohort_job(plan: CohortPlan) -> Job:
    before = [f"dataset/{name}" for name in plan.fetched] + [_cohort_id(base) for base in plan.bases]
    return Job(_cohort_id(plan), "cohort", tuple(before), **_limits(plan.spec), about=plan)


def _cohort_id(plan: CohortPlan) -> str:
    return f"cohorts/{plan.id}"


def _unit_jobs(unit: Unit, scale: str) -> Iterable[Job]:
    limits: dict[str, int] = _limits(unit.spec) | {"gpus": unit.spec["gpu"] if scale != "demo" else 0}
    before: tuple[str, ...] = (_cohort_id(unit.cohort),)
    if unit.spec["kind"] == "learned":
        yield Job(f"{unit.id}/fit", "fit", before, **limits, about=unit)
        before = (*before, f"{unit.id}/fit")
    limits |= {"minutes": unit.minutes}
    if unit.shards == 1:
        yield Job(f"{unit.id}/predict", "predict", before, **limits, about=unit)
        return
    shards = [f"{unit.id}/predict/{number}" for number in range(1, unit.shards + 1)]
    for name in shards:
        yield Job(name, "predict", before, **limits, about=unit, share=1 / unit.shards)
    yield Job(f"{unit.id}/predict", "present", (_cohort_id(unit.cohort), *shards))


def _present_jobs(paper: Paper, units: Iterable[Unit]) -> list[Job]:
    jobs = []
    if sheets := paper.sheets():
        drawn = {_cohort_id(part) for plan in sheets for part in (plan, *plan.bases)}
        jobs.append(Job(f"{paper.slug}/sheets", "sheet", tuple(sorted(drawn))))
    collect = Job(f"{paper.slug}/collect", "present", tuple(f"{unit.id}/predict" for unit in units))
    return [*jobs, collect, *(Job(f"{paper.slug}/{name}", "present", (collect.id,)) for name in ("claims", "exhibits"))]


def _limits(spec: Mapping[str, Any]) -> dict[str, int]:
    return {"threads": spec["threads"], "memory_mb": spec["mem_mb"], "minutes": spec["runtime"]}


def longest_chain(jobs: Iterable[Job], hours: Mapping[str, float]) -> list[Job]:
    """The jobs, first to last, that take longest one after the other, by hours of each (0 where not named).

    It is what a run takes at least, however many jobs may run at once.
    """
    known = {job.id: job for job in jobs}

    @functools.lru_cache(maxsize=None)
    def until(name: str) -> tuple[float, tuple[str, ...]]:
        before = max((until(other) for other in known[name].after), default=(0.0, ()))
        return before[0] + hours.get(name, 0.0), (*before[1], name)

    _, names = max(map(until, known), default=(0.0, ()))
    return [known[name] for name in names]
