"""A made-up paper with real results: two small cohorts, the two controls, through the steps that the workflow runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wbir import papers
from wbir.building import build_cohort
from wbir.cases import Case, CohortWriter
from wbir.claims import write_claims
from wbir.cohort_sheet import write_sheets
from wbir.collecting import collect
from wbir.exhibits import make_exhibits
from wbir.geometry.frames import Frame
from wbir.predicting import run_unit
from wbir.results import PaperResults
from wbir.site.build import Choices, build_site

SLUG = "17-csngf"  # a paper of the proceedings, declared anew here
PAPER = """
title: "A <script>alert('x')</script> made-up paper & more"
reference: "WBIR 2022, paper 17 <made up>"
summary: Two controls on blobs, with `code` in its summary.
data: Made up.
conflicts: ["Sect. 1 says <b>1</b>, Table 1 says 2."]
cohorts:
  flat: {use: letters}
  blobs: {use: inter_subject_brains, real: real}
  halved: {use: resampled, of: blobs, with: {spacing: 4.0}}
  real: {use: nirep}
methods:
  truth: {use: oracle, title: "Truth <i>"}
experiments:
  flat: {title: Flat, cohort: flat, methods: [truth, identity], measures: [mse, dice], gallery: 4}
  blobs:
    title: Blobs
    cohort: blobs
    methods: [truth, identity]
    measures: [mse, end_point_error, folding]
    quality: end_point_error
    gallery: 2
  halved: {title: Halved, cohort: halved, methods: [identity], measures: [mse]}
  real: {title: Real, cohort: real, methods: [identity], measures: [mse]}
tables:
  table-1:
    title: Errors
    place: Table 1
    rows: {by: method, title: Method}
    columns: {by: metric, items: {mse: MSE, end_point_error: "Error (mm)"}}
    cells: {experiment: blobs, statistic: mean_sd}
figures:
  fig-1:
    title: The blobs
    place: Fig. 1
    size: [4, 3]
    panels:
      - {kind: images, rows: [{experiment: blobs}], columns: [{title: fixed, show: fixed}]}
claims:
  - {id: 17-C01, says: The truth has no error., where: Table 1,
     checks: [{kind: bound, experiment: blobs, method: truth, metric: end_point_error, below: 0.001}]}
  - {id: 17-C02, says: Nor has the identity., where: "Table 1, Fig. 1", printed: "0 <none>", note: A false claim.,
     checks: [{kind: bound, experiment: blobs, method: identity, metric: end_point_error, below: 0.001}]}
  - {id: 17-C03, says: Cannot be judged., where: Sect. 4, not_evaluated: data restricted}
"""
REPORTED = "table,row,column,metric,value,spread\nTable 1,Truth <i>,MSE,MSE,0.5,0.1\n"


def blob(shape: tuple[int, ...], centre: tuple[float, ...], width: float) -> np.ndarray:
    grids = np.meshgrid(*map(np.arange, shape), indexing="ij")
    return np.exp(-sum((g - c) ** 2 for g, c in zip(grids, centre, strict=True)) / (2 * width**2)).astype(np.float32)


def blob_case(number: int) -> Case:
    """Two blobs in RAS-like millimetres; the true displacement folds around the middle."""
    shape = (18, 22, 16)
    affine = np.array([[-2.0, 0, 0, 18], [0, 2, 0, -20], [0, 0, 2.5, -18], [0, 0, 0, 1]])
    truth = np.zeros((3, *shape), dtype=np.float32)
    truth[0] = -12 * blob(shape, (9, 11, 8), 1.5) * np.sign(np.arange(18) - 8.5)[:, None, None]
    fixed, moving = blob(shape, (8, 11, 8), 3), blob(shape, (10 + number, 11, 8), 3)
    return Case(
        f"blob-{number}", Frame(shape, affine), fixed, moving, truth=truth, attributes={"split": "test", "kind": "a<b"}
    )


def flat_case(number: int) -> Case:
    shape = (32, 24)
    fixed, moving = blob(shape, (16, 12), 4), blob(shape, (14 + number, 12), 4)
    labels = {"fixed_labels": (fixed > 0.5).astype(np.int16), "moving_labels": (moving > 0.5).astype(np.int16)}
    truth = np.zeros((2, *shape), dtype=np.float32)
    return Case(f"flat-{number}", Frame.of(shape), fixed, moving, truth=truth, **labels)


@pytest.fixture(scope="session")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of declarations with the made-up paper alone."""
    folder = tmp_path_factory.mktemp("config") / "papers" / SLUG
    folder.mkdir(parents=True)
    (folder / "paper.yaml").write_text(PAPER)
    (folder / "reported.csv").write_text(REPORTED)
    return folder.parent


@pytest.fixture(autouse=True)
def only_the_made_up_paper(declared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here sees the repository's own papers and studies; other folders' tests do."""
    monkeypatch.setattr(papers, "PAPERS", declared)
    monkeypatch.setattr(papers, "STUDIES", tmp_path / "studies")


@pytest.fixture(scope="session")
def made_up(declared: Path, tmp_path_factory: pytest.TempPathFactory) -> PaperResults:
    """The made-up paper's results, through cohort, predict, collect, exhibit and claims."""
    out = tmp_path_factory.mktemp("site") / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(papers, "PAPERS", declared)
        paper = papers.load_paper(SLUG, "demo")
        for name, make in (("flat", flat_case), ("blobs", blob_case)):
            writer = CohortWriter(out / "cohorts" / f"{SLUG}.{name}", {"title": name}, {1: "the blob"})
            for number in range(2):
                writer.add(make(number))
            writer.close()
        halved = paper.cohort("halved")
        build_cohort(halved, out / "cohorts" / halved.id, cache=out, bases=[out / "cohorts" / f"{SLUG}.blobs"])
        write_sheets(paper, out)
        for unit in paper.units():
            run_unit(unit, out / "cohorts" / unit.cohort.id, out / unit.id, device="cpu")
        collect(paper, out)
        made = PaperResults(paper, out)
        make_exhibits(made)
        write_claims(made)
    return made


@pytest.fixture(scope="session")
def site(declared: Path, made_up: PaperResults, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up site on disk."""
    out = tmp_path_factory.mktemp("reports") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(papers, "PAPERS", declared)
        patch.setattr(papers, "STUDIES", declared / "none")
        build_site(made_up.results, out, Choices("demo", {}, {}))
    return out
