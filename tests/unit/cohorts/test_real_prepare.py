"""From scans to a pair on one grid, against closed forms and a known affine map."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from wbir.anatomy.prepare import (
    align_affine,
    canonical,
    centre_on,
    content_box,
    grid,
    normalise,
    resample,
    same_size,
    thumbnail,
    top_of_head,
    union,
)
from wbir.errors import InputError
from wbir.geometry.frames import Frame

SHAPE = (7, 9, 11)


def turned_frames() -> list[Frame]:
    frames = []
    for axes in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            affine = np.eye(4)
            affine[:3, :3] = np.eye(3)[:, list(axes)] * np.multiply(signs, (1.0, 2.0, 3.0))
            affine[:3, 3] = (5, -7, 11)
            frames.append(Frame(SHAPE, affine))
    return frames


def test_canonical_axes_keep_every_voxel_where_it_was() -> None:
    array = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    for frame in turned_frames():
        turned, new = canonical(array, frame)
        assert np.all(np.diag(new.affine)[:3] > 0)
        assert np.allclose(new.affine[:3, :3], np.diag(np.diag(new.affine)[:3]))
        where = np.argwhere(turned >= 0)
        old = frame.to_voxel(new.to_world(where.astype(float)))
        assert np.allclose(old, np.round(old))
        assert np.array_equal(array[tuple(np.round(old).astype(int).T)], turned.ravel())


def test_a_linear_image_is_resampled_exactly_through_a_world_map() -> None:
    frame = Frame((20, 22, 24), np.diag([-1.0, 1.0, 1.0, 1.0]))
    slope = np.array([0.3, -0.2, 0.5])
    array = (frame.to_world(np.indices(frame.shape).reshape(3, -1).T.astype(float)) @ slope).reshape(frame.shape)
    target = Frame((5, 6, 4), np.array([[1, 0, 0, -12], [0, 1, 0, 6], [0, 0, 1, 8], [0, 0, 0, 1.0]]))
    through = np.array([[1.1, 0.1, 0, 2], [-0.1, 0.9, 0, 1], [0, 0.05, 1, -1], [0, 0, 0, 1]])
    points = target.to_world(np.indices(target.shape).reshape(3, -1).T.astype(float))
    expected = (points @ through[:3, :3].T + through[:3, 3]) @ slope
    got = resample(array, frame, target, world_map=through)
    assert np.allclose(got.ravel(), expected, atol=1e-4)


def test_labels_keep_their_type_and_values_and_outside_is_background() -> None:
    frame = Frame.of((10, 10, 10))
    labels = np.random.default_rng(0).integers(0, 33, frame.shape).astype(np.uint8)
    got = resample(labels, frame, grid((np.full(3, -5.0), np.full(3, 12.0)), 3.0, margin_mm=0), order=0)
    assert got.dtype == np.uint8 and set(np.unique(got)) <= set(np.unique(labels)) and got[0, 0, 0] == 0


def test_a_coarse_grid_does_not_alias_and_the_own_grid_is_not_smoothed() -> None:
    frame = Frame.of((32, 32, 32))
    board = (np.indices(frame.shape).sum(axis=0) % 2).astype(np.float32)
    assert np.array_equal(resample(board, frame, frame), board)
    coarse = resample(board, frame, grid((np.full(3, 8.0), np.full(3, 24.0)), 4.0, margin_mm=0))
    assert np.all(np.abs(coarse - 0.5) < 0.02)


def test_a_grid_covers_its_box_centred_at_the_spacing() -> None:
    low, high = np.array([-10.0, 3.0, 5.5]), np.array([11.0, 40.0, 9.0])
    frame = grid((low, high), 2.5, margin_mm=4.0, multiple=8)
    corners = frame.to_world(np.array([[0, 0, 0], np.array(frame.shape) - 1], dtype=float))
    assert all(n % 8 == 0 for n in frame.shape) and frame.spacing == (2.5, 2.5, 2.5)
    assert np.all(corners[0] <= low - 4) and np.all(corners[1] >= high + 4)
    assert np.allclose(corners.mean(axis=0), (low + high) / 2)
    exact = grid((np.zeros(3), np.full(3, 6.0)), 2.0, margin_mm=0)
    assert exact.shape == (4, 4, 4) and np.allclose(exact.affine[:3, 3], 0)
    with pytest.raises(InputError, match="spacing"):
        grid((low, high), 0.0, margin_mm=0)


def test_the_content_box_is_tight_and_blind_to_stray_voxels() -> None:
    frame = Frame((60, 60, 60), np.diag([2.0, 2.0, 2.0, 1.0]))
    content = np.zeros(frame.shape, dtype=bool)
    content[10:50, 20:41, 5:55] = True
    low, high = content_box(content, frame)
    assert np.array_equal(low, [20, 40, 10]) and np.array_equal(high, [98, 80, 108])
    content[0, 0, 0] = content[59, 59, 59] = True
    assert np.array_equal(content_box(content, frame), (low, high))
    with pytest.raises(InputError, match="empty"):
        content_box(np.zeros((3, 3, 3), dtype=bool), Frame.of((3, 3, 3)))


def test_boxes_join_and_grow_about_their_centres() -> None:
    boxes = [(np.zeros(3), np.array([2.0, 4.0, 6.0])), (np.ones(3), np.array([9.0, 2.0, 3.0]))]
    low, high = union(boxes)
    assert np.array_equal(low, [0, 0, 0]) and np.array_equal(high, [9, 4, 6])
    grown = same_size(boxes)
    assert np.allclose([b[1] - b[0] for b in grown], [[8, 4, 6]] * 2)
    assert np.allclose([(b[0] + b[1]) / 2 for b in grown], [(b[0] + b[1]) / 2 for b in boxes])


def test_the_top_of_a_head_ends_so_far_below_the_vertex() -> None:
    frame = Frame((4, 4, 100), np.diag([1.0, 1.0, 2.0, 1.0]))
    head = np.zeros(frame.shape, dtype=bool)
    head[:, :, :91] = True  # vertex at index 90: 180 mm
    cut, new = top_of_head(np.arange(1600.0).reshape(frame.shape), frame, head, height_mm=100.0)
    assert cut.shape == (4, 4, 60) and new.to_world(np.zeros((1, 3)))[0, 2] == 80.0
    assert cut[0, 0, 0] == 40.0
    assert top_of_head(head, frame, head, height_mm=500.0)[0].shape == frame.shape


def test_intensities_run_from_0_to_1_over_what_is_inside() -> None:
    image = np.linspace(-50, 50, 1001).reshape(7, 11, 13)
    got = normalise(image, inside=(image >= 0) & (image <= 40), percentiles=(0, 100))
    assert got.dtype == np.float32 and got.min() == 0 and got.max() == 1
    assert np.allclose(got[(image > 0) & (image < 40)], image[(image > 0) & (image < 40)] / 40)
    for flat in (np.ones((3, 3, 3)), np.empty((0, 0, 0))):
        with pytest.raises(InputError, match="contrast"):
            normalise(flat)


@pytest.mark.parametrize(("old", "new"), [(5, 9), (9, 5), (4, 9), (9, 4), (6, 6)])
def test_padding_and_cropping_keep_the_middle(old: int, new: int) -> None:
    array = np.arange(1.0, old**3 + 1).reshape(old, old, old)
    got = centre_on(array, (new, new, new), mode="constant")
    assert got.shape == (new, new, new)
    shift = (new - old) // 2
    inside = [i for i in range(old) if 0 <= i + shift < new]
    assert all(got[i + shift, i + shift, i + shift] == array[i, i, i] for i in inside)
    assert np.count_nonzero(got) == len(inside) ** 3
    back = centre_on(centre_on(array, (old + 4,) * 3), array.shape)
    assert np.array_equal(back, array)


def head(frame: Frame, world_map: np.ndarray) -> np.ndarray:
    """A lopsided phantom: Gaussian blobs in world mm, pulled back through `world_map`."""
    points = (
        frame.to_world(np.indices(frame.shape).reshape(3, -1).T.astype(float)) @ world_map[:3, :3].T + world_map[:3, 3]
    )
    blobs = [((0, 0, 0), 40, 1.0), ((35, 20, 10), 15, 0.8), ((-20, 45, -15), 12, -0.6), ((10, -40, 30), 14, 0.7)]
    values = sum(h * np.exp(-np.sum((points - np.array(c)) ** 2, axis=1) / (2 * s**2)) for c, s, h in blobs)
    return np.asarray(values, dtype=np.float32).reshape(frame.shape)


def test_a_known_affine_map_is_found_twice_the_same() -> None:
    frame = grid((np.full(3, -110.0), np.full(3, 110.0)), 8.0, margin_mm=0)
    cos, sin = np.cos(0.2), np.sin(0.2)
    truth = np.array([[1.08 * cos, -sin, 0.03, 6], [sin, 0.95 * cos, 0, -9], [0.04, 0, 1.03, 12], [0, 0, 0, 1]])
    moving = thumbnail(head(frame, np.eye(4)), frame, spacing=8.0)
    fixed = thumbnail(head(frame, truth), frame, spacing=8.0)  # fixed(x) = moving(truth x)
    found = align_affine(fixed, moving)
    corners = np.array([[*c, 1.0] for c in itertools.product((-60, 60), repeat=3)])
    before = np.linalg.norm(corners - corners @ truth.T, axis=1).mean()
    error = np.linalg.norm(corners @ found.T - corners @ truth.T, axis=1)
    assert before > 15 and error.max() < 2.0  # a quarter of a voxel
    assert found.tobytes() == align_affine(fixed, moving).tobytes()


def test_an_image_of_nothing_cannot_be_aligned() -> None:
    frame = Frame.of((12, 12, 12), 8.0)
    with pytest.raises(InputError, match="affine"):
        align_affine((np.zeros(frame.shape, dtype=np.float32), frame), (np.zeros(frame.shape, dtype=np.float32), frame))
