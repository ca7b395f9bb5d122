"""Weak annotations: what a sample carries, an annotator's error that stays, the mask term against plain arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from wbir.cases import Case, Cohort, CohortWriter
from wbir.energies.boxes import boxes_of
from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.nets.maps import Maps
from wbir.training.annotations import Annotation, halved, mask_difference, once
from wbir.training.pairwise import PairLoss, pair_samples, plain_images

SHAPE = (9, 8)
LOSS = PairLoss("mse", 3, 1.0, "diffusion", 0.0, 2.0)


def scan(corner: int) -> np.ndarray:
    labels = np.zeros(SHAPE, dtype=np.int16)
    labels[corner : corner + 3, 2:6] = 1
    labels[corner + 1, 3] = 2
    return labels


def cohort_of(folder: Path, corners: list[tuple[int, int]]) -> Cohort:
    writer = CohortWriter(folder, {"title": "tiny"}, {1: "liver", 2: "gall bladder"})
    for number, (first, second) in enumerate(corners):
        image = np.zeros(SHAPE, dtype=np.float32)
        labels = {"fixed_labels": scan(first), "moving_labels": scan(second)}
        writer.add(Case(f"case-{number}", Frame.of(SHAPE, 1.0), image, image, **labels))
    writer.close()
    return Cohort.open(folder)


def sample_of(annotation: Annotation, cohort: Cohort, seed: int = 0):
    images = annotation.images(plain_images, (1, 2), seed)
    return pair_samples(cohort, images=images, labels=True, exchange=False, memory_mb=10).draw(
        torch.Generator().manual_seed(0), 1
    )


def test_boxes_travel_with_the_images_of_a_sample(tmp_path: Path) -> None:
    sample = sample_of(Annotation("boxes", 0.0, 1.0), cohort_of(tmp_path, [(1, 4)]))
    np.testing.assert_array_equal(sample["moving_boxes"][0, 0], boxes_of(scan(4), (1, 2)))
    exchanged = pair_samples(
        cohort_of(tmp_path / "two", [(1, 4)]), images=Annotation("boxes", 0.0, 1.0).images(plain_images, (1, 2), 0),
        labels=False, exchange=True, memory_mb=10,
    ).draw(torch.Generator().manual_seed(0), 1)  # fmt: skip
    assert {"fixed_boxes", "moving_boxes"} <= set(exchanged)


def test_an_annotators_error_is_drawn_once(tmp_path: Path) -> None:
    cohort, annotation = cohort_of(tmp_path, [(1, 4)]), Annotation("boxes", 0.05, 1.0)
    first, again, other = (sample_of(annotation, cohort, seed)["fixed_boxes"] for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    moved = (first[0, 0] - torch.from_numpy(boxes_of(scan(1), (1, 2)))).abs()
    assert 0 < float(moved[0, 0].max()) <= 0.15 and 0 < float(moved[0, 1].max()) <= 0.2


def test_a_scan_that_stands_in_several_cases_has_one_error() -> None:
    image, frame = np.zeros(SHAPE, dtype=np.float32), Frame.of(SHAPE, 1.0)
    labels = {"fixed_labels": scan(1), "moving_labels": scan(1)}
    images = Annotation("boxes", 0.05, 1.0).images(plain_images, (1, 2), 0)
    both = [
        images(Case(name, frame, image, image, **labels, attributes={"fixed_subject": a, "moving_subject": b}))
        for name, a, b in (("one", "scan-1", "scan-2"), ("two", "scan-3", "scan-1"))
    ]
    np.testing.assert_array_equal(both[0]["fixed_boxes"], both[1]["moving_boxes"])
    assert not np.array_equal(both[0]["moving_boxes"], both[1]["moving_boxes"])


@pytest.mark.parametrize("kind", ["boxes", "labels", "none"])
def test_the_term_is_the_weighted_squared_difference(tmp_path: Path, kind: str) -> None:
    annotation = Annotation(kind, 0.0, 1.0)
    sample = sample_of(annotation, cohort_of(tmp_path, [(1, 4)]))
    field = torch.zeros(1, 2, *SHAPE)
    terms = annotation.terms()(LOSS, sample, Maps(field), (1, 2))
    if kind == "none":
        assert set(terms) == {"mse"}
        return
    # the liver's box has 3 x 4 voxels, its label one less, without a voxel in common; the gall bladder has one voxel
    liver = 24 if kind == "boxes" else 22
    assert float(terms[kind]) == pytest.approx(2.0 * (liver + 2) / 72)
    field[:, 0] = 3.0
    perfect = annotation.terms()(LOSS, sample, Maps(field), (1, 2))
    assert float(perfect[kind]) == pytest.approx(0.0, abs=1e-7)


def test_a_class_that_one_image_lacks_is_left_out() -> None:
    fixed, moving = torch.zeros(2, 1, 3, 4, 4)
    fixed[0, 0, :2] = 1
    fixed[0, 1, 0] = 1  # only in the fixed image
    moving[0, 0, 1:] = 1
    assert float(mask_difference(fixed, moving, torch.zeros(1, 2, 4, 4))) == pytest.approx(12 / 16)
    assert float(mask_difference(fixed * 0, moving, torch.zeros(1, 2, 4, 4))) == 0


@pytest.mark.parametrize(("share", "count"), [(1.0, 5), (0.5, 2), (0.4, 2), (0.01, 1)])
def test_a_share_takes_the_first_cases(tmp_path: Path, share: float, count: int) -> None:
    cohort = cohort_of(tmp_path, [(1, 4)] * 5)
    kept = Annotation("labels", 0.0, share).annotated(cohort)
    assert [row["case"] for row in kept.rows] == [f"case-{n}" for n in range(count)]


def test_every_scan_is_taken_once(tmp_path: Path) -> None:
    cohort = cohort_of(tmp_path, [(1, 4)] * 4)
    subjects = [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]
    rows = [r | {"fixed_subject": f, "moving_subject": m} for r, (f, m) in zip(cohort.rows, subjects, strict=True)]
    assert [row["case"] for row in once(Cohort(cohort.folder, rows)).rows] == ["case-0", "case-2"]
    assert len(once(cohort)) == 4  # nothing is said of who they are


@pytest.mark.parametrize("values", [("box", 0.0, 1.0), ("boxes", 0.5, 1.0), ("boxes", 0.0, 0.0), ("labels", 0.0, 1.5)])
def test_unfit_values_are_told(values: tuple) -> None:
    with pytest.raises(InputError):
        Annotation(*values)


@pytest.mark.parametrize("kind", ["boxes", "labels"])
def test_halved_masks_are_means_of_the_full_ones(tmp_path: Path, kind: str) -> None:
    annotation, cohort = Annotation(kind, 0.0, 1.0), cohort_of(tmp_path, [(1, 4)])
    full = annotation.images(plain_images, (1, 2), 0)
    samples = [
        pair_samples(cohort, images=images, labels=True, exchange=False, memory_mb=10).draw(torch.Generator(), 1)
        for images in (full, halved(full, 1))
    ]
    assert samples[1]["fixed"].shape == (1, 1, 5, 4)
    whole, half = (annotation.masks(sample, "moving", (1, 2)) for sample in samples)
    torch.testing.assert_close(half[:, :, :4], torch.nn.functional.avg_pool2d(whole, 2))
