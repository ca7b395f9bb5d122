"""The cohorts that units ran on, each with what it was made from, as the templates need them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from wbir.cohort_plans import DERIVED, datasets_of
from wbir.data.catalogue import catalogue
from wbir.data.summary import DataSet, summaries
from wbir.discovery import describe


def cohort_views(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each cohort of the runs, and each that one was made from, once; what comes first is made from no later one."""
    plans: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        plans |= {part["id"]: part for part in _chain(row["cohort"]) if part["id"] not in plans}
    known = summaries(catalogue())
    return [_view(plan, known) for plan in plans.values()]


def _chain(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a cohort is made from in the end, then step by step, then itself; each once."""
    parts = [part for base in plan.get("bases", ()) for part in _chain(base)]
    return list({part["id"]: part for part in [*parts, plan]}.values())


def _view(plan: Mapping[str, Any], known: Mapping[str, DataSet]) -> dict[str, Any]:
    spec = describe("cohorts", plan["builder"])
    read = () if plan["source"] in ("simulated", DERIVED) else datasets_of(plan["builder"])
    return {
        **{key: plan[key] for key in ("id", "source", "seed")},
        **{key: spec[key] for key in ("title", "describes", "reference")},
        "derived": bool(plan.get("bases")),
        "steps": [_step(part) for part in _chain(plan)],
        "datasets": [known[name] for name in read if name in known],
    }


def _step(plan: Mapping[str, Any]) -> dict[str, Any]:
    """One step of the way to a cohort: who made it, with which parameters."""
    parameters = {key: json.dumps(value) for key, value in sorted(plan["parameters"].items())}
    title = describe("cohorts", plan["builder"])["title"]
    return {"id": plan["id"], "title": title, "source": plan["source"], "parameters": parameters}
