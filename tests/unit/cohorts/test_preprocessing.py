"""Windows, crops, slices and their chains: blobs lie where the points say, and the true map leads from one to the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from wbir.cases import Case, Cohort, CohortWriter
from wbir.cohorts import cropped, resampled, sliced, windowed
from wbir.discovery import describe
from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.measures.base import map_by, sample_field

SHAPE, SPACING = (30, 36, 26), np.array([1.5, 1.0, 2.0])
TURN = np.array([[2, -2, 1], [1, 2, 2], [-2, -1, 2]]).T / 3  # a rotation far from the axes
FRAME = Frame(
    SHAPE, np.block([[TURN * SPACING, np.array([[5.0], [-40.0], [12.0]])], [np.zeros((1, 3)), np.ones((1, 1))]])
)
MAP = np.array([[1.08, 0.03, 0, -0.9], [-0.04, 0.95, 0.02, 2.5], [0, 0.02, 0.97, 0.8], [0, 0, 0, 1]])
POINTS = np.array([[9.0, 12, 9], [20, 11, 10], [12, 25, 12], [18, 22, 18]])  # some 12 voxels apart: blobs do not touch
MODULES = {"cropped": cropped, "resampled": resampled, "sliced": sliced, "windowed": windowed}


def blobs(points: np.ndarray, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    grid = np.indices(shape).reshape(3, 1, *shape)
    squares = ((grid - points.T.reshape(3, -1, 1, 1, 1)) ** 2).sum(0)
    return np.exp(-squares / (2 * 1.3**2)).sum(0).astype(np.float32)


def make_case(matrix: np.ndarray = MAP) -> Case:
    """Blobs at the points of either image; labels and masks are the blobs' and all blobs' bounding box."""
    grid = np.indices(SHAPE).reshape(3, -1).T
    truth = (map_by(matrix, grid) - grid).T.reshape(3, *SHAPE).astype(np.float32)
    moved = map_by(matrix, POINTS)
    images, labels, masks = [], [], []
    for points in (POINTS, moved):
        images.append(blobs(points))
        labels.append((blobs(points[:1]) > 0.3).astype(np.int16) + 2 * (blobs(points[1:]) > 0.3).astype(np.int16))
        masks.append(np.zeros(SHAPE, bool))
        masks[-1][
            tuple(slice(int(a), int(b) + 1) for a, b in zip(points.min(0) - 3, points.max(0) + 3, strict=True))
        ] = True
    return Case(
        "pair", FRAME, *images, *labels, *masks, POINTS, moved, truth, matrix, {"split": "train", "site": "a"}
    )  # fmt: skip


def build(folder: Path, name: str, base: Path, **parameters: Any) -> Cohort:
    MODULES[name].build(
        folder, source="derived", data=base, seed=0, **describe("cohorts", name)["parameters"] | parameters
    )
    return Cohort.open(folder)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(tmp_path / "base", make_case())


def write(folder: Path, *cases: Case) -> Path:
    writer = CohortWriter(folder, {"title": "base"}, {1: "first", 2: "others"})
    for case in cases:
        writer.add(case)
    writer.close()
    return folder


def check_places(case: Case, *, reach: int = 3, count: int = 4) -> None:
    """Blobs and labels are at the points of each side, and truth and truth_matrix take fixed points to moving ones."""
    fixed, moving = case.fixed_points, case.moving_points
    assert fixed is not None and moving is not None and len(fixed) == len(moving) == count
    assert case.truth is not None and case.truth_matrix is not None
    np.testing.assert_allclose(fixed + sample_field(case.truth, fixed), moving, atol=2e-3)  # the oracle's error
    np.testing.assert_allclose(map_by(case.truth_matrix, fixed), moving, atol=1e-6)
    for image, labels, points in ((case.fixed, case.fixed_labels, fixed), (case.moving, case.moving_labels, moving)):
        assert labels is not None
        for number, point in enumerate(points):
            near = np.rint(point).astype(int)
            part = tuple(slice(max(n - reach, 0), n + reach + 1) for n in near)
            found = np.array(ndimage.center_of_mass(image[part] ** 2)) + [s.start for s in part]
            np.testing.assert_allclose(found, point, atol=0.25)
            assert labels[tuple(near)] == (1 if number == 0 else 2)


def test_a_box_at_the_own_spacing_copies_voxels(base: Path, tmp_path: Path) -> None:
    case = build(tmp_path / "out", "cropped", base, around="masks").case("pair")
    old = Cohort.open(base).case("pair")
    both = old.fixed_mask | old.moving_mask  # type: ignore[operator]
    box = tuple(slice(i.min(), i.max() + 1) for i in np.nonzero(both))
    for name in ("fixed", "moving", "fixed_labels", "moving_labels", "fixed_mask", "moving_mask"):
        assert np.array_equal(getattr(case, name), getattr(old, name)[box]), name
    np.testing.assert_allclose(case.truth, old.truth[(slice(None), *box)], atol=1e-5)  # type: ignore[index]
    np.testing.assert_allclose(case.frame.to_world(case.fixed_points), old.frame.to_world(old.fixed_points), atol=1e-6)
    assert case.attributes == old.attributes
    check_places(case)


@pytest.mark.parametrize(
    ("parameters", "centre"),
    [
        ({"around": "middle", "shape": [21, 28, 20]}, (np.array(SHAPE) - 1) / 2),
        ({"around": "labels", "labels": [1], "shape": [28, 40, 29]}, (POINTS[0] + map_by(MAP, POINTS[:1])[0]) / 2),
        ({"around": "foreground", "above": 0.3, "margin_mm": 4.0}, None),
        ({"around": "masks", "spacing": [1.2, 1.1, 1.3], "shape": [36, 34, 40]}, None),
        ({"around": "masks", "each": True, "centre": "mass"}, None),
        ({"around": "masks", "each": True, "spacing": [1.5, 1.25, 1.6], "moving_spacing": 1.4, "margin_mm": 2.0}, None),
    ],
)  # fmt: skip
def test_places_keep_their_points(
    parameters: dict[str, Any], centre: np.ndarray | None, base: Path, tmp_path: Path
) -> None:
    case = build(tmp_path / "out", "cropped", base, **parameters).case("pair")
    if "shape" in parameters:
        assert case.frame.shape == tuple(parameters["shape"])
    if "spacing" in parameters:
        assert case.frame.spacing == pytest.approx(parameters["spacing"])
    if centre is not None:  # the grid's middle lies there, to half a voxel
        middle = FRAME.to_voxel(case.frame.to_world((np.array(case.frame.shape) - 1)[None] / 2))[0]
        assert np.abs(middle - centre).max() <= 0.6
    check_places(case)
    np.testing.assert_allclose(case.frame.to_world(case.fixed_points), FRAME.to_world(POINTS), atol=1e-5)  # type: ignore[arg-type]


def test_each_about_its_own_lungs_takes_translation_and_scaling_away(tmp_path: Path) -> None:
    """Paper 10: the moving grid is as much coarser as the moving content is larger, about its own centre."""
    scaling = np.diag([1.25, 0.8, 1.0, 1.0])
    scaling[:3, 3] = [-4.0, 5.0, 2.0]
    base = write(tmp_path / "base", make_case(scaling))
    plain, both = (
        {"each": True, "shape": [24, 32, 22]},
        {"spacing": [1.5, 1.0, 2.0], "moving_spacing": [1.875, 0.8, 2.0]},
    )
    before, after = (
        build(tmp_path / name, "cropped", base, **parameters).case("pair")
        for name, parameters in (("one", plain), ("two", plain | both))
    )
    check_places(before, reach=2)
    np.testing.assert_allclose(after.truth_matrix[:3, :3], np.eye(3), atol=1e-9)  # type: ignore[index]
    rest = np.linalg.norm(after.moving_points - after.fixed_points, axis=1)  # type: ignore[operator]
    assert rest.max() < 0.7 < 2.9 < np.linalg.norm(map_by(scaling, POINTS) - POINTS, axis=1).mean()
    np.testing.assert_allclose(
        after.fixed_points + sample_field(after.truth, after.fixed_points), after.moving_points, atol=1e-4
    )  # type: ignore[arg-type,operator]


def test_a_crop_says_what_it_loses_and_refuses_what_is_not_there(base: Path, tmp_path: Path) -> None:
    cohort = build(tmp_path / "out", "cropped", base, around="labels", labels=[1], shape=[8, 8, 8])
    case = cohort.case("pair")
    np.testing.assert_allclose(FRAME.to_voxel(case.frame.to_world(case.fixed_points)), POINTS[:1], atol=1e-6)
    assert '"pair": 3' in (tmp_path / "out/card.json").read_text()
    plain = Case("plain", FRAME, make_case().fixed, make_case().moving)
    none = write(tmp_path / "none", plain)
    for unfit in (
        {"around": "masks"}, {"around": "labels"}, {"around": "foreground", "above": 9.0}, {"around": "middle", "shape": [4, 4]},
        {"around": "middle", "spacing": [1.0, 2.0]}, {"around": "middle", "moving_spacing": 2.0}, {"around": "organs"},
    ):  # fmt: skip
        with pytest.raises(InputError):
            build(tmp_path / "no", "cropped", none, **unfit)


def test_beyond_the_volume_there_is_its_least_value(tmp_path: Path) -> None:
    case = make_case()
    base = write(
        tmp_path / "base", Case("ct", FRAME, case.fixed * 1000 - 1024, case.moving * 1000 - 1024, case.fixed_labels)
    )
    found = build(tmp_path / "out", "cropped", base, around="middle", shape=[40, 36, 26]).case("ct")
    assert np.all(found.fixed[:5] == -1024 + 1000 * case.fixed.min()) and not found.fixed_labels[:5].any()  # type: ignore[index]
    assert np.array_equal(found.fixed[5:35], case.fixed * 1000 - 1024)


def test_a_chain_of_steps_keeps_the_oracle_at_zero(base: Path, tmp_path: Path) -> None:
    """Resampled to anisotropic voxels, cropped each about its mask, windowed."""
    build(tmp_path / "a", "resampled", base, spacing=[1.25, 1.25, 1.5], normalise=False)
    build(tmp_path / "b", "cropped", tmp_path / "a", each=True, moving_spacing=[1.3, 1.2, 1.6], margin_mm=3.0)
    case = build(tmp_path / "c", "windowed", tmp_path / "b", limits=[0.0, 0.8]).case("pair")
    check_places(case)
    assert case.attributes == {"split": "train", "site": "a", "spacing": "1.25 x 1.25 x 1.5"}
    assert case.fixed.min() >= 0 and case.fixed.max() <= 1


def test_a_shape_alone_takes_the_whole_field_of_view(tmp_path: Path) -> None:
    """Paper 26: 192 x 160 x 256 at 2 mm becomes 144 x 112 x 144."""
    target = resampled.coarser(Frame.of((192, 160, 256), 2.0), None, [144, 112, 144])
    np.testing.assert_allclose(target.spacing, [8 / 3, 20 / 7, 32 / 9])
    np.testing.assert_allclose(
        target.to_world(np.array([[-0.5] * 3, [143.5, 111.5, 143.5]])), [[-1] * 3, [383, 319, 511]]
    )
    with pytest.raises(InputError, match="neither"):
        resampled.coarser(Frame.of((8, 8, 8)), None)


def test_one_axis_coarser_smooths_that_axis_alone(tmp_path: Path) -> None:
    """White noise averaged over four voxels along the first axis loses variance; along the other two it is read as it is."""
    noise = np.random.default_rng(0).normal(size=(32, 24, 24)).astype(np.float32)
    base = write(tmp_path / "base", Case("noise", Frame.of(noise.shape), noise, noise))
    found = build(tmp_path / "out", "resampled", base, spacing=[4.0, 1.0, 1.0], normalise=False).case("noise").fixed
    weights = ndimage.gaussian_filter1d(np.eye(33)[16], np.sqrt(15) / 2.3548, truncate=3)
    read = (weights + np.roll(weights, 1)) / 2  # the new voxel's centre lies between two old ones
    assert found.shape == (8, 24, 24) and found.std() == pytest.approx(np.sqrt((read**2).sum()), rel=0.05)


def test_windows_by_values_and_percentiles(tmp_path: Path) -> None:
    image = np.arange(24, dtype=np.float32).reshape(2, 3, 4) * 100 - 1200
    mask = image >= 0
    base = write(
        tmp_path / "base", Case("ct", Frame.of((2, 3, 4)), image, image + 100, fixed_mask=mask, moving_mask=mask)
    )
    values = build(tmp_path / "a", "windowed", base, limits=[-1000.0, 600.0]).case("ct")
    np.testing.assert_allclose(values.fixed, np.clip((image + 1000) / 1600, 0, 1), atol=1e-6)
    np.testing.assert_allclose(values.moving[0, 0], [0, 0, 1 / 16, 2 / 16], atol=1e-6)
    inside = build(tmp_path / "b", "windowed", base, limits=[0.0, 50.0], percentiles_of="mask").case("ct")
    np.testing.assert_allclose(inside.fixed, np.clip(image / 550, 0, 1), atol=1e-6)  # 0 to 1100 in the mask
    whole = build(tmp_path / "c", "windowed", base, limits=[0.0, 100.0], percentiles_of="image").case("ct")
    np.testing.assert_allclose(whole.fixed, (image + 1200) / 2300, atol=1e-6)
    for unfit in (
        {"limits": [1.0, 1.0]},
        {"limits": [0.0, 101.0], "percentiles_of": "image"},
        {"percentiles_of": "organ"},
    ):
        with pytest.raises(InputError):
            build(tmp_path / "no", "windowed", base, **unfit)
    with pytest.raises(InputError, match="mask"):
        windowed.windowed(Case("bare", Frame.of((2, 3, 4)), image, image), (1.0, 99.0), "mask")


def test_a_slice_keeps_what_lies_in_it(tmp_path: Path) -> None:
    """A map within axial slices: points of slice 12 stay, and so does on demand the part of the truth within it."""
    matrix = np.array([[1.05, 0.02, 0.1, 0.5], [-0.03, 0.98, 0.0, 1.0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    old = make_case(matrix)
    base = write(tmp_path / "base", old)
    plain = build(tmp_path / "a", "sliced", base, position="index", index=12).case("pair")
    assert plain.frame.shape == SHAPE[:2] and plain.frame.spacing == pytest.approx((1.5, 1.0))
    assert np.array_equal(plain.fixed, old.fixed[:, :, 12]) and np.array_equal(
        plain.moving_labels, old.moving_labels[:, :, 12]
    )  # type: ignore[index]
    assert plain.truth is None and plain.truth_matrix is None and plain.attributes["slice"] == "12"
    np.testing.assert_allclose(plain.fixed_points, POINTS[2:3, :2])
    np.testing.assert_allclose(plain.moving_points, map_by(matrix, POINTS[2:3])[:, :2], atol=1e-6)
    kept = build(tmp_path / "b", "sliced", base, position="index", index=12, drop_through_plane=True).case("pair")
    np.testing.assert_allclose(
        kept.fixed_points + sample_field(kept.truth, kept.fixed_points), kept.moving_points, atol=1e-4
    )  # type: ignore[arg-type,operator]
    np.testing.assert_allclose(map_by(kept.truth_matrix, kept.fixed_points), kept.moving_points, atol=1e-6)  # type: ignore[arg-type]
    tilted = build(tmp_path / "c", "sliced", write(tmp_path / "tilted", make_case()), position="index", index=12)
    assert tilted.case("pair").fixed_points is None, "the partner left the slice"


def test_positions_of_slices(base: Path, tmp_path: Path) -> None:
    labels = make_case().fixed_labels
    assert labels is not None
    largest = build(tmp_path / "a", "sliced", base, axis=0, position="largest", labels=[1]).case("pair")
    assert largest.attributes["slice"] == "9" and largest.frame.shape == SHAPE[1:]
    assert np.array_equal(largest.fixed_labels, labels[9])  # type: ignore[arg-type]
    assert build(tmp_path / "b", "sliced", base, axis=1).case("pair").attributes["slice"] == "17"
    spaced = build(tmp_path / "c", "sliced", base, axis=1, position="spaced", count=3)
    assert [case.id for case in spaced] == ["pair-s006", "pair-s018", "pair-s030"]
    shown = build(tmp_path / "d", "sliced", base, axis=1, position="spaced", count=6, require=[1])
    seen = [
        n for n in (3, 9, 15, 21, 27, 33) if (labels[:, n] == 1).any() or (make_case().moving_labels[:, n] == 1).any()
    ]  # type: ignore[index]
    assert [int(case.attributes["slice"]) for case in shown] == seen == [15]
    for unfit in (
        {"position": "index", "index": 26},
        {"axis": 3},
        {"position": "largest", "labels": [7]},
        {"position": "top"},
    ):
        with pytest.raises(InputError):
            build(tmp_path / "no", "sliced", base, **unfit)
