"""The costs of papers: what their SPECs allow at most, and beside it what earlier runs say, as far as they say anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wbir.papers import Paper
from wbir.planning.jobs import Job, jobs_of, longest_chain
from wbir.planning.measured import Earlier, Estimate


@dataclass(frozen=True)
class Costs:
    """Jobs, and what is known of each.

    estimates: of those jobs that an earlier run says something about. cases: that are predicted, None if not known.
    """

    name: str
    jobs: Sequence[Job]
    estimates: Mapping[str, Estimate]
    cases: int | None

    def count(self, kind: str) -> int:
        return Counter(job.kind for job in self.jobs)[kind]

    @property
    def limited(self) -> list[Job]:
        """The jobs that have a limit: all that cost more than seconds."""
        return [job for job in self.jobs if job.minutes is not None]

    @property
    def known(self) -> int:
        """How many of the limited jobs have an estimate for the device that they ask for."""
        return sum(job.id in self.hours(gpu=bool(job.gpus)) for job in self.limited)

    def hours(self, *, gpu: bool) -> dict[str, float]:
        """Estimated hours (of CPU threads, or of GPUs) of the jobs that ask for that device and were measured on it."""
        found = ((job, self.estimates[job.id]) for job in self.jobs if job.id in self.estimates)
        size = {job.id: job.gpus if gpu else job.threads for job in self.jobs}
        return {job.id: e.hours * size[job.id] for job, e in found if e.on_gpu == gpu == bool(job.gpus)}

    def hours_on_a_cpu(self) -> dict[str, float]:
        """Hours that jobs for a GPU would take without one, where they were measured so."""
        asked = {job.id for job in self.jobs if job.gpus}
        return {name: e.hours for name, e in self.estimates.items() if name in asked and not e.on_gpu}

    def beyond(self) -> list[Job]:
        """The jobs that are expected to need more time than their limit gives them."""
        hours = self.hours(gpu=False) | self.hours(gpu=True)
        size = {job.id: job.gpus or job.threads for job in self.limited}
        return [job for job in self.limited if hours.get(job.id, 0.0) / size[job.id] > (job.minutes or 0) / 60]

    def chain(self) -> list[Job]:
        """The longest chain by the limits."""
        return longest_chain(self.jobs, {job.id: (job.minutes or 0) / 60 for job in self.jobs})

    def chain_estimate(self) -> float | None:
        """Hours of the longest chain by the estimates; None where a limited job has none."""
        if self.known < len(self.limited):
            return None
        hours = {name: estimate.hours for name, estimate in self.estimates.items()}
        return sum(hours.get(job.id, 0.0) for job in longest_chain(self.jobs, hours))


def costs_of(paper: Paper, earlier: Earlier) -> Costs:
    """The costs of a paper at its scale."""
    jobs = jobs_of(paper)
    found = {job.id: guess for job in jobs if (guess := earlier.estimate(job)) is not None}
    predicted = [earlier.cases(unit) for unit in paper.units()]
    known = [number for number in predicted if number is not None]
    return Costs(paper.slug, jobs, found, sum(known) if len(known) == len(predicted) else None)


def together(costs: Sequence[Costs]) -> Costs:
    """Several papers in one run: what they share is made once."""
    jobs = {job.id: job for one in costs for job in one.jobs}
    estimates = {name: estimate for one in costs for name, estimate in one.estimates.items()}
    cases = [one.cases for one in costs if one.cases is not None]
    return Costs("together", list(jobs.values()), estimates, sum(cases) if len(cases) == len(costs) else None)
