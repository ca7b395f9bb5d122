"""rigid.py against scipy's rotations, the distribution of angles on SO(3), and matrices read back."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from scipy.stats import kstest

from wbir.errors import InputError
from wbir.geometry.rigid import (
    about_centre,
    corner_points,
    displacement_matrix,
    homogeneous,
    invert_matrix,
    matrix_displacement,
    random_rotations,
    rotation_2d,
    rotation_angle,
    rotation_from_euler,
    rotation_from_quaternion,
    transform_points,
)
from wbir.geometry.warping import warp


def rotations(n: int, seed: int = 0) -> torch.Tensor:
    return random_rotations(n, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("order", ["xyz", "zyx", "XYZ", "ZYX", "ZXZ", "yzx"])
def test_euler_angles_are_scipys(order: str) -> None:
    angles = np.random.default_rng(0).uniform(-3, 3, (5, 3))
    ours = rotation_from_euler(torch.from_numpy(angles), order)
    np.testing.assert_allclose(ours.numpy(), Rotation.from_euler(order, angles).as_matrix(), atol=1e-14)


@pytest.mark.parametrize("order", ["xy", "xyw", "xYz"])
def test_another_order_is_refused(order: str) -> None:
    with pytest.raises(InputError, match="case"):
        rotation_from_euler(torch.zeros(3), order)


def test_quarter_turns_go_the_stated_way() -> None:
    quarter = torch.tensor(math.pi / 2)
    turned = rotation_2d(quarter) @ torch.tensor([1.0, 0.0])
    torch.testing.assert_close(turned, torch.tensor([0.0, 1.0]), atol=1e-6, rtol=0)
    about_z = rotation_from_euler(torch.tensor([0.0, 0.0, math.pi / 2])) @ torch.tensor([1.0, 0.0, 0.0])
    torch.testing.assert_close(about_z, torch.tensor([0.0, 1.0, 0.0]), atol=1e-6, rtol=0)


def test_quaternions_are_scipys_scalar_first() -> None:
    q = np.random.default_rng(1).normal(size=(6, 4))
    ours = rotation_from_quaternion(torch.from_numpy(q))
    np.testing.assert_allclose(ours.numpy(), Rotation.from_quat(q[:, [1, 2, 3, 0]]).as_matrix(), atol=1e-14)


def test_random_rotations_are_proper_and_repeatable() -> None:
    r = rotations(50)
    torch.testing.assert_close(r @ r.mT, torch.eye(3, dtype=torch.float64).expand(50, 3, 3))
    torch.testing.assert_close(torch.det(r), torch.ones(50, dtype=torch.float64))
    assert torch.equal(r, rotations(50))
    assert not torch.equal(r, rotations(50, seed=1))


def test_random_rotations_are_uniform() -> None:
    """Uniform on SO(3): the angle has density (1 - cos) / pi and mean pi / 2 + 2 / pi; turned vectors are uniform."""
    r = rotations(4000, seed=7)
    angles = rotation_angle(r).numpy()
    spread = math.sqrt(0.42 / 4000)  # the angle's standard deviation is 0.646
    assert abs(angles.mean() - (math.pi / 2 + 2 / math.pi)) < 4 * spread
    assert kstest(angles, lambda a: (a - np.sin(a)) / math.pi).pvalue > 0.01
    fixed = rotation_from_euler(torch.tensor([0.4, -1.0, 2.0], dtype=torch.float64))
    relative = rotation_angle(r @ fixed.mT).numpy()  # Haar measure does not change under a fixed rotation
    assert kstest(relative, lambda a: (a - np.sin(a)) / math.pi).pvalue > 0.01
    for axis in range(3):  # height of a uniform point on the sphere is uniform in [-1, 1]
        assert kstest(r[:, axis, 0].numpy(), lambda z: (z + 1) / 2).pvalue > 0.01


def test_uniform_euler_angles_would_fail_the_same_test() -> None:
    angles = torch.from_numpy(np.random.default_rng(0).uniform(-math.pi, math.pi, (4000, 3)))
    measured = rotation_angle(rotation_from_euler(angles)).numpy()
    assert kstest(measured, lambda a: (a - np.sin(a)) / math.pi).pvalue < 1e-3


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, 2.0, math.pi - 1e-9, math.pi])
def test_rotation_angle_keeps_its_digits(angle: float) -> None:
    axis = np.array([1.0, -2.0, 0.5]) / np.linalg.norm([1.0, -2.0, 0.5])
    matrix = torch.from_numpy(Rotation.from_rotvec(angle * axis).as_matrix())
    assert rotation_angle(matrix).item() == pytest.approx(angle, abs=1e-14, rel=1e-6)


@pytest.mark.parametrize("shape", [(5, 8), (4, 5, 6)])
def test_about_centre_keeps_the_centre(shape: tuple[int, ...]) -> None:
    dim = len(shape)
    linear = rotations(1)[0] if dim == 3 else rotation_2d(torch.tensor(0.7, dtype=torch.float64))
    centre = (torch.tensor(shape, dtype=torch.float64) - 1) / 2
    torch.testing.assert_close(transform_points(about_centre(linear, shape), centre[None]), centre[None])
    shift = torch.arange(1.0, dim + 1, dtype=torch.float64)
    moved = transform_points(about_centre(linear, shape, shift), centre[None] + 1)
    torch.testing.assert_close(moved, centre[None] + linear.sum(1) + shift)


def test_about_centre_with_spacing_is_rigid_in_millimetres() -> None:
    shape, spacing = (10, 12, 6), (1.0, 0.5, 3.0)
    shift = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    matrix = about_centre(rotations(4), shape, shift, spacing=spacing)
    size = torch.tensor(spacing, dtype=torch.float64)
    points = torch.rand(9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 6
    before, after = points * size, transform_points(matrix, points) * size
    expected = torch.cdist(before, before).expand(4, 9, 9)
    torch.testing.assert_close(torch.cdist(after, after), expected)
    centre = ((torch.tensor(shape, dtype=torch.float64) - 1) / 2)[None]
    torch.testing.assert_close(((transform_points(matrix, centre) - centre) * size)[2, 0], shift)


@pytest.mark.parametrize("shape", [(5, 8), (4, 5, 6)])
def test_matrix_and_displacement_are_one_map(shape: tuple[int, ...]) -> None:
    dim = len(shape)
    generator = torch.Generator().manual_seed(3)
    eye = torch.eye(dim + 1, dtype=torch.float64)
    linear = eye[:dim, :dim] + 0.2 * torch.randn(2, dim, dim, generator=generator, dtype=torch.float64)
    matrix = homogeneous(linear, torch.randn(2, dim, generator=generator, dtype=torch.float64))
    u = matrix_displacement(matrix, shape)
    assert u.shape == (2, dim, *shape)
    corners = corner_points(shape)
    for corner, target in zip(corners, transform_points(matrix, corners)[1], strict=True):
        index = tuple(int(i) for i in corner)
        torch.testing.assert_close(corner + u[1].flatten(1)[:, np.ravel_multi_index(index, shape)], target)
    torch.testing.assert_close(displacement_matrix(u), matrix)
    torch.testing.assert_close(invert_matrix(matrix) @ matrix, eye.expand_as(matrix))


def test_displacement_matrix_is_the_nearest_affine_map() -> None:
    noise = torch.randn(1, 2, 9, 7, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    residual = noise - matrix_displacement(displacement_matrix(noise), (9, 7))
    assert displacement_matrix(residual).sub(torch.eye(3, dtype=torch.float64)).abs().max() < 1e-12
    assert residual.square().sum() < noise.square().sum()


def test_a_quarter_turn_is_numpys_rot90() -> None:
    image = torch.arange(25.0, dtype=torch.float64).view(1, 1, 5, 5)
    quarter = rotation_2d(torch.tensor(math.pi / 2, dtype=torch.float64))
    u = matrix_displacement(about_centre(quarter, (5, 5)), (5, 5))
    # pull-back: the value at (0, 4) comes from where the map takes it, (0, 0): the picture turns the other way
    expected = np.rot90(image[0, 0].numpy(), k=-1)
    np.testing.assert_allclose(warp(image, u)[0, 0].numpy(), expected, atol=1e-12)


def test_corner_points_lists_every_corner_once() -> None:
    assert corner_points((3, 5)).tolist() == [[0, 0], [0, 4], [2, 0], [2, 4]]
    assert corner_points((2, 3, 4)).shape == (8, 3)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="linear"):
        about_centre(torch.eye(3), (4, 4))
    with pytest.raises(InputError, match="matrix"):
        matrix_displacement(torch.eye(3), (4, 4, 4))


def test_gradients() -> None:
    angles = torch.tensor([0.3, -0.5, 1.0], dtype=torch.float64, requires_grad=True)
    shift = torch.tensor([0.3, -0.5, 1.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda a, t: matrix_displacement(about_centre(rotation_from_euler(a), (3, 2, 2), t), (3, 2, 2)), (angles, shift)
    )
    assert torch.autograd.gradcheck(lambda a: rotation_angle(rotation_from_euler(a)), (angles,))
