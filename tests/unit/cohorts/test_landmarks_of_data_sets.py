"""Landmarks of real data sets, from the owners' files to `tre`: motions in closed form give 0 for the truth and the known mean else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mirror import dirlab
from mirror.archives import empire10 as empire10_archive
from mirror.archives import learn2reg_lung as archive
from mirror.writing import write_nifti
from wbir.cases import Case, Cohort, Prediction
from wbir.cohorts import dirlab_4dct, dirlab_copdgene, empire10, learn2reg_lung
from wbir.cohorts._scans import pair, read_scan
from wbir.errors import InputError
from wbir.measures.base import Evaluation
from wbir.measures.landmarks import tre

Motion = Callable[[np.ndarray], np.ndarray]  # displacement in RAS mm at places `(N, 3)` in RAS mm
SIZE, SPACING = (34, 30, 20), (0.97, 1.16, 2.5)
SHEAR = np.array([[0.04, -0.03, 0.02], [0.05, -0.06, 0.01], [-0.02, 0.03, 0.07]])
HEADER = 1e-7  # relative: spacings in a NIfTI header are float32
FIELD = 1e-6  # voxels: a displacement is float32


def affine(places: np.ndarray) -> np.ndarray:
    return places @ SHEAR.T + [1.5, -2.0, 0.7]


def quadratic(places: np.ndarray) -> np.ndarray:
    x, y, z = places.T / 30.0
    return np.stack([1.0 + x * x - y * z, 0.5 * y * z - 2.0 * x, 3.0 * z * z + x * y - 1.0], axis=1)


MOTIONS = [affine, quadratic]


def oracle(case: Case, motion: Motion) -> Prediction:
    """The true displacement on the case's grid, in its voxels."""
    places = case.frame.to_world(np.indices(case.frame.shape).reshape(3, -1).T)
    linear = np.linalg.inv(case.frame.affine[:3, :3])
    voxels = (motion(places) @ linear.T).T.reshape(3, *case.frame.shape)
    return Prediction(displacement=voxels.astype(np.float32))


def error(case: Case, prediction: Prediction) -> float:
    value = tre(Evaluation(case, prediction))
    assert isinstance(value, float)
    return value


def check(case: Case, places: np.ndarray, motion: Motion) -> None:
    """places: of the fixed landmarks, RAS mm, as the test put them into the files."""
    steps = motion(places)
    known = float(np.linalg.norm(steps, axis=1).mean())
    assert known > 1.0
    assert case.fixed_points is not None and np.allclose(case.frame.to_world(case.fixed_points), places, atol=1e-4)
    assert error(case, Prediction()) == pytest.approx(known, rel=HEADER)
    truth = oracle(case, motion)
    assert error(case, truth) < FIELD * max(case.frame.spacing)
    swapped = replace(case, fixed_points=case.moving_points, moving_points=case.fixed_points)
    assert error(swapped, truth) > known, "the test tells a field from its inverse"


def dirlab_files(folder: Path, kind: str, motion: Motion, case: int = 1) -> np.ndarray:
    """Scans and landmarks of one case below `folder`; returns the fixed landmarks' places in RAS mm, whole voxels."""
    fixed = dirlab.places((24, 20, 16), 5) + np.array([6, 6, 2])
    places = -fixed * np.array(SPACING)  # the first voxel, right, in front, on top, lies at 0
    moving = -(places + motion(places)) / SPACING
    for phase, points in zip(("T50", "T00") if kind == "4dct" else ("eBH", "iBH"), (fixed, moving), strict=True):
        image, landmarks = {
            "4dct": (f"Images/case{case}_{phase}_s.img", f"ExtremePhases/Case{case}_300_{phase}_xyz.txt"),
            "copd": (f"copd{case}_{phase}CT.img", f"copd{case}_300_{phase}_xyz_r1.txt"),
        }[kind]
        dirlab.write_scan(folder / image, SIZE, fixed)
        dirlab.write_landmarks(folder / landmarks, points)
    return places


def build_dirlab(out: Path, folder: Path, kind: str, **changes: Any) -> Cohort:
    module, dataset = {"4dct": (dirlab_4dct, "dirlab-4dct"), "copd": (dirlab_copdgene, "dirlab-copdgene")}[kind]
    grids = {str(n): {"size": list(SIZE), "spacing": list(SPACING)} for n in (1, 2)}
    parameters = {**module.COHORT["parameters"], "grids": grids, **changes}  # type: ignore[dict-item]
    module.build(out, source="local", data={dataset: folder}, seed=0, **parameters)
    return Cohort.open(out)


@pytest.mark.parametrize("kind", ["4dct", "copd"])
@pytest.mark.parametrize("motion", MOTIONS)
def test_dirlab(kind: str, motion: Motion, tmp_path: Path) -> None:
    places = dirlab_files(tmp_path / "data", kind, motion)
    (case,) = build_dirlab(tmp_path / "out", tmp_path / "data", kind)
    check(case, places, motion)


# Of the fixed and of the moving file: storage (the directions of its axes), spacing in mm, turn about an oblique axis in degrees.
NIFTI = {
    "isotropic": (("RAS", (1.0, 1.0, 1.0), 0.0), ("RAS", (1.0, 1.0, 1.0), 0.0)),
    "anisotropic": (("RAS", (0.7, 1.25, 3.0), 0.0), ("RAS", (0.7, 1.25, 3.0), 0.0)),
    "LAS": (("LAS", (0.7, 1.25, 3.0), 0.0), ("LAS", (0.7, 1.25, 3.0), 0.0)),
    "LPS": (("LPS", (0.7, 1.25, 3.0), 0.0), ("LPS", (0.7, 1.25, 3.0), 0.0)),
    "axes in another order": (("SLP", (2.5, 0.8, 1.1), 0.0), ("SLP", (2.5, 0.8, 1.1), 0.0)),
    "oblique": (("LPS", (0.7, 1.25, 3.0), 20.0), ("LPS", (0.7, 1.25, 3.0), 20.0)),
    "unlike spacings": (("RAS", (1.75, 1.25, 1.75), 0.0), ("RAS", (1.75, 1.0, 1.25), 0.0)),
    "unlike storage": (("LAS", (0.7, 1.25, 3.0), 0.0), ("PIR", (1.9, 2.1, 0.9), 0.0)),
    "unlike turns": (("LPS", (0.7, 1.25, 3.0), -15.0), ("RAS", (1.0, 2.0, 1.5), 25.0)),
}
AXES = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}


def header(storage: str, spacing: tuple[float, ...], degrees: float, shape: tuple[int, ...]) -> np.ndarray:
    """An affine whose volume is centred at (4, -7, 11) mm."""
    turn = Rotation.from_rotvec(np.radians(degrees) * np.array([2.0, -1.0, 2.0]) / 3.0).as_matrix()
    matrix = np.eye(4)
    matrix[:3, :3] = turn @ np.array([AXES[letter] for letter in storage], dtype=float).T @ np.diag(spacing)
    matrix[:3, 3] = np.array([4.0, -7.0, 11.0]) - matrix[:3, :3] @ ((np.array(shape) - 1) / 2)
    return matrix.astype(np.float32).astype(float)  # as a header holds it


def ramp(places: np.ndarray) -> np.ndarray:
    return places @ [3.0, -5.0, 7.0] + 100.0


@pytest.mark.parametrize("name", NIFTI)
@pytest.mark.parametrize("motion", MOTIONS)
def test_pairs_of_nifti(name: str, motion: Motion, tmp_path: Path) -> None:
    """Points in the voxels of each file, counted from 0, as Learn2Reg gives them; images are ramps of the world."""
    shapes = ((14, 12, 10), (16, 15, 13))
    kept = {}
    for role, kind, shape in zip(("fixed", "moving"), NIFTI[name], shapes, strict=True):
        matrix = header(*kind, shape)
        places = np.indices(shape).reshape(3, -1).T @ matrix[:3, :3].T + matrix[:3, 3]
        write_nifti(tmp_path / f"{role}.nii.gz", ramp(places).reshape(shape).astype(np.float32), matrix)
        kept[role] = matrix
    points = np.random.default_rng(1).integers(0, shapes[0], size=(40, 3)).astype(float)
    places = points @ kept["fixed"][:3, :3].T + kept["fixed"][:3, 3]
    back = np.linalg.inv(kept["moving"])
    moved = (places + motion(places)) @ back[:3, :3].T + back[:3, 3]
    fixed, moving = (
        read_scan(tmp_path / f"{role}.nii.gz", points=p) for role, p in (("fixed", points), ("moving", moved))
    )
    case = pair("pair", fixed, moving, {"split": "test"})
    check(case, places, motion)
    inner = (slice(4, -4), slice(4, -4), slice(4, -4))
    world = case.frame.to_world(np.indices(case.frame.shape).reshape(3, -1).T)
    expected = ramp(world).reshape(case.frame.shape)
    assert np.abs(case.fixed - expected).max() < 1e-3
    assert np.abs(case.moving - expected)[inner].max() < 1e-2, "both images in one world"


@pytest.mark.parametrize("points", ["keypoints", "landmarks"])
def test_learn2reg_lung(points: str, tmp_path: Path) -> None:
    """Its scans meet voxel by voxel, and millimetres are the fixed header's, whatever the moving one says."""
    (tmp_path / "data").mkdir()
    archive.make(tmp_path / "data")
    shutil.unpack_archive(tmp_path / "data" / "LungCT.zip", tmp_path / "data")
    data = {"learn2reg-lung": tmp_path / "data"}
    learn2reg_lung.build(tmp_path / "out", source="local", data=data, seed=0, points=points, pairs=[1])
    (case,) = Cohort.open(tmp_path / "out")
    step = archive.place(1, 1) - archive.place(1, 0)
    known = float(np.linalg.norm(step * case.frame.spacing))
    assert error(case, Prediction()) == pytest.approx(known, rel=HEADER) and case.frame.spacing == (1.75, 1.25, 1.75)
    truth = np.broadcast_to((step * [-1, 1, 1]).reshape(3, 1, 1, 1), (3, *case.frame.shape))  # files run to the left
    assert error(case, Prediction(displacement=truth.astype(np.float32))) < FIELD
    assert error(case, Prediction(displacement=-truth.astype(np.float32))) > known


def small(folder: Path) -> None:
    dirlab_files(folder, "4dct", affine)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "Images/case1_T00_s.img").write_bytes(b"\0" * 100), r"40800 bytes in case1_T00_s.img .*, got 100"),
        (lambda f: (f / "Images/case1_T00_s.img").unlink(), r"case1_T00\*.img of dirlab-4dct, got none"),
        (lambda f: _change(f, 3, "x y z"), "rows of three numbers in Case1_300_T00_xyz.txt"),
        (lambda f: _change(f, 3, "1 2"), "rows of three numbers in Case1_300_T00_xyz.txt"),
        (lambda f: _change(f, 3, "4 0 4"), "places from 1 1 1 to 34 x 30 x 20 in .*, got 4 0 4 in row 4"),
        (lambda f: _change(f, 0, "4 31 4"), "got 4 31 4 in row 1"),
        (lambda f: _change(f, 0, "nan 1 1"), "got nan 1 1 in row 1"),
        (lambda f: _change(f, 5, None), "300 x 3 numbers in Case1_300_T00_xyz.txt, got 299 x 3"),
        (lambda f: (f / "ExtremePhases/Case1_300_T00_xyz.txt").write_text(""), "300 x 3 numbers"),
        (lambda f: (f / "ExtremePhases/Case1_300_T00_xyz.txt").unlink(), r"case1_\*300_T00_xyz.txt of dirlab-4dct"),
    ],
)  # fmt: skip
def test_damaged_files_are_refused_by_name(damage: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    small(tmp_path / "data")
    damage(tmp_path / "data")
    with pytest.raises(InputError, match=message) as caught:
        build_dirlab(tmp_path / "out", tmp_path / "data", "4dct")
    assert "\n" not in str(caught.value)


def _change(folder: Path, row: int, text: str | None) -> None:
    """Put another line into the moving landmarks, or take one away."""
    path = folder / "ExtremePhases" / "Case1_300_T00_xyz.txt"
    lines = path.read_text().splitlines()
    lines[row : row + 1] = [] if text is None else [text]
    path.write_text("\n".join(lines) + "\n")


def test_cases_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small(tmp_path / "data")
    assert [case.id for case in build_dirlab(tmp_path / "out", tmp_path / "data", "4dct")] == ["4dct-01"]
    assert "2, 3, 4, 5, 6, 7, 8, 9, 10" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"^expected 2 of the cases of dirlab-4dct"):
        build_dirlab(tmp_path / "more", tmp_path / "data", "4dct", cases=[1, 2])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="a subject of the cases of dirlab-copdgene"):
        build_dirlab(tmp_path / "none", tmp_path / "empty", "copd")


@pytest.mark.parametrize(
    ("fixed", "moving", "asked", "points"),
    [("T50", "T00", None, 300), ("T00", "T50", 75, 75), ("T50", "T30", None, 75), ("T50", "T80", None, 0)],
)
def test_the_landmarks_that_two_phases_have(fixed: str, moving: str, asked: int | None, points: int) -> None:
    assert dirlab_4dct.landmark_set(fixed, moving, asked) == points


@pytest.mark.parametrize(
    ("fixed", "moving", "asked"), [("T50", "T50", None), ("T50", "T55", None), ("T50", "T30", 300), ("T50", "T80", 75)]
)
def test_phases_and_landmarks_that_do_not_exist(fixed: str, moving: str, asked: int | None) -> None:
    with pytest.raises(InputError):
        dirlab_4dct.landmark_set(fixed, moving, asked)


def test_published_grids_are_those_of_the_owner() -> None:
    """The sizes of the archives bound the sizes of the volumes: ten phases must fit, packed by no more than three."""
    from wbir.data.catalogue import remote

    for case, row in dirlab_4dct.COHORT["parameters"]["grids"].items():  # type: ignore[index]
        packed = remote("dirlab-4dct", f"Case{case}Pack.zip").bytes
        assert packed is not None and 1 < 20 * np.prod(row["size"]) / packed < 3


def test_empire_refuses_a_cut_volume_and_reads_on_without_masks(tmp_path: Path) -> None:
    def build(out: str) -> Cohort:
        empire10.build(tmp_path / out, source="local", data={"empire10": tmp_path / "data"}, seed=0, cases=[7])
        return Cohort.open(tmp_path / out)

    empire10_archive.make(tmp_path / "data")
    for path in (tmp_path / "data" / "lungMasks").iterdir():
        path.unlink()
    (case,) = build("without")
    assert case.fixed_mask is None and case.moving_mask is None
    assert '"without_masks": [\n    7\n  ]' in (tmp_path / "without" / "card.json").read_text()
    raw = tmp_path / "data" / "scans" / "07_Moving.raw"
    raw.write_bytes(raw.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"07_Moving\.mhd") as caught:
        build("cut")
    assert "\n" not in str(caught.value)
