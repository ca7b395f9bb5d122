"""Another spacing: places in the world stay, labels stay whole, the true map is the same map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from wbir.cases import Case, Cohort, CohortWriter
from wbir.cohorts import resampled as module
from wbir.cohorts.resampled import coarser, resampled, unit_range
from wbir.discovery import describe
from wbir.errors import InputError
from wbir.geometry.frames import Frame

SHAPE, SPACING = (24, 20, 16), (1.0, 1.0, 2.0)
AFFINE = np.array([[0, -1.0, 0, 5], [1.0, 0, 0, -7], [0, 0, 2.0, 3], [0, 0, 0, 1]])  # axes turned in the world
FRAME = Frame(SHAPE, AFFINE)
GRID = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij")).astype(float)
MATRIX = np.array([[1.05, 0.02, 0, -0.5], [-0.03, 0.98, 0.04, 0.3], [0, 0.01, 1.02, 0.2], [0, 0, 0, 1]])


def world_ramp(frame: Frame) -> np.ndarray:
    """A linear function of the place in the world."""
    places = frame.to_world(np.indices(frame.shape).reshape(3, -1).T.astype(float))
    return (places @ np.array([0.3, -0.2, 0.1])).reshape(frame.shape).astype(np.float32)


def make_case() -> Case:
    truth = np.tensordot(MATRIX[:3, :3], GRID, 1) + MATRIX[:3, 3].reshape(3, 1, 1, 1) - GRID
    labels = np.zeros(SHAPE, np.int16)
    labels[4:20, 4:16, 3:13], labels[8:16, 8:12, 6:10] = 1, 2
    points = np.array([[5.0, 6, 7], [12, 10, 8]])
    return Case(
        "pair", FRAME, world_ramp(FRAME), 2 * world_ramp(FRAME), labels, labels, labels > 0, labels > 0, points,
        points @ MATRIX[:3, :3].T + MATRIX[:3, 3], truth.astype(np.float32), MATRIX, {"split": "test", "fold": "1"},
    )  # fmt: skip


def test_the_grid_keeps_the_middle_the_axes_and_the_field_of_view() -> None:
    target = coarser(FRAME, 2.5)
    assert target.shape == (10, 8, 13) and target.spacing == pytest.approx((2.5, 2.5, 2.5))
    middles = [f.to_world((np.array(f.shape) - 1)[None] / 2) for f in (FRAME, target, coarser(FRAME, 2.5, [6, 20, 7]))]
    np.testing.assert_allclose(middles, [middles[0]] * 3, atol=1e-12)
    assert coarser(FRAME, 2.5, [6, 20, 7]).shape == (6, 20, 7)
    # the printed sizes at 1.5 mm from a field of view of 230 x 230 x 187 mm
    native = Frame.of((512, 512, 208), (0.4492, 0.4492, 0.9))
    assert coarser(native, 1.5).shape == (153, 153, 125)


@pytest.mark.parametrize("spacing", [1.6, 3.0])
def test_everything_keeps_its_place(spacing: float) -> None:
    case = make_case()
    target = coarser(case.frame, spacing)
    found = resampled(case, target, majority=True)
    inner = (slice(3, -3),) * 3
    np.testing.assert_allclose(found.fixed[inner], world_ramp(target)[inner], atol=2e-4)
    np.testing.assert_allclose(target.to_world(found.moving_points), FRAME.to_world(case.moving_points), atol=1e-9)
    grid = np.indices(target.shape).astype(float)
    own = found.truth_matrix
    linear = np.tensordot(own[:3, :3], grid, 1) + own[:3, 3].reshape(3, 1, 1, 1) - grid
    np.testing.assert_allclose(found.truth[:, 1:-1, 1:-1, 1:-1], linear[:, 1:-1, 1:-1, 1:-1], atol=1e-4)
    # a place in the world goes where it went
    voxel = np.array([[2.0, 3.0, 2.0, 1.0]])
    old = np.linalg.inv(FRAME.affine) @ target.affine @ voxel[0]
    np.testing.assert_allclose(FRAME.affine @ MATRIX @ old, target.affine @ own @ voxel[0], atol=1e-9)


def test_the_same_spacing_changes_nothing() -> None:
    frame = Frame.of(SHAPE, 1.0)
    case = Case("pair", frame, world_ramp(frame), world_ramp(frame), truth=np.ones((3, *SHAPE), np.float32))
    found = resampled(case, coarser(frame, 1.0), majority=True)
    np.testing.assert_allclose(found.fixed, case.fixed, atol=1e-5)
    np.testing.assert_allclose(found.truth, case.truth, atol=1e-6)


def test_a_majority_is_most_of_the_voxel() -> None:
    """Blocks of 2 voxels: three quarters decide, whatever lies at the centre's nearest voxel."""
    frame, rng = Frame.of((24, 24, 24), 1.0), np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.normal(size=(24, 24, 24)), 3)
    labels = (smooth > 0).astype(np.int16) * 3
    case = Case("pair", frame, smooth.astype(np.float32), smooth.astype(np.float32), fixed_labels=labels)
    found = resampled(case, coarser(frame, 2.0), majority=True).fixed_labels
    assert found is not None and set(np.unique(found)) == {0, 3}
    share = (labels.reshape(12, 2, 12, 2, 12, 2) == 3).mean((1, 3, 5))
    clear = (share <= 0.25) | (share >= 0.75)
    assert np.mean((found == 3)[clear] == (share > 0.5)[clear]) > 0.98
    nearest = resampled(case, coarser(frame, 2.0), majority=False).fixed_labels
    assert nearest is not None and nearest.dtype == np.int16 and set(np.unique(nearest)) == {0, 3}


def test_intensities_go_from_0_to_1() -> None:
    image = np.array([[2.0, 4.0], [3.0, 6.0]], np.float32)
    assert unit_range(image).tolist() == [[0.0, 0.5], [0.25, 1.0]]
    with pytest.raises(InputError, match="contrast"):
        unit_range(np.ones((3, 3), np.float32))


def test_a_build_keeps_attributes_and_refuses_unfit_parameters(tmp_path: Path) -> None:
    writer = CohortWriter(tmp_path / "base", {"title": "base"}, {1: "a", 2: "b"})
    writer.add(make_case())
    writer.close()
    known = describe("cohorts", "resampled")["parameters"] | {"spacing": 2.0}

    def build(name: str, **changes: object) -> Cohort:
        module.build(tmp_path / name, source="derived", data=tmp_path / "base", seed=0, **known | changes)  # type: ignore[arg-type]
        return Cohort.open(tmp_path / name)

    case = build("out", shape=[8, 8, 8]).case("pair")
    assert case.attributes == {"split": "test", "fold": "1", "spacing": "2"} and case.frame.shape == (8, 8, 8)
    assert (case.moving.min(), case.moving.max()) == (0, 1)
    for changes in ({"spacing": 0.0}, {"shape": [8, 8]}, {"labels": "mean"}):
        with pytest.raises(InputError):
            build("no", **changes)
