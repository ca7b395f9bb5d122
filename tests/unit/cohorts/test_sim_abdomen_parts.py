"""The abdomen's building blocks against closed forms, and the comparison with real label maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wbir.anatomy.abdomen_comparison import read_learn2reg, summarise, table
from wbir.anatomy.abdomen_person import ORGANS, draw_person
from wbir.anatomy.abdomen_scan import ALIGNMENT, COMPONENTS, draw_warp
from wbir.anatomy.abdomen_solids import (
    axes_of,
    cut,
    ellipsoid,
    grown,
    size_for,
    smooth_maximum,
    smooth_minimum,
    tube,
    union,
    within,
)
from wbir.anatomy.seeds import named_generator
from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.images import write_image


def test_volumes_are_those_of_the_closed_forms() -> None:
    turned = axes_of((1, 2, 0.5), (0, 1, 3))
    assert np.allclose(turned @ turned.T, np.eye(3))
    for axes in (None, turned):
        assert ellipsoid((5, -3, 8), (30, 20, 10), axes).volume() == pytest.approx(4 / 3 * np.pi * 6, rel=0.02)
    pill = tube([(0, 0, 0, 10), (0, 0, 50, 10)])
    assert pill.volume(1.0) == pytest.approx(np.pi * 100 * (50 + 40 / 3) / 1000, rel=0.02)
    half = within(ellipsoid((0, 0, 0), (20, 20, 20)), lambda p: p[2])
    assert half.volume(0.5) == pytest.approx(2 / 3 * np.pi * 8, rel=0.02)
    ball, hole = ellipsoid((0, 0, 0), (20, 20, 20)), ellipsoid((0, 0, 0), (10, 10, 10))
    assert cut(ball, hole).volume(0.7) == pytest.approx(4 / 3 * np.pi * 7, rel=0.02)
    assert union(hole, ellipsoid((50, 0, 0), (10, 10, 10))).volume(0.7) == pytest.approx(8 / 3 * np.pi, rel=0.03)
    s = size_for(lambda s: ellipsoid((0, 0, 0), (20 * s, 20 * s, 20 * s)), 100.0, 3.0)
    assert 4 / 3 * np.pi * (2 * s) ** 3 == pytest.approx(100, rel=0.02)


def test_depths_are_distances_to_the_surface() -> None:
    ball = ellipsoid((1, 2, 3), (20, 20, 20))
    points = np.random.default_rng(0).uniform(-30, 30, (3, 200)).astype(np.float32)
    distance = np.linalg.norm(points - np.array([[1], [2], [3]]), axis=0)
    assert np.allclose(ball.depth(points), 20 - distance, atol=1e-3)
    assert np.allclose(grown(ball, 3.0).depth(points), 23 - distance, atol=1e-3)
    assert np.allclose(grown(ball, 3.0).box, [[-22, -21, -20], [24, 25, 26]])
    cone = tube([(0, 0, 0, 5), (0, 0, 100, 15)], step=200)
    middle = np.array([[8.0], [0.0], [50.0]], np.float32)
    assert cone.depth(middle) == pytest.approx(10 - 8)
    egg = ellipsoid((0, 0, 0), (40, 20, 10))  # first order: true where the surface is near
    assert egg.depth(np.array([[39.0, 0, 0], [0, 21, 0], [0, 0, 9.5]]).astype(np.float32)) == pytest.approx(
        [1, -1, 0.5], abs=0.02
    )


def test_rounded_edges_stay_within_a_quarter_of_their_width() -> None:
    a, b = np.random.default_rng(1).normal(0, 10, (2, 100))
    low, high = smooth_minimum(a, b, 8.0), smooth_maximum(a, b, 8.0)
    assert np.all(low <= np.minimum(a, b)) and np.all(low >= np.minimum(a, b) - 2)
    assert np.all(high >= np.maximum(a, b)) and np.all(high <= np.maximum(a, b) + 2)
    assert np.array_equal(smooth_minimum(np.zeros(1), np.full(1, 9.0), 8.0), [0.0])


def test_a_warp_bends_smoothly_and_its_boxes_hold_what_they_should() -> None:
    warp = draw_warp(COMPONENTS, ALIGNMENT, named_generator(0, "x", "warp"))
    frame = Frame((24, 20, 32), np.array([[16.0, 0, 0, -184], [0, 16, 0, -152], [0, 0, 16, -248], [0, 0, 0, 1]]))
    points = warp.points(frame)
    world = np.stack(
        np.meshgrid(*(frame.affine[a, 3] + 16 * np.arange(frame.shape[a]) for a in range(3)), indexing="ij")
    )
    on_grid = warp.frame.to_voxel(np.array([[-8.0, 16.0, 24.0]]))[0]
    assert np.allclose(on_grid, np.rint(on_grid))
    there = Frame((1, 1, 1), np.array([[1.0, 0, 0, -8], [0, 1, 0, 16], [0, 0, 1, 24], [0, 0, 0, 1]]))
    known = warp.displacement[(slice(None), *np.rint(on_grid).astype(int))] + [-8, 16, 24]
    assert np.allclose(warp.points(there).ravel(), known, atol=1e-3)
    jacobian = np.stack(np.gradient(points, 16.0, axis=(1, 2, 3)), axis=1)
    assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1))).min() > 0.3
    for low, high in (((-20.0, 0.0, 10.0), (0.0, 25.0, 30.0)), ((-150.0, -100.0, -200.0), (150.0, 100.0, 200.0))):
        inside = np.all([(points[a] >= low[a]) & (points[a] <= high[a]) for a in range(3)], axis=0)
        start, end = warp.cover(np.array(low), np.array(high))
        assert inside.any()
        for a in range(3):
            assert world[a][inside].min() >= start[a] and world[a][inside].max() <= end[a]


def test_people_differ_within_healthy_limits() -> None:
    people = [draw_person(0, f"person-{n}") for n in range(200)]
    liver = np.array([p.volumes[6] for p in people])
    assert np.mean(liver) == pytest.approx((1411 + 1710) / 2, rel=0.05) and liver.min() > 900 and liver.max() < 2700
    kidneys = np.array([[p.volumes[2], p.volumes[3]] for p in people])
    assert np.corrcoef(np.log(kidneys.T))[0, 1] > 0.5
    assert 0.35 < np.mean([p.male for p in people]) < 0.65


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # one organ is in neither
def test_the_summary_counts_measures_and_overlaps() -> None:
    one = np.zeros((10, 10, 10), np.int16)
    other = one.copy()
    one[:4, 2:4, 2:4], other[2:6, 2:4, 2:4] = 6, 6
    one[9, 9, 9] = 4
    one[0, 0, :9] = other[0, 0, :9] = [label for label in ORGANS if label not in (1, 3, 4, 6)]
    other[5, 5, 5] = 3
    summary = summarise([one, other], Frame.of(one.shape, (10.0, 5.0, 2.0)))
    assert summary.volumes[:, 5] == pytest.approx([1.6, 1.6]) and np.isnan(summary.volumes[1, 3])
    assert summary.centres[0, 5] == pytest.approx([10 * (1.5 - 4.5), 5 * (2.5 - 4.5), 2 * (2.5 - 4.5)])
    assert summary.dice.shape == (1, 13) and summary.dice[0, 5] == 0.5 and summary.dice[0, 3] == 0
    assert np.isnan(summary.dice[0, 0]) and summary.mean_dice() == pytest.approx(100 * (9 + 0.5) / 12)
    text = table({"a": summary, "b": summary})
    assert "| liver | 1.6 (1.6 to 1.6) | 1.6 (1.6 to 1.6) |" in text and text.count("\n") == 15


def test_label_maps_are_turned_to_the_right(tmp_path: Path) -> None:
    labels = np.zeros((6, 4, 4), np.int16)
    labels[0, 1, 1], labels[5, 1, 1], labels[1, 0, 0], labels[4, 0, 0] = 6, 1, 2, 3
    labels[2:4, 3, 0], labels[2:4, 0, 3] = 11, 5
    write_image(tmp_path / "0001.nii.gz", labels, Frame.of(labels.shape, 2.0))
    maps, frame = read_learn2reg(tmp_path)
    assert np.array_equal(maps[0], labels[::-1]) and frame.spacing == (2.0, 2.0, 2.0)
    with pytest.raises(InputError):
        read_learn2reg(tmp_path / "nowhere")


def test_real_maps_have_our_numbers_on_the_same_sides(real_data: Path) -> None:
    """Label 12 lies on the liver's side in all 15: it is the right adrenal gland, whatever the data set's list of names says."""
    if not (real_data / "abdomen-labels").is_dir():
        pytest.skip("no abdomen-labels in WBIR_REAL_DATA")
    maps, frame = read_learn2reg(real_data / "abdomen-labels")
    summary = summarise([np.ascontiguousarray(m[::2, ::2, ::2]) for m in maps], Frame.of((96, 80, 128), 4.0))
    assert len(maps) == 15 and frame.shape == (192, 160, 256)
    right = {name: summary.centres[:, label - 1, 0] for label, name in ORGANS.items()}
    for name in ("liver", "right kidney", "right adrenal gland", "inferior vena cava"):
        assert np.all(right[name] > right["aorta"]), name
    for name in ("spleen", "left kidney", "left adrenal gland"):
        assert np.all(right[name] < right["aorta"]), name
    assert summary.mean_dice() == pytest.approx(18.7, abs=0.3)
