"""Every cohort that is made from another: its literal, and a build from a tiny base, twice with the same bytes."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest

from wbir.cases import Case, Cohort, CohortWriter
from wbir.discovery import describe, modules
from wbir.geometry.frames import Frame

NAMES = [name for name in modules("cohorts") if describe("cohorts", name)["sources"] == ["derived"]]
SHAPE = (18, 20, 16)


def base_cohort(folder: Path) -> None:
    """Two pairs of a blob that is shifted by a voxel, with labels, masks, points and truth."""
    writer = CohortWriter(folder, {"title": "base"}, {1: "blob"})
    grid = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij")).astype(float)
    for number, split in enumerate(("train", "test")):
        middle = np.array([8.0 + number, 9.0, 8.0]).reshape(3, 1, 1, 1)
        images = [
            np.exp(-(((grid - middle - shift) / 3.0) ** 2).sum(0) / 2).astype(np.float32) + 0.01 * grid[0] / 18
            for shift in (0.0, 1.0)
        ]
        fixed, moving = (image.astype(np.float32) for image in images)
        labels = [(image > 0.4).astype(np.int16) for image in images]
        points = np.array([[8.0, 9.0, 8.0], [9.0, 10.0, 9.0]])
        writer.add(
            Case(
                f"case-{number}", Frame.of(SHAPE, 2.0), fixed, moving, labels[0], labels[1], labels[0] > 0, labels[1] > 0,
                points, points + 1, np.ones((3, *SHAPE), np.float32), attributes={"split": split, "fold": "0"},
            )
        )  # fmt: skip
    writer.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_tiny_build_keeps_the_contract_with_the_same_bytes(name: str, tmp_path: Path) -> None:
    spec = describe("cohorts", name)
    build = importlib.import_module(f"wbir.cohorts.{name}").build
    assert set(inspect.signature(build).parameters) == {"folder", "source", "data", "seed", *spec["parameters"]}
    base_cohort(tmp_path / "base")
    base_cohort(tmp_path / "other")
    several = spec.get("several", False)
    bases = [tmp_path / "base", tmp_path / "other"] if several else tmp_path / "base"
    for folder in ("first", "second"):
        parameters = {**spec["parameters"], **spec["tiny"]}
        build(tmp_path / folder, source="derived", data=bases, seed=3, **parameters)
    cohort = Cohort.open(tmp_path / "first")
    cases = list(cohort)
    prefixes = ["base-", "other-"] if several else [""]
    assert [case.id for case in cases] == [f"{prefix}case-{n}" for prefix in prefixes for n in range(2)]
    if several:
        assert [case.attributes["fold"] for case in cases] == ["0", "1", "0", "1"], "tiny says two folds"
    else:
        assert [case.attributes["split"] for case in cases] == ["train", "test"], "attributes go along"
    assert all(case.frame.dim == (spec["dims"] or 3) for case in cases)
    assert cohort.label_names() == {1: "blob"}
    files = sorted(p.relative_to(tmp_path / "first") for p in (tmp_path / "first").rglob("*") if p.is_file())
    same = [p for p in files if p.name != "timings.csv"]
    assert all((tmp_path / "first" / p).read_bytes() == (tmp_path / "second" / p).read_bytes() for p in same)
