"""Every scan to one template: known poses of a head are found, and all that a case has goes along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from wbir.cases import Case, Cohort, CohortWriter
from wbir.cohorts import aligned_to_template
from wbir.cohorts.aligned_to_template import Aligner, centre_of_mass, chosen
from wbir.discovery import describe
from wbir.errors import InputError
from wbir.files import read_rows
from wbir.geometry.frames import Frame
from wbir.measures.base import map_by, sample_field

HERE = Frame.of((28, 30, 26), 2.0)
LOCAL = np.diag([-1.8, 2.2, 2.0, 1.0])  # a scanner of its own: an axis the other way, far from the template's world
LOCAL[:3, 3] = [186.0, -160.0, 64.0]
THERE = Frame((32, 28, 28), LOCAL)
ANATOMY = np.array([[22.0, 24, 28], [34, 34, 22], [28, 42, 26], [28, 30, 26]])  # mm of the template's world
OPTIONS = {"template": "fixed", "linear_iterations": [100], "sampling": 0.5}


def head(places: np.ndarray) -> np.ndarray:
    """A head in closed form, unlike itself in any other pose: mm `(N, 3)` to intensities."""
    total = np.zeros(len(places))
    for centre, radii, height in (
        ((28, 30, 26), (18, 22, 16), 1.0), ((22, 24, 28), (6, 8, 6), -0.5), ((34, 34, 22), (6, 10, 6), 0.7),
        ((28, 42, 28), (4, 4, 8), 0.4),
    ):  # fmt: skip
        total += height / (1 + np.exp(6 * (np.linalg.norm((places - centre) / radii, axis=1) - 1)))
    return total.astype(np.float32)


def pose(*degrees: float, shift: tuple[float, ...]) -> np.ndarray:
    """Template world to scan world: a turn about the head's middle, and a shift."""
    matrix, middle = np.eye(4), np.array([28.0, 30, 26])
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = middle - matrix[:3, :3] @ middle + shift
    return matrix


def make_case(name: str, frame: Frame, poses: tuple[np.ndarray, np.ndarray]) -> Case:
    """The head in two poses; the true map takes anatomy to anatomy."""
    voxels = np.indices(frame.shape).reshape(3, -1).T
    images = [head(map_by(np.linalg.inv(p), frame.to_world(voxels))).reshape(frame.shape) for p in poses]
    matrix = np.linalg.inv(frame.affine) @ poses[1] @ np.linalg.inv(poses[0]) @ frame.affine
    points = [frame.to_voxel(map_by(p, ANATOMY)) for p in poses]
    truth = (map_by(matrix, voxels) - voxels).T.reshape(3, *frame.shape).astype(np.float32)
    labels = [np.digitize(image, [0.3, 0.7]).astype(np.int16) for image in images]
    return Case(
        name, frame, *images, *labels, labels[0] > 0, labels[1] > 0, *points, truth, matrix, {"split": "test", "age": "4"}
    )  # fmt: skip


def build(folder: Path, base: Path, **parameters: Any) -> Cohort:
    known = describe("cohorts", "aligned_to_template")["parameters"]
    aligned_to_template.build(folder, source="derived", data=base, seed=1, **known | parameters)
    return Cohort.open(folder)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    away = pose(9, -6, 11, shift=(130.0, -160.0, 65.0)), pose(-8, 7, -5, shift=(128.0, -163.0, 68.0))
    writer = CohortWriter(tmp_path / "base", {"title": "base"}, {1: "a", 2: "b"})
    writer.add(make_case("one", HERE, (np.eye(4), pose(6, -4, 7, shift=(2.4, -1.6, 1.0)))))
    writer.add(make_case("two", THERE, away))
    writer.close()
    return tmp_path / "base"


def test_all_heads_come_to_lie_in_the_templates(base: Path, tmp_path: Path) -> None:
    cohort, template = build(tmp_path / "out", base, **OPTIONS), Cohort.open(base).case("one")
    for case in cohort:
        assert case.frame.shape == HERE.shape and np.allclose(case.frame.affine, HERE.affine)
        assert case.attributes == {"split": "test", "age": "4", "template": "fixed of one"}
        for side in ("fixed", "moving"):
            points = getattr(case, f"{side}_points")
            assert np.abs(HERE.to_world(points) - ANATOMY).max() < 0.6, (case.id, side)  # mm; voxels have 2
            inner = (slice(4, -4),) * 3
            assert np.mean(np.abs(getattr(case, side) - template.fixed)[inner]) < 0.01
            assert np.mean(getattr(case, f"{side}_labels") == template.fixed_labels) > 0.96
            assert np.array_equal(getattr(case, f"{side}_mask"), getattr(case, f"{side}_labels") > 0)
        np.testing.assert_allclose(map_by(case.truth_matrix, case.fixed_points), case.moving_points, atol=1e-6)  # type: ignore[arg-type]
        found = case.fixed_points + sample_field(case.truth, case.fixed_points)  # type: ignore[arg-type,operator]
        np.testing.assert_allclose(found, case.moving_points, atol=2e-3)  # type: ignore[arg-type]
    first = cohort.case("one")
    assert np.array_equal(first.fixed, template.fixed), "the template itself stays"
    rows = read_rows(tmp_path / "out/timings.csv")
    assert [(row["case"], row["metric"]) for row in rows] == [
        ("one", "alignment_seconds"),
        ("two", "alignment_seconds"),
    ]
    assert all(float(row["value"]) > 0 for row in rows)


def test_a_scan_is_aligned_once(base: Path) -> None:
    case = Cohort.open(base).case("two")
    template = Cohort.open(base).case("one").fixed
    aligner = Aligner(template, HERE, "rigid", 1, {"iterations": [2], "bins": 32, "sampling": 0.5})
    matrix = aligner.matrix(case.fixed, case.frame)
    assert aligner.matrix(case.fixed.copy(), case.frame) is matrix and len(aligner.known) == 1
    linear = THERE.affine @ matrix @ np.linalg.inv(HERE.affine)  # in the world
    np.testing.assert_allclose(linear[:3, :3] @ linear[:3, :3].T, np.eye(3), atol=1e-5)


def test_templates_of_a_package_and_of_a_case(base: Path) -> None:
    cohort = Cohort.open(base)
    brain, frame = chosen(cohort, "mni152", None, 8.0)
    assert frame.shape == (22, 26, 22) and frame.spacing == (8.0, 8.0, 8.0)
    assert np.abs(centre_of_mass(brain, frame) - [0.0, -20.0, 8.0]).max() < 6.0, "a brain in MNI's world"
    image, frame = chosen(cohort, "moving", "two", None)
    assert np.array_equal(image, cohort.case("two").moving) and frame.shape == THERE.shape
    assert chosen(cohort, "fixed", "one", [4.0, 4.0, 2.0])[0].shape == (14, 15, 26)
    for unfit in ({"template": "sri24"}, {"transform": "syn"}, {"template": "fixed", "template_case": "three"}):
        with pytest.raises(InputError):
            build(base.parent / "no", base, **unfit)
