"""The compiled kernels give what the torch ones give (which other tests hold to scipy and SimpleITK)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch

from wbir.errors import InputError
from wbir.geometry import flows, fused, jacobians, kernels, warping

SHAPES = [(2, 9, 11), (2, 7, 9, 8), (1, 1, 6, 5), (1, 3, 4, 1)]  # the batch, then the grid


def image_and_field(shape: tuple[int, ...], channels: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """An image and a displacement that also leaves it."""
    generator = torch.Generator().manual_seed(0)
    batch, *grid = shape
    image = torch.rand(batch, channels, *grid, generator=generator)
    return image, 2 * torch.randn(batch, len(grid), *grid, generator=generator)


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_equal_to_torch(shape: tuple[int, ...]) -> None:
    image, u = image_and_field(shape, channels=2)
    close(fused.warp(image, u), warping.warp(image, u))
    close(fused.compose(u, u.flip(0) / 2), flows.compose(u, u.flip(0) / 2))
    for squarings in (0, 3, 4):
        close(fused.exponential(u, squarings=squarings), flows.exponential(u, squarings=squarings))
    close(fused.jacobian_determinant(u), jacobians.jacobian_determinant(u))
    for sigma in (1.3, [0.0, 2.0, 0.7][-u.shape[1] :], 0.0):
        close(fused.gaussian_smooth(u, sigma), kernels.gaussian_smooth(u, sigma))


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_autograds(shape: tuple[int, ...]) -> None:
    image, u = image_and_field(shape)
    u.requires_grad_()
    warped = warping.warp(image, u)
    (expected,) = torch.autograd.grad(warped.sum(), u)
    ours, gradient = fused.warp_gradient(image, u)
    close(ours, warped.detach())
    close(gradient, expected)
    assert gradient.abs().max() > 0.1


@pytest.mark.parametrize("shape", SHAPES)
def test_inputs_that_ask_for_a_gradient_get_none_and_stop_nothing(shape: tuple[int, ...]) -> None:
    image, u = (t.requires_grad_() for t in image_and_field(shape))
    for result in (fused.warp(image, u), fused.compose(u, u), fused.exponential(u), fused.gaussian_smooth(u, 1.0)):
        assert not result.requires_grad


def test_results_go_where_they_are_wanted() -> None:
    image, u = image_and_field((1, 6, 7, 8))
    out, spare, gradient, single = (
        torch.empty_like(u),
        torch.empty_like(u),
        torch.empty_like(u),
        torch.empty_like(image),
    )
    assert fused.exponential(u, out=out, spare=spare) is out
    close(out, flows.exponential(u))
    assert fused.warp_gradient(image, u, out=single, gradient=gradient)[1] is gradient
    close(single, warping.warp(image, u))
    expected = kernels.gaussian_smooth(u, [0.0, 1.0, 2.0])
    assert fused.gaussian_smooth(u, [0.0, 1.0, 2.0], out=u) is u
    close(u, expected)


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_byte(threads: int) -> None:
    image, u = image_and_field((1, 9, 10, 11))
    calls: list[Callable[[], torch.Tensor]] = [
        lambda: fused.warp(image, u),
        lambda: fused.warp_gradient(image, u)[1],
        lambda: fused.exponential(u),
        lambda: fused.jacobian_determinant(u),
        lambda: fused.gaussian_smooth(u, 1.0),
    ]
    one = [call() for call in calls]
    torch.set_num_threads(threads)
    assert all(torch.equal(call(), expected) for call, expected in zip(calls, one, strict=True))


def test_torch_keeps_its_number_of_threads() -> None:
    """In a process of its own: only numba's first start could change it."""
    script = """
import torch
torch.set_num_threads(1)
from wbir.geometry import fused
fused.jacobian_determinant(torch.zeros(1, 3, 4, 4, 4))
print(torch.get_num_threads())
"""
    environment = {**os.environ, "NUMBA_NUM_THREADS": "3", "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "1"


def test_a_nan_stays_one() -> None:
    image, u = image_and_field((1, 5, 6, 7))
    u[0, 1, 2, 3, 4] = torch.nan
    u[0, 2, 0, 0, 0] = torch.inf
    for warped in (fused.warp(image, u), fused.warp_gradient(image, u)[0]):
        assert warped.isnan().nonzero().tolist() == [[0, 0, 2, 3, 4]]


def test_what_they_cannot_take_is_refused() -> None:
    image, u = image_and_field((1, 5, 6, 7), channels=2)
    wrong: list[Callable[[], object]] = [
        lambda: fused.warp(image.double(), u.double()),
        lambda: fused.warp(image.transpose(2, 2).transpose(2, 4), u),
        lambda: fused.warp(image, u[:, :, 1:]),
        lambda: fused.warp_gradient(image, u),
        lambda: fused.compose(u, u, out=u),
        lambda: fused.jacobian_determinant(u[:, :2]),
        lambda: fused.gaussian_smooth(u, -1.0),
    ]
    for call in wrong:
        with pytest.raises(InputError):
            call()
