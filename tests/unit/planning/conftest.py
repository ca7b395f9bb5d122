"""A made-up room of methods and cohorts whose SPECs are known, and a paper of them at any scale."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wbir.discovery import PACKAGE
from wbir.papers import Paper

METHOD = {"title": "", "reference": "", "stack": "torch", "threads": 1, "tiny": {}, "dims": [2]}
METHODS = {
    "learner": METHOD
    | {"kind": "learned", "mem_mb": 4000, "runtime": 240, "gpu": 1}
    | {"parameters": {"width": 8, "training": {"iterations": 100, "rate": 0.1}}},
    "solver": METHOD
    | {"kind": "iterative", "threads": 2, "mem_mb": 2000, "runtime": 60, "gpu": 0}
    | {"parameters": {"iterations": [10, 10], "step": 1.0}},
}
COHORT = {"title": "", "reference": "", "describes": "", "stack": "torch", "threads": 1, "tiny": {}, "dims": 2}
COHORTS = {
    "made": COHORT
    | {"sources": ["simulated"], "mem_mb": 500, "runtime": 30, "parameters": {"size": 64, "pairs": 10, "noise": 0.1}}
    | {"cases": {"test": "pairs", "train": "2 * pairs"}},
    "turned": COHORT
    | {"sources": ["derived"], "mem_mb": 8000, "runtime": 120, "parameters": {"angle": 1.0}, "cases": "of its base"},
}
DECLARED: dict[str, Any] = {
    "title": "Made up",
    "cohorts": {
        "base": {"use": "made", "demo": {"size": 32, "pairs": 5}},
        "turned": {"use": "turned", "of": "base"},
    },
    "methods": {
        "net": {"use": "learner", "demo": {"training": {"iterations": 10, "rate": 1.0}}},
        "wide": {"use": "learner", "demo": {"width": 2}},
        "solver": {"use": "solver", "demo": {"iterations": [1, 1]}},
    },
    "experiments": {"main": {"cohort": "turned", "methods": ["net", "wide", "solver"], "measures": [], "shards": 2}},
}


@pytest.fixture
def paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Paper]:
    """The made-up paper at a scale; its methods and cohorts are the only ones there are."""
    room = tmp_path / "wbir"
    for kind, name, literals in (("methods", "SPEC", METHODS), ("cohorts", "COHORT", COHORTS)):
        (room / kind).mkdir(parents=True)
        for file, literal in literals.items():
            (room / kind / f"{file}.py").write_text(f"{name} = {literal!r}\n")
    (room / "training").mkdir()
    shutil.copy(PACKAGE / "training" / "settings.py", room / "training")
    monkeypatch.setattr("wbir.discovery.PACKAGE", room)
    return lambda scale: Paper("99-made-up", scale, DECLARED, {}, {})
