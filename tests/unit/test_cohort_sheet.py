"""The sheet of a cohort: what it shows of a case, which way round, and the numbers beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wbir import cohort_sheet
from wbir.cases import Case, Cohort, CohortWriter
from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.papers import load_paper

SHAPE = (8, 10, 6)
RAS = np.array([[2.0, 0, 0, -7], [0, 2, 0, -9], [0, 0, 3, -5], [0, 0, 0, 1]])


def head(affine: np.ndarray = RAS) -> Case:
    """A single bright voxel far to the right, in front and above, with labels of two halves that differ by a voxel."""
    image = np.zeros(SHAPE, dtype=np.float32)
    image[6, 8, 5] = 1.0
    labels = np.zeros(SHAPE, dtype=np.int16)
    labels[2:6, 2:8, 2:4] = 1
    labels[4:6, 2:8, 2:4] = 2
    moving_labels = np.roll(labels, 1, axis=0)
    points = np.array([[4.0, 5.0, 3.0], [4.0, 5.0, 5.0]])
    truth = np.zeros((3, *SHAPE), dtype=np.float32)
    truth[0] = 1.0
    return Case(
        "head", Frame(SHAPE, affine), image, image.copy(), labels, moving_labels, fixed_points=points,
        moving_points=points + np.array([1.0, 0, 0]), truth=truth,
    )  # fmt: skip


def flipped(case: Case) -> Case:
    """The same head stored with its axes as up, left, front."""

    def turn(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array[::-1].transpose(2, 0, 1))

    x, y, z = SHAPE
    change = np.zeros((4, 4))  # index of the new array to that of the old one
    change[0, 1], change[0, 3], change[1, 2], change[2, 0], change[3, 3] = -1, x - 1, 1, 1, 1

    def move(points: np.ndarray) -> np.ndarray:
        return np.stack([points[:, 2], x - 1 - points[:, 0], points[:, 1]], axis=1)

    names = ("fixed", "moving", "fixed_labels", "moving_labels")
    arrays: dict[str, Any] = {name: turn(getattr(case, name)) for name in names}
    arrays |= {name: move(getattr(case, name)) for name in ("fixed_points", "moving_points")}
    return replace(case, frame=Frame((z, x, y), RAS @ change), truth=None, **arrays)


def row(case: Case, cuts: list[float] | None = None) -> Any:
    return cohort_sheet.draw_row(case, "a title", cuts or [0.5] * case.frame.dim, {1: "#0072B2", 2: "#D55E00"})


def test_a_sheet_shows_right_on_the_right_however_the_array_is_stored() -> None:
    at = [6 / 7, 8 / 9, 1.0]
    straight, turned = row(head(), at), row(flipped(head()), [1.0, 1 / 7, 8 / 9])
    axial, coronal, sagittal = (group[0] for group in straight.groups)
    assert [picture.letters for picture in (axial, coronal, sagittal)] == ["LRPA", "LRIS", "PAIS"]
    assert axial.values.shape == (8, 10) and np.argwhere(axial.values).tolist() == [[6, 8]]
    assert np.argwhere(coronal.values).tolist() == [[6, 5]] and np.argwhere(sagittal.values).tolist() == [[8, 5]]
    assert axial.size == (16.0, 20.0) and sagittal.size == (20.0, 18.0)
    for old, new in zip(straight.groups, turned.groups, strict=True):
        for one, other in zip(old, new, strict=True):
            assert (one.head, one.letters, one.size) == (other.head, other.letters, other.size)
            np.testing.assert_array_equal(one.values, other.values)
            np.testing.assert_allclose(one.landmarks, other.landmarks)


def test_the_line_of_numbers_is_that_of_the_case_before_registration() -> None:
    text = cohort_sheet.facts(head())
    assert text.split("; ") == [
        "8 × 10 × 6 voxels of 2 × 2 × 3 mm, axes RAS",
        "intensities 0 to 1 (fixed), 0 to 1 (moving)",
        "2 labels, Dice 0.500",
        "2 landmarks, 2 mm apart",
        "true map 2 mm long, folds in 0 % of the grid",
    ]
    assert "axes SLA" in cohort_sheet.facts(flipped(head()))
    bare = replace(head(), fixed_labels=None, moving_labels=None, fixed_points=None, moving_points=None, truth=None)
    assert len(cohort_sheet.facts(bare).split("; ")) == 2
    assert "2 labels on one side only" in cohort_sheet.facts(replace(head(), moving_labels=None))
    folded = replace(head(), truth=np.stack([-2.0 * np.indices(SHAPE)[0], *np.zeros((2, *SHAPE))]).astype(np.float32))
    assert "folds in 100 % of the grid" in cohort_sheet.facts(folded)


def test_only_landmarks_near_the_slice_are_drawn_and_lead_from_fixed_to_moving() -> None:
    axial = row(head(), [0.5, 0.5, 3 / 5]).groups[0]
    assert axial[2].landmarks.tolist() == [[[4.0, 5.0], [5.0, 5.0]]]
    assert axial[0].landmarks.tolist() == [[[4.0, 5.0], [4.0, 5.0]]]


def test_outlines_run_between_the_voxels_and_close_at_the_edge() -> None:
    (line,) = cohort_sheet.outline(np.array([[True, True], [False, False], [False, False]]))
    assert sorted(map(tuple, np.round(line, 6).tolist()[:-1])) == sorted(
        [(0.5, 0.0), (0.5, 1.0), (0.0, 1.5), (-0.5, 1.0), (-0.5, 0.0), (0.0, -0.5)]
    )
    colours = [found.colour for found in row(head(), [0.5, 0.5, 0.5]).groups[0][0].outlines]
    assert colours == ["#0072B2", "#D55E00"]


def test_a_picture_stands_as_it_is_and_has_no_sides() -> None:
    image = np.linspace(0, 1, 30, dtype=np.float32).reshape(5, 6)
    flat = Case("flat", Frame((5, 6), np.diag([-1.0, 0.5, 1.0])), image, image[::-1].copy())
    (group,) = row(flat).groups
    assert [picture.head for picture in group] == ["fixed", "moving", "overlay", "checkerboard"]
    assert {picture.letters for picture in group} == {""} and group[0].size == (5.0, 3.0)
    low, high = np.percentile(image, (0.5, 99.5))
    np.testing.assert_allclose(group[0].values, np.clip((image - low) / (high - low), 0, 1), atol=1e-6)
    assert not group[0].outlines and not len(group[0].landmarks)
    assert cohort_sheet.facts(flat, "pixel").startswith("5 × 6 pixels; ")


def write(folder: Path, cases: list[Case], **card: Any) -> Path:
    writer = CohortWriter(folder, {"title": "Made up", "source": "local", **card}, {1: "one", 2: "two"})
    for case in cases:
        writer.add(case)
    writer.close()
    return folder


def test_cases_are_spread_over_the_splits(tmp_path: Path) -> None:
    splits = ["train"] * 5 + ["validation"] + ["test"] * 3
    cases = [
        replace(head(), id=f"c{number}", attributes={"split": split}, truth=None) for number, split in enumerate(splits)
    ]
    cohort = Cohort.open(write(tmp_path / "cohort", cases))
    assert cohort_sheet.spread(cohort, 1) == ["c6"]
    assert cohort_sheet.spread(cohort, 3) == ["c0", "c5", "c6"]
    assert cohort_sheet.spread(cohort, 5) == ["c0", "c4", "c5", "c6", "c8"]
    assert cohort_sheet.spread(cohort, 99) == [case.id for case in cases]


@pytest.mark.parametrize(
    ("now", "then"), [("a-10", "a-10"), ("a-1-s003", "a-1"), ("lungs-a-1", "a-1"), ("b-1", ""), ("a-2", "")]
)
def test_a_derived_case_finds_the_one_that_it_was(now: str, then: str) -> None:
    assert cohort_sheet.former(now, ["a-1", "a-10"]) == then


def test_a_sheet_is_the_same_bytes_again_and_shows_a_derived_case_below_its_base(tmp_path: Path) -> None:
    from PIL import Image

    base = write(tmp_path / "base", [head()])
    derived = write(tmp_path / "derived", [replace(head(), fixed=2 * head().fixed)], of={"unit": "pixel"})
    flat = Case("flat", Frame.of((5, 6)), np.eye(5, 6, dtype=np.float32), np.eye(5, 6, dtype=np.float32))
    sizes = {}
    for name, folder, bases in (
        ("base", base, []), ("derived", derived, [base]), ("flat", write(tmp_path / "flat", [flat]), []),
    ):  # fmt: skip
        for copy in ("first", "second"):
            cohort_sheet.write_sheet(tmp_path / copy / f"{name}.png", folder, bases)
        first, second = ((tmp_path / copy / f"{name}.png").read_bytes() for copy in ("first", "second"))
        assert first == second
        sizes[name] = Image.open(tmp_path / "first" / f"{name}.png").size
    assert sizes["base"][0] == sizes["derived"][0] and sizes["derived"][1] > 1.4 * sizes["base"][1]


def test_a_prepared_case_is_compared_at_the_same_place_of_the_world(tmp_path: Path) -> None:
    origin = Cohort.open(write(tmp_path / "base", [head()]))
    cropped = replace(
        head(), frame=Frame((4, 4, 4), RAS @ np.array([[1, 0, 0, 4], [0, 1, 0, 6], [0, 0, 1, 2], [0, 0, 0, 1.0]])),
        fixed=head().fixed[4:, 6:, 2:], moving=head().moving[4:, 6:, 2:], fixed_labels=None, moving_labels=None,
        truth=None,
    )  # fmt: skip
    (before,) = cohort_sheet._before(cropped, origin, {})
    assert before.title == "head in base"
    assert [np.argwhere(group[0].values).tolist() for group in before.groups] == [[[6, 8]], [[6, 5]], [[8, 5]]]


def test_real_and_derived_cohorts_have_a_sheet_and_simulated_ones_none(tmp_path: Path) -> None:
    paper = load_paper("24-pediatric", "demo")
    names = [plan.names[-1] for plan in paper.sheets()]
    assert "RR-15" in names and "rigid" in names and "scans" not in names
    local = load_paper("06-broken-geodesic", "demo", {}, {"nirep": str(tmp_path)})
    assert "nirep" in [plan.names[-1] for plan in local.sheets()]
    with pytest.raises(InputError, match="cohorts of 24-pediatric among"):
        cohort_sheet.write_sheets(paper, tmp_path, ["nothing"])


def test_the_card_says_what_made_it(tmp_path: Path) -> None:
    folder = write(tmp_path / "17-x.real", [head(), replace(head(), id="b", attributes={"split": "train"})])
    (folder / "manifest.json").write_text(json.dumps({"builder": "nirep", "source": "local", "datasets": ["nirep"]}))
    cohort = Cohort.open(folder)
    title = cohort_sheet._title(cohort, cohort_sheet._about(cohort), [])
    assert title == ("17-x.real: Made up", "builder nirep; source local (nirep); 2 cases: 1 train, 1 test")
