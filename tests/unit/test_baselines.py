"""The registration baselines on pairs with a known answer, and against their own packages' resampling."""

from __future__ import annotations

import importlib
import tempfile
from typing import Any

import numpy as np
import pytest

from wbir.cases import Case, Prediction
from wbir.discovery import describe, merge_parameters
from wbir.errors import InputError
from wbir.geometry.frames import Frame

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow  # `import itk` alone takes ten seconds

SHAPES = {2: (48, 40), 3: (30, 26, 22)}


def blobs(shape: tuple[int, ...], coordinates: np.ndarray) -> np.ndarray:
    """Bright and dark Gaussian blobs in the grid's middle, in closed form at voxel coordinates `(dim, *out)`."""
    rng = np.random.default_rng(2)
    total = np.zeros(coordinates.shape[1:])
    for _ in range(60):
        centre = (0.5 + rng.uniform(-0.3, 0.3, len(shape))) * np.array(shape)
        width = rng.uniform(1.8, 3.2)
        offsets = coordinates - centre.reshape(-1, *(1,) * (coordinates.ndim - 1))
        total += rng.uniform(0.3, 1.0) * rng.choice([-1, 1]) * np.exp(-0.5 * (offsets**2).sum(0) / width**2)
    return 100 * total


def oblique(shape: tuple[int, ...], spacing: tuple[float, ...] = (1.1, 0.9, 1.3)) -> Frame:
    angle, dim = 0.4, len(shape)
    rotation = np.eye(dim)
    rotation[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine = np.eye(dim + 1)
    affine[:dim, :dim] = rotation @ np.diag(spacing[:dim])
    affine[:dim, dim] = [-20.0, 35.0, 10.0][:dim]
    return Frame(shape, affine)


def grid(shape: tuple[int, ...]) -> np.ndarray:
    return np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")).astype(float)


def affine_case(matrix: np.ndarray, frame: Frame) -> Case:
    """The fixed image is the moving one read at `matrix @ x`, in closed form: no interpolation on the way."""
    dim, points = frame.dim, grid(frame.shape)
    moved = np.tensordot(matrix[:dim, :dim], points, 1) + matrix[:dim, dim].reshape(-1, *(1,) * dim)
    images = (blobs(frame.shape, moved).astype(np.float32), blobs(frame.shape, points).astype(np.float32))
    return Case("affine", frame, *images, truth_matrix=matrix)


def warp_case(frame: Frame, size: float = 2.0) -> Case:
    """A smooth sinusoidal displacement of at most `size` voxels."""
    points = grid(frame.shape)
    phases = [2 * np.pi * p / n for p, n in zip(points, frame.shape, strict=True)]
    truth = size * np.stack([np.sin(phases[(c + 1) % frame.dim] + c) for c in range(frame.dim)])
    images = (blobs(frame.shape, points + truth).astype(np.float32), blobs(frame.shape, points).astype(np.float32))
    return Case("warp", frame, *images, truth=truth.astype(np.float32))


def rigid_matrix(frame: Frame) -> np.ndarray:
    """A rotation about the grid's middle, rigid in millimetres, and a shift, as a voxel-to-voxel matrix."""
    dim, angle = frame.dim, 0.12
    motion = np.eye(dim + 1)
    motion[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    middle = frame.to_world((np.array([frame.shape]) - 1.0) / 2)[0]
    motion[:dim, dim] = middle - motion[:dim, :dim] @ middle + np.array([1.4, -0.8, 0.9])[:dim]
    return np.linalg.inv(frame.affine) @ motion @ frame.affine


def affine_matrix(frame: Frame) -> np.ndarray:
    stretch = np.eye(frame.dim + 1)
    stretch[0, 0], stretch[1, 0] = 1.06, 0.05
    stretch[: frame.dim, frame.dim] = -(stretch[:-1, :-1] - np.eye(frame.dim)) @ (np.array(frame.shape) / 2)
    return rigid_matrix(frame) @ stretch


def run(method: str, case: Case, seed: int = 4, **overrides: Any) -> Prediction:
    parameters = merge_parameters(method, describe("methods", method)["parameters"], overrides)
    return importlib.import_module(f"wbir.methods.{method}").predict(case, seed=seed, **parameters)


def our_warp(displacement: np.ndarray | None, image: np.ndarray) -> np.ndarray:
    assert displacement is not None
    from wbir.geometry.warping import warp

    return warp(torch.from_numpy(image)[None, None], torch.from_numpy(displacement)[None])[0, 0].numpy()


def matrix_error(found: np.ndarray | None, true: np.ndarray | None, shape: tuple[int, ...]) -> float:
    """Largest distance in voxels between the two maps over the middle half of the grid."""
    assert found is not None and true is not None
    points = np.stack([g.ravel() for g in grid(shape)])
    middle = np.all(np.abs(points - np.array(shape)[:, None] / 2) < np.array(shape)[:, None] / 4, axis=0)
    homogeneous = np.vstack([points[:, middle], np.ones(middle.sum())])
    return float(np.linalg.norm(((found - true) @ homogeneous)[:-1], axis=0).max())


def matrix_bytes(prediction: Prediction) -> bytes:
    assert prediction.matrix is not None
    return prediction.matrix.tobytes()


def middle_error(found: np.ndarray | None, true: np.ndarray | None) -> float:
    """Mean end-point error in voxels over the middle of the grid, where the blobs are, as a share of the true size."""
    assert found is not None and true is not None
    inside = (slice(None), *(slice(n // 3, -(n // 3)) for n in true.shape[1:]))
    found, true = found[inside], true[inside]
    return float(np.linalg.norm(found - true, axis=0).mean() / np.linalg.norm(true, axis=0).mean())


def assert_inverse(prediction: Prediction, tolerance: float) -> None:
    from wbir.geometry.flows import compose

    forward, backward = (torch.from_numpy(f)[None] for f in (prediction.displacement, prediction.inverse))
    inside = (slice(None), slice(None), *(slice(6, -6) for _ in range(forward.ndim - 2)))
    assert compose(forward, backward)[inside].abs().mean() < tolerance < 0.2 * forward[inside].abs().mean()


ANTS_LINEAR: dict[str, Any] = {"linear_iterations": [200, 200, 100], "sampling": 0.5, "metric": "mi"}
ELASTIX_LINEAR: dict[str, Any] = {"levels": 3, "iterations": 150, "metric": "AdvancedMeanSquares"}
# method, transform, parameters, largest error in voxels; ANTs' affine descent is slow on so small a grid
RECOVERED = [
    pytest.param("ants_registration", "rigid", ANTS_LINEAR, 0.1, id="ants-rigid"),
    pytest.param("ants_registration", "affine", ANTS_LINEAR, 0.75, id="ants-affine"),
    pytest.param("elastix", "rigid", ELASTIX_LINEAR, 0.1, id="elastix-rigid"),
    pytest.param("elastix", "affine", ELASTIX_LINEAR, 0.1, id="elastix-affine"),
]


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize(("method", "transform", "parameters", "tolerance"), RECOVERED)
def test_a_known_matrix_is_recovered(method, transform, parameters, tolerance, dim):
    from wbir.geometry.rigid import matrix_displacement

    frame = oblique(SHAPES[dim])
    true = rigid_matrix(frame) if transform == "rigid" else affine_matrix(frame)
    case = affine_case(true, frame)
    assert matrix_error(np.eye(dim + 1), true, frame.shape) > 1.5
    found = run(method, case, transform=transform, initial="identity", **parameters)
    assert found.displacement is None
    assert matrix_error(found.matrix, true, frame.shape) < tolerance
    displacement = matrix_displacement(torch.from_numpy(found.matrix), frame.shape)[0].float().numpy()
    inside = (slice(6, -6),) * dim
    difference = (our_warp(displacement, case.moving) - found.warped)[inside]
    if method == "ants_registration":  # the matrix says what ANTs itself did, however well it registered
        assert np.abs(difference).max() < 0.02
    else:  # Elastix resamples with a cubic B-spline, we linearly
        assert np.abs(difference).mean() < 0.1 * np.abs(case.moving - found.warped)[inside].mean()


@pytest.mark.parametrize("method", ["ants_registration", "elastix"])
def test_mutual_information_recovers_a_rigid_motion_between_modalities(method):
    frame = oblique(SHAPES[3])
    case = affine_case(rigid_matrix(frame), frame)
    inverted = Case("inverted", frame, case.fixed.max() - case.fixed, case.moving)
    elastix = {**ELASTIX_LINEAR, "metric": "AdvancedMattesMutualInformation", "iterations": 250}
    options: dict[str, Any] = ANTS_LINEAR if method == "ants_registration" else elastix
    found = run(method, inverted, transform="rigid", initial="identity", **options)
    assert matrix_error(found.matrix, case.truth_matrix, frame.shape) < 0.25


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("metric", ["mi", "cc", "meansquares"])
def test_syn_recovers_a_warp(metric, dim):
    case = warp_case(oblique(SHAPES[dim]))
    found = run(
        "ants_registration", case, transform="syn", initial="identity", metric=metric, iterations=[40, 10], radius=2
    )
    assert middle_error(found.displacement, case.truth) < 0.5
    assert_inverse(found, 0.1)


@pytest.mark.parametrize("initial", ["identity", "affine"])
@pytest.mark.parametrize("dim", [2, 3])
def test_our_warp_by_the_syn_displacement_is_ants_own_image(dim, initial):
    """The composite (warp after affine) in our convention: direction, axes, unit and order all enter."""
    frame = oblique(SHAPES[dim])
    case = affine_case(affine_matrix(frame), frame)
    options: dict[str, Any] = {"metric": "meansquares", "iterations": [20, 10], "linear_iterations": [100, 50]}
    found = run("ants_registration", case, transform="syn", initial=initial, **options)
    inside = (slice(6, -6),) * dim
    ours = our_warp(found.displacement, case.moving)
    assert np.abs(ours - case.moving)[inside].max() > 5 and found.warped is not None
    np.testing.assert_allclose(ours[inside], found.warped[inside], atol=0.02)
    assert_inverse(found, 0.1)


@pytest.mark.parametrize("method", ["ants_registration", "elastix"])
def test_the_seed_decides_the_sampling_and_nothing_else_does(method):
    """Mutual information on few samples; ANTs on two threads fails here."""
    frame = oblique(SHAPES[3])
    case = affine_case(affine_matrix(frame), frame)
    parameters: dict[str, Any] = {"levels": 2, "iterations": 20, "samples": 200}
    if method == "ants_registration":
        parameters = {"metric": "mi", "linear_iterations": [50, 20], "sampling": 0.3}
    first, again, other = (
        matrix_bytes(run(method, case, seed=seed, transform="affine", initial="rigid", **parameters))
        for seed in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize("method", ["ants_registration", "elastix", "demons"])
def test_no_files_are_left(method, tmp_path, monkeypatch):
    """Neither in the temporary folder nor in the working directory."""
    for name in ("temporary", "working"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path / "working")
    run(method, warp_case(oblique(SHAPES[2])), **describe("methods", method)["tiny"])
    assert [path.name for path in tmp_path.rglob("*")] in (["temporary", "working"], ["working", "temporary"])


@pytest.mark.parametrize("dim", [2, 3])
def test_the_bspline_recovers_a_warp_and_transforms_as_elastix_does(dim):
    case = warp_case(oblique(SHAPES[dim]))
    found = run(
        "elastix",
        case,
        initial="identity",
        metric="AdvancedMeanSquares",
        levels=3,
        iterations=150,
        grid_spacing_mm=8.0,
        samples=1000,
    )
    assert middle_error(found.displacement, case.truth) < 0.4
    assert_inverse(found, 0.1)
    inside = (slice(6, -6),) * dim
    ours = our_warp(found.displacement, case.moving)
    # Elastix resamples with a cubic B-spline, we linearly
    assert np.abs(ours - found.warped)[inside].mean() < 0.1 * np.abs(case.moving - found.warped)[inside].mean()


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("variant", ["diffeomorphic", "symmetric"])
def test_demons_recover_a_warp(variant, dim):
    case = warp_case(oblique(SHAPES[dim]))
    found = run("demons", case, variant=variant, factors=[2, 1], smoothing=[1.0, 0.0], iterations=[60, 40])
    assert middle_error(found.displacement, case.truth) < 0.5
    assert_inverse(found, 0.1)


def test_demons_do_not_follow_noise():
    """Two noisy views of one object: nothing should move."""
    frame = oblique(SHAPES[2])
    rng = np.random.default_rng(6)
    fixed, moving = (
        (blobs(frame.shape, grid(frame.shape)) + rng.normal(0, 0.2, frame.shape)).astype(np.float32) for _ in range(2)
    )
    largest = {}
    for share in (0.0, 0.01):
        found = run("demons", Case("noisy", frame, fixed, moving), smallest_difference=share)
        assert found.displacement is not None
        largest[share] = np.abs(found.displacement).max()
    assert largest[0.01] < 0.1 < 0.5 < largest[0.0]


def test_controls():
    case = warp_case(oblique(SHAPES[2]))
    nothing = run("identity", case)
    assert nothing.displacement is None and nothing.matrix is None
    answer = run("oracle", case)
    np.testing.assert_array_equal(answer.displacement, case.truth)
    assert answer.displacement is not case.truth
    assert_inverse(answer, 0.05)
    matrix = rigid_matrix(case.frame)
    np.testing.assert_array_equal(run("oracle", affine_case(matrix, case.frame)).matrix, matrix)
    with pytest.raises(InputError, match="true displacement"):
        run("oracle", Case("none", case.frame, case.fixed, case.moving))


@pytest.mark.parametrize(
    ("method", "wrong"),
    [
        ("ants_registration", {"transform": "spline"}),
        ("ants_registration", {"metric": "ssd"}),
        ("ants_registration", {"transform": "rigid", "initial": "affine"}),
        ("elastix", {"transform": "syn"}),
        ("elastix", {"metric": "mi"}),
        ("demons", {"variant": "fast"}),
        ("demons", {"factors": [2, 1]}),
    ],
)
def test_unknown_words_are_input_errors(method, wrong):
    with pytest.raises(InputError):
        run(method, warp_case(oblique(SHAPES[2])), **wrong)


def test_elastix_failures_are_not_hidden():
    """An empty mask leaves no sample; what Elastix wrote in its log is what the error says."""
    case = warp_case(oblique(SHAPES[2]))
    far = Case("no overlap", case.frame, case.fixed, case.moving, moving_mask=np.zeros(case.frame.shape, dtype=bool))
    with pytest.raises(RuntimeError, match="Too many samples map outside moving image buffer"):
        run("elastix", far, initial="identity", levels=1, iterations=5, masks=True)
