"""Alignment before a network: known motions are found and taken out of images, labels, points and truth alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from wbir.cases import Case, Cohort, CohortWriter
from wbir.cohorts import prealigned
from wbir.cohorts.prealigned import Corrector, linear_map, moved_by, stripped
from wbir.discovery import describe
from wbir.errors import InputError
from wbir.files import read_rows
from wbir.geometry.frames import Frame
from wbir.geometry.rigid import about_centre, rotation_from_euler
from wbir.geometry.warping import warp

SHAPE = (28, 30, 26)
GRID = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij")).astype(float)
STAGES = {"iterations": [100], "bins": 32, "sampling": 0.5}


def pattern(points: np.ndarray) -> np.ndarray:
    """A head in closed form, unlike itself in any other pose, 0 towards the border: voxels `(3, *shape)` to `shape`."""
    total = np.zeros(points.shape[1:])
    for centre, radii, height in (
        ((14, 15, 13), (9, 11, 8), 1.0),
        ((11, 12, 14), (3, 4, 3), -0.5),
        ((17, 17, 11), (3, 5, 3), 0.7),
        ((14, 21, 14), (2, 2, 4), 0.4),
    ):
        shifted = (points - np.array(centre).reshape(3, 1, 1, 1)) / np.array(radii).reshape(3, 1, 1, 1)
        total += height / (1 + np.exp(6 * (np.linalg.norm(shifted, axis=0) - 1)))
    return total.astype(np.float32)


def through(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.tensordot(matrix[:3, :3], points, 1) + matrix[:3, 3].reshape(3, 1, 1, 1)


def motion(scale: float = 1.0) -> np.ndarray:
    turn = rotation_from_euler(torch.tensor([0.10, -0.07, 0.12], dtype=torch.float64))
    stretch = torch.diag(torch.tensor([scale, 1.0, 1 / scale], dtype=torch.float64))
    return about_centre(turn @ stretch, SHAPE, torch.tensor([1.2, -0.8, 0.5], dtype=torch.float64)).numpy()


def moved_case(matrix: np.ndarray, name: str = "pair", split: str = "test") -> Case:
    """The moving image is the pattern, the fixed one the pattern read through `matrix`; so `matrix` is the true map."""
    fixed, moving = pattern(through(matrix, GRID)), pattern(GRID)
    labels = [np.digitize(image, [0.3, 0.7]).astype(np.int16) for image in (fixed, moving)]
    points = np.random.default_rng(0).uniform(8, 18, (5, 3))
    return Case(
        name, Frame.of(SHAPE, 2.0), fixed, moving, labels[0], labels[1], labels[0] > 0, labels[1] > 0,
        points, points @ matrix[:3, :3].T + matrix[:3, 3], (through(matrix, GRID) - GRID).astype(np.float32), matrix,
        {"split": split, "age": "4"},
    )  # fmt: skip


def test_the_true_map_takes_all_of_itself_away() -> None:
    case = moved_case(motion(1.1))
    found = moved_by(case, motion(1.1))
    assert np.abs(found.truth).max() < 1e-5
    np.testing.assert_allclose(found.truth_matrix, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(found.moving_points, found.fixed_points, atol=1e-12)
    inner = (slice(4, -4),) * 3
    np.testing.assert_allclose(found.moving[inner], case.fixed[inner], atol=0.12)  # one linear interpolation
    assert np.mean(np.abs(found.moving - case.fixed)[inner]) < 0.01
    assert np.mean(found.moving_labels == case.fixed_labels) > 0.97
    assert np.mean(found.moving_mask == case.fixed_mask) > 0.98
    assert found.moving_mask.dtype == bool and found.moving_labels.dtype == np.int16


def test_any_other_map_leaves_the_rest_exactly() -> None:
    """The moved image by the truth that is left is the old image by the old truth."""
    case, half = moved_case(motion(1.1)), motion(1.05)
    found = moved_by(case, half)
    residual = np.linalg.inv(half) @ motion(1.1)
    np.testing.assert_allclose(found.truth_matrix, residual, atol=1e-12)
    np.testing.assert_allclose(found.truth, through(residual, GRID) - GRID, atol=1e-5)
    warped = warp(torch.from_numpy(found.moving)[None, None], torch.from_numpy(found.truth)[None])[0, 0].numpy()
    inner = (slice(4, -4),) * 3
    assert (
        np.mean(np.abs(warped - case.fixed)[inner])
        < 0.015
        < 0.1 * np.mean(np.abs(case.moving - case.fixed)[inner]) * 10
    )


def test_a_case_without_extras_stays_without() -> None:
    plain = Case("plain", Frame.of(SHAPE, 2.0), pattern(GRID), pattern(GRID))
    found = moved_by(plain, motion())
    assert found.truth is None and found.moving_labels is None and found.moving_points is None
    assert stripped(plain).moving is plain.moving


# ANTs' affine descent is slow on so small a grid
@pytest.mark.parametrize(("transform", "scale", "tolerance"), [("rigid", 1.0, 0.4), ("affine", 1.1, 1.5)])
def test_ants_finds_a_known_motion(transform: str, scale: float, tolerance: float) -> None:
    case, matrix = moved_case(motion(scale)), motion(scale)
    found = linear_map(case, transform, seed=1, **STAGES)  # type: ignore[arg-type]
    corners = np.array([[8.0, 8, 8], [20, 8, 8], [8, 22, 8], [8, 8, 18], [20, 22, 18]])

    def furthest(other: np.ndarray) -> float:
        """Voxels between two maps at the corners of the head."""
        difference = other - matrix
        return float(np.linalg.norm(corners @ difference[:3, :3].T + difference[:3, 3], axis=1).max())

    assert furthest(found) < tolerance < 0.6 * furthest(np.eye(4))
    stretches = np.linalg.svd(found[:3, :3], compute_uv=False)
    assert np.allclose(stretches, 1, atol=1e-6) == (transform == "rigid")
    assert found.tobytes() == linear_map(case, transform, seed=1, **STAGES).tobytes()  # type: ignore[arg-type]


def test_n4_takes_a_smooth_field_away_and_knows_a_scan_again() -> None:
    clean = moved_case(np.eye(4))
    inside = clean.fixed > 0.3
    tissue = np.where(clean.fixed > 1.2, 2.0, 1.0).astype(np.float32)
    scan = tissue * np.exp(0.4 * (GRID[0] - 14) / 9).astype(np.float32)
    case = Case("bias", clean.frame, scan, scan, fixed_mask=inside, moving_mask=inside)
    corrector = Corrector(iterations=[50, 50], shrink=2, spacing=100.0)
    found = corrector.case(case)
    assert len(corrector.known) == 1 and found.fixed is found.moving, "the same scan twice"

    def spread(image: np.ndarray) -> float:
        return float(np.std(np.log(image[inside] / tissue[inside])))

    assert spread(found.fixed) < 0.3 * spread(case.fixed)


def test_a_build_notes_times_and_keeps_what_the_base_says(tmp_path: Path) -> None:
    writer = CohortWriter(tmp_path / "base", {"title": "base"}, {1: "a", 2: "b"})
    writer.add(moved_case(motion(), "one", "train"))
    writer.close()
    spec = describe("cohorts", "prealigned")
    parameters = {**spec["parameters"], "bias_correction": False, "transform": "none"}
    prealigned.build(tmp_path / "out", source="derived", data=tmp_path / "base", seed=0, **parameters)
    cohort = Cohort.open(tmp_path / "out")
    case, base = cohort.case("one"), Cohort.open(tmp_path / "base").case("one")
    assert case.attributes == {"split": "train", "age": "4", "prealignment": "none"}
    assert np.all(case.moving[~base.moving_mask] == 0) and np.array_equal(
        case.moving[base.moving_mask], base.moving[base.moving_mask]
    )
    assert np.array_equal(case.truth, base.truth)
    assert read_rows(tmp_path / "out/timings.csv") == [
        {"case": "one", "metric": "prealignment_seconds", "value": "0", "unit": "s"}
    ]
    with pytest.raises(InputError, match="spline"):
        prealigned.build(
            tmp_path / "no", source="derived", data=tmp_path / "base", seed=0, **parameters | {"transform": "spline"}
        )
