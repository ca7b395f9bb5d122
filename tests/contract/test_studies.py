"""Every study: it stays out of the proceedings, and every name in it is known."""

from __future__ import annotations

import pytest

from wbir.cohort_plans import datasets_of
from wbir.discovery import describe
from wbir.measures.base import discover
from wbir.papers import SCALES, load_paper, slugs, studies


def test_no_study_is_a_paper() -> None:
    assert studies() and not set(studies()) & set(slugs())


@pytest.mark.parametrize("slug", studies())
@pytest.mark.parametrize("scale", SCALES)
def test_every_name_is_known(slug: str, scale: str) -> None:
    study = load_paper(slug, scale)
    metrics, experiments = set(discover()), study.spec["experiments"]
    for name, experiment in experiments.items():
        for method in experiment["methods"]:
            unit = study.unit(name, method, 0)
            assert {measure.metric for measure in unit.measures} <= metrics
            assert describe("cohorts", unit.cohort.builder)["dims"] in unit.spec["dims"]
    checks = [check for claim in study.spec["claims"] for check in claim["checks"]]
    for check in checks:
        named = {check[key] for key in ("method", "better") if key in check} | set(check.get("than", ()))
        assert named <= set(experiments[check["experiment"]]["methods"])
    assert study.code_of_figures()


@pytest.mark.parametrize("slug", studies())
def test_without_data_only_what_needs_none_runs(slug: str) -> None:
    study = load_paper(slug, "demo")
    assert all(unit.cohort.source in ("simulated", "package") for unit in study.units())
    every = load_paper(
        slug, "demo", data={name: "somewhere" for plan in study.plans() for name in datasets_of(plan.builder)}
    )
    assert set(every.experiments()) == set(study.spec["experiments"])
