"""The jobs of a paper and their limits, against SPECs that are known, and against the workflow's own rules."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from wbir.discovery import REPOSITORY
from wbir.papers import load_paper, slugs
from wbir.planning.costs import costs_of, together
from wbir.planning.dag import dry_run
from wbir.planning.jobs import jobs_of, longest_chain
from wbir.planning.measured import Earlier


def test_jobs_have_the_limits_of_their_specs(paper) -> None:  # type: ignore[no-untyped-def]
    jobs = {job.id: job for job in jobs_of(paper("paper"))}
    kinds = Counter(job.kind for job in jobs.values())
    # two cohorts, one sheet of the derived one, two trainings, two predictions whole and one in two shards, which are gathered
    assert kinds == {"cohort": 2, "sheet": 1, "fit": 2, "predict": 4, "present": 4}
    fit = jobs["99-made-up/main/net/0/fit"]
    assert (fit.minutes, fit.memory_mb, fit.gpus, fit.gpu_hours) == (240, 4000, 1, 4.0)
    assert fit.after == ("cohorts/99-made-up.turned",)
    shard = jobs["99-made-up/main/solver/0/predict/2"]
    assert (shard.minutes, shard.threads, shard.cpu_hours, shard.share) == (30, 2, 1.0, 0.5)
    assert jobs["cohorts/99-made-up.turned"].after == ("cohorts/99-made-up.base",)


def test_the_demo_asks_for_no_gpu(paper) -> None:  # type: ignore[no-untyped-def]
    assert not any(job.gpus for job in jobs_of(paper("demo")))


def test_the_longest_chain_is_by_hours_not_by_jobs(paper) -> None:  # type: ignore[no-untyped-def]
    chain = costs_of(paper("paper"), Earlier([])).chain()
    assert [job.kind for job in chain if job.minutes] == ["cohort", "cohort", "fit", "predict"]
    jobs = jobs_of(paper("paper"))
    assert longest_chain(jobs, {"99-made-up/sheets": 9.0, "99-made-up/main/net/0/fit": 1.0})[-1].kind == "sheet"


def test_what_papers_share_is_counted_once(paper) -> None:  # type: ignore[no-untyped-def]
    one = costs_of(paper("paper"), Earlier([]))
    assert len(together([one, one]).jobs) == len(one.jobs)


@pytest.mark.slow
@pytest.mark.parametrize(("slug", "scale"), [("24-pediatric", "bench"), ("17-csngf", "paper")])
def test_the_workflow_plans_the_same_jobs(slug: str, scale: str) -> None:
    planned = dry_run([slug], {"scale": scale}).jobs
    jobs = Counter(job.kind for job in jobs_of(load_paper(slug, scale)))
    for kind, rules in {"cohort": ("cohort_",), "fit": ("fit_",), "predict": ("predict_",)}.items():
        found = sum(
            n for rule, n in planned.items() if rule.startswith(rules) and not rule.startswith("cohort_sheets_")
        )
        assert found == jobs[kind], kind
    assert sum(planned.values()) == sum(jobs.values())


def test_planning_imports_neither_torch_nor_pandas() -> None:
    program = (
        "import sys; from wbir.__main__ import main; code = main(['plan', '22-variational-principle', '--earlier', 'nowhere']);"
        " print(code, *sorted({'torch', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY / "workflow", capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "0"


def test_the_page_has_every_paper() -> None:
    page = (REPOSITORY / "docs" / "scale.md").read_text(encoding="utf-8")
    missing = [slug for slug in slugs() if f"| {slug} |" not in page]
    assert not missing, "write docs/scale.md anew: its first line says how"
