"""A tiny cohort of shifted blobs to train on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from training_blobs import blob_case

from wbir.cases import Case, Cohort, CohortWriter


@pytest.fixture
def make_cohort(tmp_path: Path) -> Callable[..., Cohort]:
    """Write cases as a cohort; by default four for training and two for validation."""

    def make(cases: list[Case] | None = None, name: str = "cohort") -> Cohort:
        writer = CohortWriter(tmp_path / name, {"title": "blobs"}, {1: "rim", 2: "core"})
        for case in cases or [blob_case(f"c{n}", "train" if n < 4 else "validation", 0.4 * n + 0.3) for n in range(6)]:
            writer.add(case)
        writer.close()
        return Cohort.open(tmp_path / name)

    return make
