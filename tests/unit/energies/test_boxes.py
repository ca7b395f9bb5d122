"""Boxes of labels: exact faces, exact parts of voxels, errors within their bounds and no longer than asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wbir.energies.boxes import box_masks, boxes_of, misplaced
from wbir.errors import InputError

LABELS = np.zeros((5, 6, 7), dtype=np.int16)
LABELS[1:3, 2, 3:6] = 1
LABELS[4, 0, 0] = 3
LABELS[0, 5, 6] = 3  # a second part of the same organ
CLASSES = (1, 2, 3)


def test_tight_boxes_hold_all_voxels_of_a_label_and_nothing_more() -> None:
    boxes = boxes_of(LABELS, CLASSES)
    np.testing.assert_array_equal(boxes[0], [[0.5, 2.5], [1.5, 2.5], [2.5, 5.5]])
    np.testing.assert_array_equal(boxes[2], [[-0.5, 4.5], [-0.5, 5.5], [-0.5, 6.5]])
    assert np.isnan(boxes[1]).all() and boxes.dtype == np.float32


def test_the_order_is_that_of_the_classes() -> None:
    np.testing.assert_array_equal(boxes_of(LABELS, (3, 1)), boxes_of(LABELS, (1, 3))[::-1])


def test_masks_of_tight_boxes_are_the_filled_boxes() -> None:
    masks = box_masks(torch.from_numpy(boxes_of(LABELS, CLASSES))[None], LABELS.shape)
    expected = torch.zeros(1, 3, 5, 6, 7)
    expected[0, 0, 1:3, 2, 3:6] = 1
    expected[0, 2] = 1
    torch.testing.assert_close(masks, expected, rtol=0, atol=0)


def test_a_mask_is_the_part_of_each_voxel_in_the_box() -> None:
    box = torch.tensor([[[[0.75, 2.0], [-3.0, 0.0]]]])
    along = torch.tensor([0, 0.75, 0.5])  # voxel 1 is [0.5, 1.5], voxel 2 [1.5, 2.5]
    across = torch.tensor([0.5, 0])  # voxel 0 is [-0.5, 0.5]; what lies outside the grid is not seen
    torch.testing.assert_close(box_masks(box, (3, 2))[0, 0], along[:, None] * across)
    inside = torch.tensor([[[[0.2, 3.1], [0.6, 4.0], [1.0, 1.3]]]])
    assert float(box_masks(inside, (5, 6, 7)).sum()) == pytest.approx(2.9 * 3.4 * 0.3, rel=1e-5)


def test_an_error_moves_each_face_by_its_own_part_of_the_side() -> None:
    boxes = np.broadcast_to(np.array([[0.0, 10.0], [5.0, 45.0]], dtype=np.float32), (4000, 2, 2))
    moved = misplaced(boxes, 0.05, np.random.default_rng(0)) - boxes
    assert np.abs(moved[:, 0]).max() <= 0.5 and np.abs(moved[:, 1]).max() <= 2.0
    np.testing.assert_allclose(moved.std(0), np.array([[1, 1], [4, 4]]) / np.sqrt(12), rtol=0.05)
    assert abs(np.corrcoef(moved[:, 0].T)[0, 1]) < 0.05
    np.testing.assert_array_equal(misplaced(boxes, 0.0, np.random.default_rng(0)), boxes)


def test_a_box_of_an_organ_that_is_not_there_stays_so() -> None:
    assert np.isnan(misplaced(boxes_of(LABELS, (2,)), 0.05, np.random.default_rng(0))).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: boxes_of(LABELS.astype(float), CLASSES),
        lambda: boxes_of(LABELS, (0, 1)),
        lambda: misplaced(np.zeros((1, 3, 2)), 0.5, np.random.default_rng(0)),
        lambda: box_masks(torch.zeros(1, 2, 3, 2), (4, 4)),
    ],
)
def test_unfit_arguments_are_told(call) -> None:
    with pytest.raises(InputError):
        call()
