"""Surface distances: by hand, against SimpleITK, against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import binary_erosion, gaussian_filter

from wbir.geometry.frames import Frame
from wbir.measures.surfaces import average_surface_distance, boundaries, hausdorff, hd95

SPACING = (1.0, 2.5, 0.7)


def blobs(seed: int, shape: tuple[int, ...] = (14, 12, 16)) -> np.ndarray:
    """Two labels of random, many-part shapes that touch the border of the image."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return np.where(noise > 0.08, 1, np.where(noise < -0.1, 2, 0)).astype(np.int16)


def boundary_mask(inside: np.ndarray) -> np.ndarray:
    return inside & ~binary_erosion(inside)


def brute_force(a: np.ndarray, b: np.ndarray, spacing: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    points = [np.argwhere(boundary_mask(mask)) * spacing for mask in (a, b)]
    table = np.linalg.norm(points[0][:, None] - points[1][None], axis=2)
    return table.min(axis=1), table.min(axis=0)


def test_by_hand(evaluate) -> None:
    fixed, moving = np.zeros((2, 9, 9), dtype=np.int16)
    fixed[1:4, 1:4] = 1  # a boundary of eight voxels
    moving[1:4, 3:6] = 1  # two voxels of 0.5 mm further
    e = evaluate((9, 9), (3.0, 0.5), fixed_labels=fixed, moving_labels=moving)
    assert hausdorff(e) == {"1": pytest.approx(1.0), "": pytest.approx(1.0)}
    # each way: column 1 is 1 mm away (3 voxels), column 2 half a mm (2), column 3 on the boundary (3)
    assert average_surface_distance(e)["1"] == pytest.approx((3 * 1 + 2 * 0.5) / 8)


def test_boundaries_equal_scipys_erosion() -> None:
    labels = blobs(1)
    for label, voxels in boundaries(labels).items():
        np.testing.assert_array_equal(voxels, np.argwhere(boundary_mask(labels == label)))


def test_hausdorff_equals_simpleitk_on_the_boundaries(evaluate) -> None:
    fixed, moving = blobs(2), blobs(3)
    values = hausdorff(evaluate(fixed.shape, SPACING, fixed_labels=fixed, moving_labels=moving))
    for label in (1, 2):
        images = []
        for array in (fixed, moving):
            image = sitk.GetImageFromArray(boundary_mask(array == label).astype(np.uint8).T)
            image.SetSpacing(SPACING)
            images.append(image)
        judge = sitk.HausdorffDistanceImageFilter()
        judge.Execute(*images)
        assert values[str(label)] == pytest.approx(judge.GetHausdorffDistance(), rel=1e-5)
        assert values[str(label)] > 1


def test_percentile_and_mean_equal_brute_force(evaluate) -> None:
    fixed, moving = blobs(4), blobs(5)
    e = evaluate(fixed.shape, SPACING, fixed_labels=fixed, moving_labels=moving)
    for label in (1, 2):
        there, back = brute_force(fixed == label, moving == label, SPACING)
        assert hd95(e)[str(label)] == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
        assert hausdorff(e)[str(label)] == pytest.approx(max(there.max(), back.max()))
        assert average_surface_distance(e)[str(label)] == pytest.approx(np.concatenate([there, back]).mean())
    assert hd95(e)[""] == pytest.approx((hd95(e)["1"] + hd95(e)["2"]) / 2)
    assert hd95(e)["1"] < hausdorff(e)["1"]


def test_axes_of_the_frame_may_be_oblique(evaluate) -> None:
    fixed, moving = np.zeros((2, 6, 6), dtype=np.int16)
    fixed[1, 1] = moving[1, 4] = 1
    turned = np.array([[0.6, -0.8, 5], [0.8, 0.6, 1], [0, 0, 1]]) @ np.diag([1.0, 2.0, 1.0])
    e = evaluate((6, 6), frame=Frame((6, 6), turned), fixed_labels=fixed, moving_labels=moving)
    assert hausdorff(e)["1"] == pytest.approx(6.0)


def test_a_label_missing_from_one_is_not_a_number(evaluate) -> None:
    fixed, moving = np.zeros((2, 5, 5), dtype=np.int16)
    fixed[1, 1], fixed[3, 3], moving[3, 3] = 1, 2, 2
    values = hd95(evaluate((5, 5), fixed_labels=fixed, moving_labels=moving))
    assert math.isnan(values["1"]) and values["2"] == 0.0 and values[""] == 0.0
