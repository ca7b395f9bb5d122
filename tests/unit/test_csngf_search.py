"""The global search and the local descent on closed-form images whose rigid motion is known."""

from __future__ import annotations

import numpy as np
import pytest

from wbir.cases import Case
from wbir.discovery import describe
from wbir.errors import InputError
from wbir.geometry.frames import Frame

torch = pytest.importorskip("torch")

from wbir.geometry import rigid  # noqa: E402
from wbir.registration import global_search as gs  # noqa: E402
from wbir.registration.ngf_measure import GradientMeasure, extrapolated  # noqa: E402

SIZE = 24
SHAPE = (SIZE,) * 3


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def blobs(points: np.ndarray) -> np.ndarray:
    """A smooth closed-form image in [0, 1] at voxel coordinates `(3, *out)`."""
    rng = np.random.default_rng(7)
    total = np.zeros(points.shape[1:])
    for _ in range(14):
        centre = (SIZE - 1) / 2 + rng.uniform(-7, 7, 3)
        offsets = points - centre.reshape(3, *(1,) * (points.ndim - 1))
        total += rng.uniform(0.3, 1.0) * np.exp(-0.5 * (offsets**2).sum(0) / rng.uniform(1.5, 3.5) ** 2)
    return total / 2.5


def reversed_contrast(image: np.ndarray) -> np.ndarray:
    return 1 - 0.3 * image - 0.7 * image**2


def pair(angles: tuple[float, float, float], shift: tuple[float, float, float], spacing: float = 1.0) -> Case:
    """fixed(x) = blobs(M x), moving(y) = reversed contrast of blobs(y): M is the truth, angles in degrees."""
    rotation = rigid.rotation_from_euler(torch.deg2rad(torch.tensor(angles, dtype=torch.float64)))
    truth = rigid.about_centre(rotation, SHAPE, torch.tensor(shift, dtype=torch.float64)).numpy()
    grid = np.indices(SHAPE).reshape(3, -1).astype(float)
    fixed = blobs(truth[:3, :3] @ grid + truth[:3, 3:]).reshape(SHAPE)
    moving = reversed_contrast(blobs(grid)).reshape(SHAPE)
    frame = Frame.of(SHAPE, spacing)
    return Case("pair", frame, fixed.astype(np.float32), moving.astype(np.float32), truth_matrix=truth)


def corner_error(found: np.ndarray, truth: np.ndarray) -> float:
    corners = np.c_[rigid.corner_points(SHAPE).numpy(), np.ones(8)]
    return float(np.linalg.norm((corners @ found.T - corners @ truth.T)[:, :3], axis=1).mean())


def run(method: str, case: Case, seed: int = 0, **changes):
    import importlib

    parameters = describe("methods", method)["parameters"] | changes
    return importlib.import_module(f"wbir.methods.{method}").predict(case, seed=seed, **parameters)


SEARCH = {
    "sigmas": [1.5, 1.0, 0.7],
    "downsampling": [2, 2, 1],
    "rotations": [500, 300, 40],
    "steps": [12.0, 4.0],
    "kept": [8, 2],
}


def test_squared_search_finds_a_motion_that_unsquared_search_misses() -> None:
    case = pair((100.0, -40.0, 60.0), (2.0, -3.0, 1.0))
    found = run("csngf", case, **SEARCH)
    assert corner_error(found.matrix, case.truth_matrix) < 2.0
    assert corner_error(np.eye(4), case.truth_matrix) > 15.0
    unsquared = run("csngf", case, similarity="unsquared", **SEARCH)
    assert corner_error(unsquared.matrix, case.truth_matrix) > 5.0
    inverted = run("csngf", case, similarity="unsquared", invert_moving=True, **SEARCH)
    assert corner_error(inverted.matrix, case.truth_matrix) < 2.0


def test_the_rotation_near_the_truth_wins_and_its_displacement_is_the_true_one() -> None:
    angles, shift = (20.0, 70.0, -130.0), (1.0, -2.0, 3.0)
    case = pair(angles, shift)
    images = [torch.from_numpy(x)[None, None] for x in (case.fixed, case.moving)]
    level = gs.make_level((images[0], images[1]), (None, None), 0.7, 1.0)
    near = rigid.rotation_from_euler(torch.deg2rad(torch.tensor([22.0, 69.0, -131.0], dtype=torch.float64)))
    turns = torch.cat([rigid.random_rotations(15, torch.Generator().manual_seed(1)), near[None]])
    values, shifts = gs.best_displacements(level, turns, GradientMeasure(), 0.5)
    assert int(values.argmax()) == 15
    # fixed(x) = blobs(c + R (x - c) + t) meets moving turned by R at x + chi: chi = R^-1 t
    assert np.allclose(shifts[15].numpy(), near.numpy().T @ np.array(shift), atol=1.0)


def test_the_unsquared_map_is_negative_at_the_truth_of_a_reversed_contrast() -> None:
    case = pair((0.0, 0.0, 0.0), (2.0, -1.0, 3.0))
    fixed, moving = (torch.from_numpy(x)[None, None] for x in (case.fixed, case.moving))
    for squared, low, high in ((True, 0.9, 1.0), (False, -1.0, -0.9)):
        measure = GradientMeasure(squared=squared)
        ones = torch.ones_like(fixed)
        found = measure.against(measure.prepare(fixed, ones), ones, 0.5)(measure.prepare(moving, ones), ones)
        there = tuple(s - low for s, low in zip((2, -1, 3), found.window.lower, strict=True))
        assert low < float(found.values[(0, *there)]) < high
        assert (found.best()[1][0].tolist() == [2, -1, 3]) is squared


def test_a_turned_image_is_that_of_scipy() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    image = torch.rand(1, 1, 9, 9, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    turn = rigid.random_rotations(1, torch.Generator().manual_seed(1))
    ours = gs.rotate(image, turn, mode="linear", padding="border")[0, 0].numpy()
    offset = 4.0 - turn[0].numpy() @ np.full(3, 4.0)
    theirs = ndimage.affine_transform(image[0, 0].numpy(), turn[0].numpy(), offset, order=1, mode="nearest")
    assert np.allclose(ours, theirs, atol=1e-12)


def test_levels_follow_the_plan() -> None:
    plan = gs.SearchPlan((1.0, 0.0), (2, 1), (7, 9), (6.0,), (3,))
    first = gs.draw_rotations(plan, 0, torch.zeros(0, 3, 3), torch.Generator().manual_seed(0))
    assert first.shape == (7, 3, 3)
    best = rigid.random_rotations(3, torch.Generator().manual_seed(4))
    later = gs.draw_rotations(plan, 1, best, torch.Generator().manual_seed(0))
    distance = torch.rad2deg(rigid.rotation_angle(later.unsqueeze(1) @ best.mT)).amin(1)
    assert later.shape == (9, 3, 3) and 1.0 < distance.max() <= 6.0 * 3**0.5 + 0.1
    assert run("csngf", pair((0, 0, 0), (0, 0, 0)), **SEARCH).readings[1].value == 500 + (8 + 300) + (2 + 40)


def test_kept_rotations_are_tried_again_unchanged() -> None:
    case = pair((30.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    one = {"sigmas": [0.7], "downsampling": [1], "rotations": [20], "steps": [], "kept": []}
    two = {"sigmas": [0.7, 0.7], "downsampling": [1, 1], "rotations": [20, 0], "steps": [0.0], "kept": [1]}
    first, second = run("csngf", case, **one), run("csngf", case, **two)
    assert np.array_equal(first.matrix, second.matrix)


def test_uniform_rotations_are_uniform_and_euler_ones_are_not() -> None:
    def poleward(sampling: str) -> float:
        plan = gs.SearchPlan((1.0,), (1,), (4000,), (), (), sampling=sampling)
        turns = gs.draw_rotations(plan, 0, torch.zeros(0, 3, 3), torch.Generator().manual_seed(0))
        return float((turns[:, 2, 0].abs() > 0.9).double().mean())  # 0.1 for a uniform direction

    assert poleward("uniform") == pytest.approx(0.1, abs=0.015)
    assert poleward("euler") == pytest.approx(2 / np.pi * np.arccos(0.9), abs=0.02)


def test_coarser_voxels_keep_the_search_in_millimetres() -> None:
    fine, coarse = pair((50, 0, 20), (1, 0, 0), 1.0), pair((50, 0, 20), (1, 0, 0), 2.0)
    rest = {"rotations": [20, 5], "steps": [5.0], "kept": [2]}
    ours = run("csngf", coarse, sigmas=[3.0, 2.0], downsampling=[4, 1], **rest)
    theirs = run("csngf", fine, sigmas=[1.5, 1.0], downsampling=[2, 1], **rest)
    assert np.array_equal(ours.matrix, theirs.matrix)


def test_the_same_seed_gives_the_same_matrix() -> None:
    case = pair((10, 20, 30), (0, 1, 0))
    tiny = describe("methods", "csngf")["tiny"]
    matrices = [run("csngf", case, seed=seed, **tiny).matrix for seed in (3, 3, 4)]
    assert np.array_equal(matrices[0], matrices[1])
    assert not np.array_equal(matrices[0], matrices[2])


def test_masks_hide_what_would_mislead() -> None:
    case = pair((0.0, 0.0, 0.0), (3.0, 0.0, 0.0))
    images = [torch.from_numpy(x.copy())[None, None] for x in (case.fixed, case.moving)]
    still = torch.rand(SIZE, SIZE, 15, generator=torch.Generator().manual_seed(0))
    for image in images:
        image[..., :15] = still  # in both images at the same place
    mask = torch.ones_like(images[0])
    mask[..., :16] = 0
    turn = torch.eye(3, dtype=torch.float64)[None]
    for masks, wanted in (((None, None), [0, 0, 0]), ((mask, mask), [3, 0, 0])):
        level = gs.make_level((images[0], images[1]), masks, 0.0, 1.0)
        assert gs.best_displacements(level, turn, GradientMeasure(), 0.5)[1][0].tolist() == wanted


def test_cmif_finds_a_motion_across_a_nonlinear_contrast() -> None:
    pytest.importorskip("sklearn")
    case = pair((100.0, -40.0, 60.0), (2.0, -3.0, 1.0))
    found = run("cmif", case, clusters=5, **(SEARCH | {"sigmas": [1.0, 0.7, 0.0], "rotations": [300, 150, 15]}))
    assert corner_error(found.matrix, case.truth_matrix) < 3.0


def test_descent_finds_a_small_motion_and_misses_a_large_one() -> None:
    settings = {"iterations": [60, 30], "downsampling": [2, 1], "sigmas": [2.0, 1.0]}
    near, far = pair((8.0, -6.0, 5.0), (1.5, -1.0, 0.5)), pair((100.0, -40.0, 60.0), (2.0, -3.0, 1.0))
    assert corner_error(np.eye(4), near.truth_matrix) > 3.0
    assert corner_error(run("lo_ngf", near, **settings).matrix, near.truth_matrix) < 0.4
    assert corner_error(run("lo_ngf", far, **settings).matrix, far.truth_matrix) > 5.0
    stopped = run("lo_ngf", near, **(settings | {"iterations": [60, 500], "patience": 10}))
    assert stopped.readings[1].value < 560


@pytest.mark.parametrize("border", ["one-sided", "zeros"])
def test_the_end_of_the_view_is_an_edge_only_with_zeros(border) -> None:
    image = torch.ones(1, 1, 6, 6, 6)
    measure = GradientMeasure(border=border)
    field = measure.field(measure.prepare(image, torch.ones_like(image)))
    assert field.shape == (1, 3, 6, 6, 6)
    assert bool(field.abs().max() > 0.5) is (border == "zeros")


def test_one_sided_gradients_are_those_of_numpy() -> None:
    image = np.random.default_rng(0).random((5, 6, 7))
    ours = GradientMeasure(epsilon=0.5).field(extrapolated(torch.from_numpy(image)[None, None]))[0].numpy()
    gradient = np.stack(np.gradient(image))
    assert np.allclose(ours, gradient / np.sqrt((gradient**2).sum(0) + 0.25), atol=1e-12)


def test_unfit_settings_are_refused() -> None:
    case = pair((0, 0, 0), (0, 0, 0))
    with pytest.raises(InputError, match="m sigmas"):
        run("csngf", case, rotations=[5])
    with pytest.raises(InputError, match="similarity"):
        run("csngf", case, similarity="cubed")
    with pytest.raises(InputError, match="border"):
        run("csngf", case, border="mirror")
    with pytest.raises(InputError, match="sampling"):
        run("csngf", case, sampling="grid")
    with pytest.raises(InputError, match="iterations"):
        run("lo_ngf", case, iterations=[5])
    stretched = Case("s", Frame.of(SHAPE, (1.0, 1.0, 2.0)), case.fixed, case.moving)
    with pytest.raises(InputError, match="isotropic"):
        run("csngf", stretched)
