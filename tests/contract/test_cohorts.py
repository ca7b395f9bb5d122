"""Every cohort, found by its file: its literal, and a tiny build that keeps the contract, twice with the same bytes."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from wbir.cases import Cohort
from wbir.cohort_plans import CohortPlan
from wbir.discovery import describe, modules

NAMES = sorted(modules("cohorts"))
SIMULATED = [name for name in NAMES if "simulated" in describe("cohorts", name)["sources"]]
KEYS = {
    "title",
    "reference",
    "describes",
    "sources",
    "stack",
    "threads",
    "mem_mb",
    "runtime",
    "parameters",
    "tiny",
    "dims",
}


@pytest.mark.parametrize("name", NAMES)
def test_literal_is_complete_and_build_takes_its_parameters(name: str) -> None:
    spec = describe("cohorts", name)
    assert set(spec) >= KEYS and set(spec) - KEYS <= {"datasets", "several", "cases", "box_mm"}
    assert set(spec["sources"]) <= {"simulated", "package", "public", "local", "derived"} and spec["sources"]
    assert set(spec["tiny"]) <= set(spec["parameters"])
    signature = inspect.signature(importlib.import_module(f"wbir.cohorts.{name}").build)
    assert set(signature.parameters) == {"folder", "source", "data", "seed", *spec["parameters"]}


@pytest.mark.parametrize("name", SIMULATED)
def test_a_tiny_build_keeps_the_contract_with_the_same_bytes(name: str, tmp_path: Path) -> None:
    spec = describe("cohorts", name)
    build = importlib.import_module(f"wbir.cohorts.{name}").build
    for folder in ("first", "second"):
        build(tmp_path / folder, source="simulated", data=None, seed=3, **{**spec["parameters"], **spec["tiny"]})
    cohort = Cohort.open(tmp_path / "first")
    plan = CohortPlan(name, name, "simulated", False, 3, {}, {**spec["parameters"], **spec["tiny"]}, (name,))
    if (expected := plan.expected_cases()) is not None:
        found = [row["split"] for row in cohort.rows]
        assert {split: found.count(split) for split in {*found, *expected}} == {**dict.fromkeys(found, 0), **expected}
    cases = list(cohort)  # reading checks shapes, finiteness and the truth of each case
    assert cases and len({case.id for case in cases}) == len(cases)
    assert all(case.frame.dim == spec["dims"] and case.attributes["split"] for case in cases)
    files = sorted(p.relative_to(tmp_path / "first") for p in (tmp_path / "first").rglob("*") if p.is_file())
    assert all((tmp_path / "first" / p).read_bytes() == (tmp_path / "second" / p).read_bytes() for p in files)
