"""A plan as tables: on a terminal, or as the page docs/scale.md."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wbir.errors import InputError
from wbir.files import write_text
from wbir.papers import Unit, load_paper
from wbir.planning.costs import Costs, costs_of, together
from wbir.planning.dag import Dag, dry_run
from wbir.planning.jobs import Job
from wbir.planning.measured import Earlier

NOTHING = "–"
LEAST = 0.01  # of hours and GB: less is not shown
Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class Plan:
    """The costs of papers at a scale, one by one and together (last where there are several), and the DAG if asked for."""

    scale: str
    costs: Sequence[Costs]
    dag: Dag | None

    def tables(self) -> dict[str, Rows]:
        """Jobs, costs and longest chains, each with its head."""
        return {
            "jobs": jobs_table(self.costs),
            "costs": costs_table(self.costs),
            "what limits": limits_table(self.costs),
        }


def plan(
    papers: Sequence[str],
    scale: str,
    sources: Mapping[str, str],
    data: Mapping[str, str],
    earlier: Sequence[Path],
    *,
    dag: bool,
) -> Plan:
    """Plan a run. earlier: folders of earlier results; dag: let Snakemake plan it too.

    Raises InputError for an unknown paper or scale, and where Snakemake cannot plan.
    """
    runs = Earlier(earlier)
    costs = [costs_of(load_paper(slug, scale, sources, data), runs) for slug in papers]
    config = {"scale": scale, "sources": dict(sources), "data": dict(data)}
    planned = dry_run(papers, config) if dag else None
    return Plan(scale, [*costs, together(costs)] if len(costs) > 1 else costs, planned)


def jobs_table(costs: Sequence[Costs]) -> Rows:
    """How many jobs of each kind, and how many predictions of a case."""
    head = ("paper", "jobs", "cohorts", "fits", "predictions", "data sets, sheets, exhibits", "cases predicted")
    rows: Rows = [head]
    for one in costs:
        other = one.count("data set") + one.count("sheet") + one.count("present")
        numbers = (len(one.jobs), one.count("cohort"), one.count("fit"), one.count("predict"), other)
        rows.append((one.name, *map(str, numbers), NOTHING if one.cases is None else str(one.cases)))
    return rows


def costs_table(costs: Sequence[Costs]) -> Rows:
    """Hours, memory, disk and the longest chain: at most (≤), as expected (≈, ≥ where a part is not known), as measured."""
    head = (
        "paper",
        "CPU h ≤",
        "CPU h",
        "GPU h ≤",
        "GPU h",
        "on a CPU instead, h",
        "GB ≤",
        "GB",
        "disk GB",
        "chain h ≤",
        "chain h",
        "known",
    )
    return [head, *(_costs_row(one) for one in costs)]


def _costs_row(one: Costs) -> tuple[str, ...]:
    on_cpu = [job for job in one.limited if not job.gpus]
    on_gpu = [job for job in one.limited if job.gpus]
    memory = [e.memory_mb for e in one.estimates.values() if e.memory_mb is not None]
    size = [e.bytes for e in one.estimates.values()]
    chain = sum((job.minutes or 0) / 60 for job in one.chain())
    return (
        one.name,
        number(sum(job.cpu_hours for job in on_cpu)),
        expected(one.hours(gpu=False).values(), len(on_cpu)),
        number(sum(job.gpu_hours for job in on_gpu)) if on_gpu else "0",
        expected(one.hours(gpu=True).values(), len(on_gpu)),
        expected(one.hours_on_a_cpu().values(), len(on_gpu)),
        number(max((job.memory_mb for job in one.jobs), default=0) / 1000),
        expected([max(memory) / 1000], 1) if len(memory) == len(one.limited) else NOTHING,
        expected((part / 1e9 for part in size), len(one.limited)),
        number(chain),
        expected([] if one.chain_estimate() is None else [one.chain_estimate() or 0.0], 1),
        f"{one.known} of {len(one.limited)}",
    )


def expected(values: Iterable[float], of: int) -> str:
    """`≈ 3.4` for the sum of what is known of `of` things, `≥ 3.4` where not all are; a dash where there is nothing."""
    found = list(values)
    if not found:
        return NOTHING if of else "0"
    if len(found) < of:
        return f"≥ {number(sum(found))}"
    return f"≈ {number(sum(found))}" if sum(found) >= LEAST else f"< {LEAST}"


def number(value: float) -> str:
    """Two digits, which is more than is known; nothing below a hundredth."""
    rounded = float(f"{value:.2g}") if value >= LEAST else 0.0
    return f"{rounded:g}" if value < 100 else f"{rounded:.0f}"


def limits_table(costs: Sequence[Costs]) -> Rows:
    """Where the hours of the limits go: the jobs of each paper that are allowed most, and its longest chain."""
    rows: Rows = [("paper", "most of the GPU hours", "most of the CPU hours", "the longest chain")]
    for one in costs:
        gpu = _largest({job.id: job.gpu_hours for job in one.limited}, one.limited)
        cpu = _largest({job.id: 0.0 if job.gpus else job.cpu_hours for job in one.limited}, one.limited)
        chain = [job for job in one.chain() if job.minutes]
        rows.append(
            (one.name, gpu, cpu, " → ".join(f"{_short(job)} {number((job.minutes or 0) / 60)}" for job in chain))
        )
    return rows


def beyond_table(costs: Sequence[Costs]) -> Rows:
    """The jobs that earlier runs say need more time than their limit: raise `runtime`, share their cases out, or try first."""
    rows: Rows = [("job", "h ≤", "h", "from")]
    for job, found in {job.id: (job, one.estimates[job.id]) for one in costs for job in one.beyond()}.values():
        how = f"the same work, {found.device}" if found.same else f"scaled, {found.device}"
        rows.append((job.id, number((job.minutes or 0) / 60), f"≈ {number(found.hours)}", how))
    return rows


def _largest(hours: Mapping[str, float], jobs: Iterable[Job]) -> str:
    """The kind and method, or the cohort, whose jobs have most hours together, with its part of all."""
    totals: dict[str, float] = defaultdict(float)
    for job in jobs:
        totals[_method(job)] += hours[job.id]
    name, most = max(totals.items(), key=lambda item: item[1], default=("", 0.0))
    return f"{name}: {number(most)} of {number(sum(totals.values()))}" if most else NOTHING


def _method(job: Job) -> str:
    named = f"{job.kind} {job.about.method}" if isinstance(job.about, Unit) else f"cohort {job.id}"
    return named.replace("cohorts/", "")


def _short(job: Job) -> str:
    """A job's name without its paper."""
    return job.id.removeprefix("cohorts/").split("." if job.kind == "cohort" else "/", 1)[-1]


def print_plan(plans: Sequence[Plan]) -> None:
    """Print the tables of plans on standard output."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 220)
    for one in plans:
        for title, (head, *rows) in one.tables().items():
            table = Table(title=f"{title}, {one.scale} scale", title_justify="left")
            for place, word in enumerate(head):
                table.add_column(word, justify="left" if place == 0 or title not in ("jobs", "costs") else "right")
            for row in rows:
                table.add_row(*row)
            console.print(table)
        if one.dag:
            console.print(dag_line(one.dag))
    console.print(
        "≤ what SPECs allow at the first attempt; ≈ and ≥ from earlier runs, for all or some of the jobs; – not known."
    )


def dag_line(dag: Dag) -> str:
    return f"Snakemake plans these {sum(dag.jobs.values())} jobs in {number(dag.seconds)} s (`snakemake -n`)."


HEAD = """<!-- written by `wbir plan --scale paper,bench --dag --markdown docs/scale.md`: change what it comes from, not this page -->
# What a run costs

Before a run at the bench or paper scale: how many jobs it has, what they are allowed, and what they are likely to take.
`wbir plan` says the same of any paper, scale and choice of data, and learns from the results that lie in `results/`
(or in folders given by `--earlier`).

## How to read it
- **≤** is a limit, not a guess: threads, memory and minutes of the first attempt from the SPEC of a method and the COHORT of a cohort,
  as Snakemake hands them to a scheduler. A job that goes beyond is ended; where a run has attempts, the next one has more. Most jobs end
  long before. Fetching, sheets, tables, figures and claims have no limit and take seconds to a minute each.
- **≈ and ≥** come from earlier runs: ≈ where every job is known, ≥ where some are not, and the column `known` says how many
  are. A job of the very same work takes what it took. Else seconds are scaled: a prediction by cases, voxels and iterations, a
  training by iterations, batch and voxels, a cohort by cases and voxels; start-up, reading and measuring are added as they were. A
  method whose other parameters differ between the two scales (a wider network, more keypoints) is not guessed at.
- **GPU h** counts only what was measured on a GPU. What a job for a GPU would take without one stands in the column beside it,
  from a CPU's hours: a reason to have a GPU, not a forecast for it. `wbir try` runs a few steps of each method on made-up cases of the
  scale's size (24 of 56 in six minutes on an H200, four at once, and six given up), and `--earlier trial` then fills the column.
- **chain** is the longest sequence of jobs that wait for each other: no cluster is faster than that.
- **–** is not known. Two digits are shown, which is more than is known. Eight jobs of papers 02, 06, 10 and 17 that were expected from
  the demo and then run at the bench scale, on a busy machine, took 0.3 to 3.6 times as long, and what they wrote came within a tenth
  (of more than 1 MB). The way to the paper scale is longer and was not tried.
"""
LIMITING = """
## What limits what
- **GPU jobs** are trainings, and methods that optimise on a GPU; all others run on a CPU, one thread each. With one GPU the wall time is
  nearly the sum of the GPU hours, with many it is the longest chain: cohort, fit, predict.
- **Cohorts** come first and few at a time; those that ANTs prepares wait for each other, and until they are there nothing is trained.
- **Shards** share the cases of an experiment out over jobs (`shards` in `paper.yaml`): they shorten the chain and add a start-up each.
- **Memory** is per job: a machine runs as many at once as fit.
- **Planning** itself is one process, and no job starts before it is done.
"""


def write_page(plans: Sequence[Plan], target: Path) -> None:
    """Write plans as a Markdown page. Raises InputError where the target is no `.md`."""
    if target.suffix != ".md":
        raise InputError("a page FILE.md", repr(str(target)), "give --markdown docs/scale.md")
    devices = sorted({e.device for one in plans for costs in one.costs for e in costs.estimates.values()})
    known = f"Estimates rest on runs on: {', '.join(devices)}." if devices else "No earlier results were at hand."
    parts = [HEAD, f"- {known} Planning was timed on {os.cpu_count()} cores.\n", LIMITING]
    for one in plans:
        parts.append(f"\n## The {one.scale} scale\n")
        for title, rows in one.tables().items():
            parts += [f"\n### {title[0].upper()}{title[1:]}\n\n", _markdown(rows)]
        if one.dag:
            parts.append(f"\n{dag_line(one.dag)}\n")
    write_text(target, "".join(parts))


def _markdown(rows: Rows) -> str:
    lines = [" | ".join(row) for row in rows]
    return "".join(f"| {line} |\n" for line in [lines[0], " | ".join("---" for _ in rows[0]), *lines[1:]])
