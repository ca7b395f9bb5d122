"""Every data set of the catalogue: a cohort that reads it, a miniature of its layout, and the chain from one to the other."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mirror import chain
from mirror.server import serving
from wbir.cohort_plans import datasets_of
from wbir.data.catalogue import catalogue
from wbir.discovery import REPOSITORY as ROOT
from wbir.discovery import modules

DATASETS = sorted({row.dataset for row in catalogue()})


@pytest.mark.parametrize("dataset", DATASETS)
def test_it_has_a_cohort_a_miniature_and_a_section_in_the_docs(dataset: str) -> None:
    assert [name for name in modules("cohorts") if dataset in datasets_of(name)]
    assert dataset in datasets_of(chain.archive(dataset).COHORT)
    assert f"`{dataset}`" in (ROOT / "docs" / "data-access.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("dataset", DATASETS)
def test_its_miniature_goes_through_the_whole_chain(dataset: str, tmp_path: Path) -> None:
    """Made, served or put in place, acquired, unpacked, converted; then its own checks, and all cases keep the contract."""
    with serving(tmp_path / "mirror") as site:
        mirror = chain.Mirror(tmp_path / "mirror", site.root)
        needed = datasets_of(chain.archive(dataset).COHORT)
        listing = mirror.make(needed)
        for name in needed:
            mirror.by_hand(name, tmp_path / "cache", listing)
        cohort = chain.build(dataset, tmp_path / "cohort", tmp_path / "cache", listing)
    assert len(list(cohort)) == len(cohort) > 0, "reading a case checks it"
    chain.archive(dataset).check(cohort)
    with (tmp_path / "cache" / dataset / "inventory.csv").open(newline="") as stream:
        assert all(line["checked"] for line in csv.DictReader(stream))
