"""The truth of the simulated cohorts against resamplers that the simulators do not use."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from wbir.cases import Case, Cohort


def build(name: str, folder: Path, **changes: object) -> Cohort:
    module = importlib.import_module(f"wbir.cohorts.{name}")
    folder.mkdir()
    module.build(folder, source="simulated", data=None, seed=3, **{**module.COHORT["parameters"], **changes})
    return Cohort.open(folder)


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("heads") / "c"
    return build("multimodal_brains", folder, subjects=1, spacing=4.0)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("people") / "c"
    groups = [{"group": "old", "moving_ages": [60], "fixed_age": 20}]
    return build("inter_subject_brains", folder, spacing=4.0, noise=0.0, bias=0.0, groups=groups)


def through_sitk(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Resample by a voxel-to-voxel matrix with SimpleITK's B-spline; NaN where it leaves the image."""
    import SimpleITK as sitk

    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel())
    transform.SetTranslation(matrix[:3, 3])
    volume = sitk.GetImageFromArray(np.ascontiguousarray(image.T))
    return sitk.GetArrayFromImage(sitk.Resample(volume, transform, sitk.sitkBSpline, float("nan"), sitk.sitkFloat32)).T


def inner(matrix: np.ndarray, shape: tuple[int, ...], margin: float = 3.0) -> np.ndarray:
    points = np.einsum("ij,j...->i...", matrix[:3, :3], np.indices(shape)) + matrix[:3, 3].reshape(3, 1, 1, 1)
    return np.all([(p > margin) & (p < n - 1 - margin) for p, n in zip(points, shape, strict=True)], axis=0)


@pytest.mark.parametrize("letter", "TFCP")
def test_truth_matrix_takes_the_untransformed_image_to_the_transformed_one(heads: Cohort, letter: str) -> None:
    reference = next(c for c in heads if c.attributes["order"].startswith(f"{letter} to"))
    floating = next(
        c for c in heads if c.attributes["order"].endswith(f"to {letter}")
    ).moving  # the same modality, not moved
    matrix = reference.truth_matrix
    assert matrix is not None
    here = inner(matrix, reference.fixed.shape)
    assert here.mean() > 0.1
    error = np.abs(through_sitk(floating, matrix) - reference.fixed)[here]
    assert error.mean() < 2e-3 and np.quantile(error, 0.99) < 0.02
    back = np.linalg.inv(matrix)
    there = inner(back, reference.fixed.shape)
    assert np.abs(through_sitk(floating, back) - reference.fixed)[there].mean() > 10 * error.mean()


def test_motions_are_rigid_about_the_centre_within_the_shift(heads: Cohort) -> None:
    rotations = []
    for case in heads:
        matrix = case.truth_matrix
        assert matrix is not None
        np.testing.assert_allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-7)
        assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)
        world = case.frame.affine @ matrix @ np.linalg.inv(case.frame.affine)
        centre = np.array([0.0, -18.0, 8.0, 1.0])  # of the field of view, MNI mm
        assert np.abs((world @ centre - centre)[:3]).max() <= 30.0 + 1e-3
        rotations.append(matrix[:3, :3])
    assert len(rotations) == 12 and len({np.round(r, 6).tobytes() for r in rotations}) == 12


def test_each_unordered_pair_has_both_orders(heads: Cohort) -> None:
    counts = {name: len(heads.select(modalities=name)) for name in ("T/F", "T/C", "T/P", "F/C", "F/P", "C/P")}
    assert counts == dict.fromkeys(counts, 2)
    assert heads.case("s01-P-T").attributes["order"] == "P to T" and heads.case("s01-P-T").attributes["subject"] == "01"
    assert heads.case("s01-P-T").frame.shape == (38, 38, 38)


def test_motions_stay_when_other_pairs_are_left_out(heads: Cohort, tmp_path: Path) -> None:
    alone = build("multimodal_brains", tmp_path / "c", subjects=1, spacing=4.0, ordered_pairs=["C to P"]).case(
        "s01-C-P"
    )
    np.testing.assert_array_equal(alone.fixed, heads.case("s01-C-P").fixed)


def warped(case: Case, order: int = 3) -> np.ndarray:
    assert case.truth is not None
    points = np.indices(case.frame.shape) + case.truth
    return ndimage.map_coordinates(case.moving, points, order=order, mode="nearest")


def test_truth_of_slices_shows_the_fixed_image(tmp_path: Path) -> None:
    case = build("brain_slices", tmp_path / "c", noise=0.0, bias=0.0).case("brain-morph")
    before, after = (float(((image - case.fixed) ** 2).mean()) for image in (case.moving, warped(case)))
    assert after < 0.02 * before
    assert case.truth is not None and case.truth[:, [0, -1]].max() == 0 == case.truth[:, :, [0, -1]].max()
    assert 1 < np.abs(case.truth).max() < 12


def test_truth_of_subjects_shows_the_fixed_image(people: Cohort) -> None:
    case = people.case("old-01")
    assert case.fixed_labels is not None and case.moving_labels is not None and case.truth is not None
    before, after = (float(((image - case.fixed) ** 2).mean()) for image in (case.moving, warped(case)))
    assert after < 0.1 * before
    points = np.indices(case.frame.shape) + case.truth
    labels = ndimage.map_coordinates(case.moving_labels, points, order=0)
    for label in people.label_names():
        a, b, c = case.fixed_labels == label, labels == label, case.moving_labels == label
        moved, still = 2 * (a & b).sum() / (a.sum() + b.sum()), 2 * (a & c).sum() / (a.sum() + c.sum())
        assert moved > still + 0.1 and moved > 0.6


def test_residual_of_the_truth_is_on_the_card(people: Cohort) -> None:
    residuals = json.loads((people.folder / "card.json").read_text())["truth_residual_voxels"]
    assert list(residuals) == ["old-01"] and 0 < residuals["old-01"] < 0.05


def test_hippocampi_lie_left_and_right(people: Cohort) -> None:
    case = people.case("old-01")
    assert case.fixed_labels is not None
    for label, side in ((3, -1), (4, 1)):
        world = case.frame.to_world(np.argwhere(case.fixed_labels == label).astype(float))
        assert 15 < side * world[:, 0].mean() < 35 and 1500 < len(world) * 4.0**3 < 6000  # mm to the side; mm^3
