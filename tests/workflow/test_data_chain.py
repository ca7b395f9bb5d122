"""The workflow on real data in miniature: every data set of the catalogue, acquired and converted by the rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mirror import chain
from mirror.server import serving
from wbir.cases import Cohort
from wbir.data.catalogue import catalogue
from wbir.discovery import describe
from wbir.papers import slugs

DATASETS = sorted({row.dataset for row in catalogue()})
SLUG = "99-real-data"


def declare(clone: Path, datasets: list[str]) -> list[str]:
    """A made-up paper with an experiment for each cohort that reads one of the data sets; returns the cohorts' folders."""
    cohorts = {}
    for dataset in datasets:
        module = chain.archive(dataset)
        spec = describe("cohorts", module.COHORT)
        source = "package" if "package" in spec["sources"] else "public"
        few = getattr(module, "PARAMETERS", spec["tiny"])
        cohorts[dataset] = {"use": module.COHORT, "source": source, "with": few}
    paper = {
        "title": "A made-up paper on real data", "reference": "none", "summary": "Nothing is registered.",
        "cohorts": cohorts, "methods": {},
        "experiments": {name: {"cohort": name, "methods": ["identity"], "measures": []} for name in cohorts},
        "tables": {}, "figures": {}, "claims": [],
    }  # fmt: skip
    folder = clone / "config" / "papers" / SLUG
    folder.mkdir()
    (folder / "paper.yaml").write_text(yaml.safe_dump(paper))
    (folder / "reported.csv").write_text("table,row,column,value,spread\n")
    return [f"results/demo/cohorts/{SLUG}.{name}" for name in cohorts]


def test_every_data_set_is_acquired_and_converted_and_a_refused_one_harms_no_other(  # type: ignore[no-untyped-def]
    clone: Path, snakemake, tmp_path: Path
) -> None:
    """All rules in one run. The terms of one open data set are not accepted: it alone fails, and says what to do."""
    refused = "hippocampus"
    with serving(tmp_path / "mirror") as site:
        mirror = chain.Mirror(tmp_path / "mirror", site.root)
        listing = mirror.make(DATASETS)
        for dataset in DATASETS:
            mirror.by_hand(dataset, tmp_path / "cache", listing)
        targets = declare(clone, DATASETS)
        accepted = [dataset for dataset in DATASETS if dataset != refused]
        options = [f"cache={tmp_path / 'cache'}", f"catalogue={listing}", f"accept_terms={json.dumps(accepted)}"]
        done = snakemake("--cores", "2", *targets, "--config", *options, check=False)
        assert done.returncode and f"accept_terms=[{refused}]" in done.stderr
        assert [t for t in targets if not (clone / t / "manifest.csv").is_file()] == [
            f"results/demo/cohorts/{SLUG}.{refused}"
        ]
        assert not [path for path, _ in site.requests if path.startswith(refused)], "nothing of it was fetched"
        options[-1] = f"accept_terms={json.dumps(DATASETS)}"
        snakemake("--cores", "2", *targets, "--config", *options)
    assert all(len(Cohort.open(clone / target)) for target in targets)


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_every_paper_plans_with_its_own_data(snakemake, scale: str) -> None:  # type: ignore[no-untyped-def]
    """`sources={all: public}`: whatever a paper's real cohorts read is acquired by a rule of its own."""
    done = snakemake("-n", *slugs(), "--config", f"scale={scale}", "sources={all: public}")
    wanted = {"nirep", "hippocampus", "learn2reg-abdomen"}
    assert wanted <= {dataset for dataset in DATASETS if f"dataset_{dataset}" in done.stdout}


def test_a_named_folder_is_not_acquired(snakemake, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = snakemake("-n", "26-bounding-box", "--config", f"data={{learn2reg-abdomen: {tmp_path}}}")
    assert "dataset_learn2reg-abdomen" not in done.stdout
    assert "cohorts/26-bounding-box.learn2reg" in done.stdout
