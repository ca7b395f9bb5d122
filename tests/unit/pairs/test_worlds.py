"""Pairs on unlike grids against SimpleITK and the closed form: wherever the axes point, the world is right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from known_pair import DIRECTIONS, centred_frame, true_map, write_pair

from wbir.files import read_rows
from wbir.images import read_image

SimpleITK = pytest.importorskip("SimpleITK")
GRIDS = [(a, b, 3) for a, b in zip(DIRECTIONS, DIRECTIONS[1:] + DIRECTIONS[:1], strict=True)]
GRIDS += [("LAS", "oblique", 2), ("oblique", "LPS", 2)]


def values(folder: Path, stage: str) -> dict[tuple[str, str], float]:
    rows = read_rows(folder / "measurements.csv")
    return {(r["metric"], r["label"]): float(r["value"]) for r in rows if r["stage"] == stage and r["value"]}


def their_warp(files, moving: str, interpolator: int, outside: float):  # type: ignore[no-untyped-def]
    """SimpleITK's resampling of a file of ours by the field in a file of ours."""
    field = SimpleITK.ReadImage(files / "truth.nii.gz", SimpleITK.sitkVectorFloat64)
    resampler = SimpleITK.ResampleImageFilter()
    resampler.SetReferenceImage(SimpleITK.ReadImage(files / "fixed.nii.gz"))
    resampler.SetTransform(SimpleITK.DisplacementFieldTransform(field))
    resampler.SetInterpolator(interpolator)
    resampler.SetDefaultPixelValue(outside)
    return resampler.Execute(SimpleITK.ReadImage(files / moving))


@pytest.mark.parametrize(("fixed", "moving", "dim"), GRIDS)
def test_a_known_field_is_scored_and_warped_as_simpleitk_does(fixed, moving, dim, tmp_path, wbir):
    files = write_pair(tmp_path, centred_frame("fixed", fixed, dim), centred_frame("moving", moving, dim))
    labels = ("--fixed-labels", files / "fixed_labels.nii.gz", "--moving-labels", files / "moving_labels.nii.gz")
    points = ("--fixed-points", files / "fixed.csv", "--moving-points", files / "moving.csv")
    images = ("--fixed", files / "fixed.nii.gz", "--moving", files / "moving.nii.gz")
    wbir("evaluate", files / "truth.nii.gz", *images, *labels, *points, "--out", files / "out")
    before, after = values(tmp_path / "out", "before"), values(tmp_path / "out", "after")

    world = files.fixed.to_world(np.loadtxt(files / "fixed.csv", delimiter=",", ndmin=2))
    known = np.linalg.norm(true_map(world) - world, axis=1).mean()
    assert before["tre", ""] == pytest.approx(known, rel=1e-5) and known > 1
    assert after["tre", ""] < 1e-4

    ours, _ = read_image(tmp_path / "out" / "warped.nii.gz")
    least = float(read_image(files / "moving.nii.gz")[0].min())
    theirs = SimpleITK.GetArrayFromImage(their_warp(files, "moving.nii.gz", SimpleITK.sitkLinear, least)).T
    np.testing.assert_allclose(ours, theirs, atol=2e-3)

    mine, _ = read_image(tmp_path / "out" / "warped_labels.nii.gz", dtype=np.int16)
    warped = their_warp(files, "moving_labels.nii.gz", SimpleITK.sitkNearestNeighbor, 0)
    assert np.mean(mine != SimpleITK.GetArrayFromImage(warped).T) < 1e-3  # halves of a voxel round either way
    overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlap.Execute(
        SimpleITK.ReadImage(files / "fixed_labels.nii.gz"), SimpleITK.ReadImage(files / "out/warped_labels.nii.gz")
    )
    for label in (1, 2):
        assert after["dice", str(label)] == pytest.approx(overlap.GetDiceCoefficient(label), abs=1e-9)
    assert after["dice", ""] > before["dice", ""] + 0.05


def test_registration_starts_where_it_is_told_and_its_files_are_applied_by_others(pair, tmp_path, wbir):
    """The identity method from a known affine start: the whole map is that start, whatever the two grids."""
    ants = pytest.importorskip("ants")
    affine = SimpleITK.AffineTransform(
        [0.97, 0.05, 0, -0.04, 1.02, 0.02, 0, -0.03, 0.99], [1.5, -2.0, 0.8], [-12, 7, 30]
    )
    SimpleITK.WriteTransform(affine, str(tmp_path / "start.tfm"))
    out = tmp_path / "out"
    start = ("--initial", tmp_path / "start.tfm")
    wbir("register", pair / "fixed.nii.gz", pair / "moving.nii.gz", "--method", "identity", *start, "--out", out)
    fixed, moving = (SimpleITK.ReadImage(pair / f"{side}.nii.gz") for side in ("fixed", "moving"))
    least = float(SimpleITK.GetArrayViewFromImage(moving).min())
    ours, _ = read_image(out / "warped.nii.gz")
    for path in (tmp_path / "start.tfm", out / "matrix.tfm"):
        transform = SimpleITK.ReadTransform(str(path))
        theirs = SimpleITK.GetArrayFromImage(
            SimpleITK.Resample(moving, fixed, transform, SimpleITK.sitkLinear, least)
        ).T
        np.testing.assert_allclose(ours, theirs, atol=2e-3)
    reference, image = ants.image_read(pair / "fixed.nii.gz"), ants.image_read(pair / "moving.nii.gz")
    for name in ("displacement.nii.gz", "matrix.tfm"):
        warped = ants.apply_transforms(reference, image, [str(out / name)]).numpy()
        known = (warped != 0) & (np.indices(warped.shape).min(0) > 1)  # 0 is ANTs' value beyond the moving image
        assert known.mean() > 0.6
        np.testing.assert_allclose(ours[known], warped[known], atol=5e-3)


@pytest.mark.parametrize(("method", "left"), [("demons", 0.5), ("log_demons", 0.75)])
def test_a_method_comes_nearer_to_the_truth_across_grids(pair, method, left, tmp_path, wbir):
    labels = ("--fixed-labels", pair / "fixed_labels.nii.gz", "--moving-labels", pair / "moving_labels.nii.gz")
    points = ("--fixed-points", pair / "fixed.csv", "--moving-points", pair / "moving.csv")
    images = (pair / "fixed.nii.gz", pair / "moving.nii.gz")
    wbir("register", *images, "--method", method, *labels, *points, "--out", tmp_path / "out")
    before, after = values(tmp_path / "out", "before"), values(tmp_path / "out", "after")
    assert after["tre", ""] < left * before["tre", ""] and after["dice", ""] > before["dice", ""]
    warped = wbir("apply", tmp_path / "out" / "displacement.nii.gz", "--moving", images[1], "--out", tmp_path / "again")
    assert "moving.nii.gz" in warped
    first, second = (read_image(tmp_path / p)[0] for p in ("out/warped.nii.gz", "again/moving.nii.gz"))
    np.testing.assert_allclose(first, second, atol=2e-3)


def test_centres_bring_far_images_together(tmp_path, wbir):
    """The same scene stored far away: only --initial centres can meet, and the field holds the whole way."""
    near, far = centred_frame("fixed", "LPS", 3), centred_frame("fixed", "LPS", 3, (900.0, -400.0, 30.0))
    files = write_pair(tmp_path, near, near)
    array, _ = read_image(files / "fixed.nii.gz")
    from wbir.images import write_image

    write_image(files / "far.nii.gz", array, far)
    start = ("--initial", "centres")
    wbir(
        "register", files / "fixed.nii.gz", files / "far.nii.gz", "--method", "identity", *start, "--out", files / "out"
    )
    warped, _ = read_image(files / "out/warped.nii.gz")
    np.testing.assert_allclose(warped, array, atol=1e-2)
    assert values(tmp_path / "out", "after")["mean_displacement", ""] == pytest.approx(np.hypot(888.0, 393.0), rel=1e-5)


def test_a_much_finer_moving_image_is_smoothed_for_the_registration_only(tmp_path):
    """A checker of single fine voxels vanishes on a grid four times as coarse instead of aliasing."""
    from wbir.geometry.frames import Frame
    from wbir.pairs.deformations import Deformation
    from wbir.pairs.placing import smoothed
    from wbir.pairs.scans import Scan

    fine, coarse = Frame.of((40, 40), 0.5), Frame.of((10, 10), 2.0)
    checker = (np.indices((40, 40)).sum(0) % 2).astype(np.float32)
    scan = Scan(tmp_path / "x", checker, fine)
    placed = Deformation(coarse, matrix=np.eye(3))
    calm = smoothed(checker, scan, placed)
    assert np.ptp(placed.pull(checker, fine, coarse)) == 0 and placed.pull(checker, fine, coarse)[2, 2] in (0, 1)
    assert abs(placed.pull(calm, fine, coarse)[2, 2] - 0.5) < 1e-3
    assert smoothed(checker, scan, Deformation(fine, matrix=np.eye(3))) is checker
