"""kernels.py, resampling.py and poisson.py against scipy and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
import torch
from scipy.ndimage import gaussian_filter, map_coordinates

from wbir.errors import InputError
from wbir.geometry.derivatives import laplacian
from wbir.geometry.grids import identity_grid
from wbir.geometry.kernels import gaussian_pyramid, gaussian_smooth, gaussian_smooth_fft, sobolev_smooth
from wbir.geometry.poisson import solve_dirichlet
from wbir.geometry.resampling import downsample, resize, resize_displacement
from wbir.geometry.rigid import matrix_displacement
from wbir.geometry.warping import sample


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("shape", "sigma"), [((20, 17), 1.3), ((9, 12, 11), (0.8, 1.5, 0.0)), ((3, 30), 2.0)])
@pytest.mark.parametrize(("padding", "mode"), [("replicate", "nearest"), ("zeros", "constant")])
def test_gaussian_is_scipys(shape: tuple[int, ...], sigma: float, padding: str, mode: str) -> None:
    x = noise(2, 2, *shape)
    ours = gaussian_smooth(x, sigma, padding=padding)
    np.testing.assert_allclose(ours[1, 0].numpy(), gaussian_filter(x[1, 0].numpy(), sigma, mode=mode), atol=1e-13)


def test_gaussian_keeps_constants_and_the_variance_of_a_point() -> None:
    torch.testing.assert_close(gaussian_smooth(torch.full((1, 1, 8, 9), 3.0), 2.5), torch.full((1, 1, 8, 9), 3.0))
    point = torch.zeros(1, 1, 41, 41, dtype=torch.float64)
    point[..., 20, 20] = 1
    spread = gaussian_smooth(point, (2.0, 3.0))
    squares = (identity_grid((41, 41), dtype=torch.float64) - 20) ** 2
    variances = (squares * spread).sum((0, 2, 3))
    torch.testing.assert_close(variances, torch.tensor([4.0, 9.0], dtype=torch.float64), rtol=5e-3, atol=0)


@pytest.mark.parametrize("shape", [(40, 41), (30, 29, 28)])
def test_fft_is_direct_smoothing_in_the_interior(shape: tuple[int, ...]) -> None:
    x = noise(1, 2, *shape)
    inside = (slice(None), slice(None), *(slice(9, -9),) * len(shape))
    difference = (gaussian_smooth_fft(x, 1.5) - gaussian_smooth(x, 1.5))[inside].abs().max()
    assert difference < 5e-4  # the cut at 4 sigma


@pytest.mark.parametrize("shape", [(12, 9), (8, 7, 6)])
def test_fft_smoothing_scales_a_wave(shape: tuple[int, ...]) -> None:
    grid = identity_grid(shape, dtype=torch.float64)
    frequencies = [2 * math.pi * k / n for k, n in zip((1, 2, 1), shape, strict=False)]
    wave = torch.cos(torch.stack([f * grid[:, a] for a, f in enumerate(frequencies)]).sum(0)).unsqueeze(1)
    gain = math.exp(-0.5 * 1.7**2 * sum(f * f for f in frequencies))
    torch.testing.assert_close(gaussian_smooth_fft(wave, 1.7), gain * wave)
    symbol = 0.9 + 0.4 * sum(2 - 2 * math.cos(f) for f in frequencies)
    torch.testing.assert_close(sobolev_smooth(wave, 0.4, 0.9, 2.0), symbol**-2 * wave)


def test_sobolev_inverts_its_operator() -> None:
    x = noise(1, 2, 8, 9)

    def periodic_laplacian(y: torch.Tensor) -> torch.Tensor:
        return sum((y.roll(s, a) for s in (1, -1) for a in (2, 3)), -4 * y)

    smooth = sobolev_smooth(x, 0.7, 1.3, 1.0)
    torch.testing.assert_close(1.3 * smooth - 0.7 * periodic_laplacian(smooth), x)
    torch.testing.assert_close(sobolev_smooth(smooth, 0.7, 1.3, 1.0), sobolev_smooth(x, 0.7, 1.3, 2.0))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: gaussian_smooth(x, -1.0),
        lambda x: gaussian_smooth(x, (1.0, 1.0, 1.0)),
        lambda x: gaussian_smooth(x, 1.0, padding="mirror"),
        lambda x: gaussian_smooth(x[0], 1.0),
        lambda x: sobolev_smooth(x, 1.0, 0.0),
        lambda x: downsample(x, 0.5),
        lambda x: resize(x, (4, 4, 4)),
        lambda x: resize(x, (1, 4)),
        lambda x: resize(x, (4, 4), mode="spline"),
        lambda x: solve_dirichlet(x[..., :2]),
    ],
)
def test_unfit_arguments_are_refused(call: Callable[[torch.Tensor], torch.Tensor]) -> None:
    with pytest.raises(InputError):
        call(torch.zeros(1, 1, 6, 6))


@pytest.mark.parametrize(("old", "new"), [((9, 7), (5, 12)), ((6, 7, 5), (11, 4, 5))])
def test_resize_reads_linearly_between_fixed_corners(old: tuple[int, ...], new: tuple[int, ...]) -> None:
    image = noise(2, 2, *old)
    axes = [np.arange(n) * (o - 1) / (n - 1) for n, o in zip(new, old, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"))
    ours = resize(image, new)
    assert ours.shape == (2, 2, *new)
    np.testing.assert_allclose(ours[1, 0].numpy(), map_coordinates(image[1, 0].numpy(), points, order=1), atol=1e-12)
    labels = (image * 10).long()
    expected = sample(labels, torch.from_numpy(points)[None], mode="nearest", padding="border")
    assert torch.equal(resize(labels, new, mode="nearest"), expected)


@pytest.mark.parametrize(("old", "new"), [((9, 8), (17, 5)), ((5, 6, 7), (9, 8, 4))])
def test_an_affine_displacement_stays_the_same_map_on_another_grid(old: tuple[int, ...], new: tuple[int, ...]) -> None:
    dim = len(old)
    matrix = torch.eye(dim + 1, dtype=torch.float64)
    matrix[:dim] += 0.1 * noise(dim, dim + 1)
    scale = torch.diag(torch.tensor([*((n - 1) / (o - 1) for n, o in zip(new, old, strict=True)), 1.0]).double())
    expected = matrix_displacement(scale @ matrix @ scale.inverse(), new)
    torch.testing.assert_close(resize_displacement(matrix_displacement(matrix, old), new), expected)


def test_downsample_keeps_a_ramp_and_damps_what_it_cannot_hold() -> None:
    ramp = identity_grid((65, 64), dtype=torch.float64)[:, :1]
    small = downsample(ramp, (2, 4))
    assert small.shape == (1, 1, 33, 16)
    torch.testing.assert_close(small[0, 0, 4:-4, 0], torch.arange(8.0, 58.0, 2.0, dtype=torch.float64))
    checkerboard = (-1.0) ** identity_grid((64, 64), dtype=torch.float64).sum(1, keepdim=True)
    assert downsample(checkerboard, 2)[..., 3:-3, 3:-3].abs().max() < 0.01  # the continued border keeps a part of it
    assert downsample(ramp, 1).shape == ramp.shape
    assert downsample(ramp, 100).shape == (1, 1, 2, 2)


def test_pyramid_runs_from_coarse_to_fine() -> None:
    image = noise(1, 1, 20, 14)
    pyramid = gaussian_pyramid(image, 3)
    assert [tuple(level.shape[2:]) for level in pyramid] == [(5, 4), (10, 7), (20, 14)]
    assert pyramid[-1] is image
    torch.testing.assert_close(pyramid[1], downsample(image, 2))


@pytest.mark.parametrize("shape", [(9, 12), (6, 7, 5)])
def test_poisson_is_the_sparse_solution(shape: tuple[int, ...]) -> None:
    inner = tuple(n - 2 for n in shape)
    operator = scipy.sparse.csr_matrix((math.prod(inner), math.prod(inner)))
    for axis, n in enumerate(inner):
        line = scipy.sparse.diags([1.0, -2.0, 1.0], [-1, 0, 1], shape=(n, n))
        before, after = (scipy.sparse.eye(math.prod(part)) for part in (inner[:axis], inner[axis + 1 :]))
        operator = operator + scipy.sparse.kron(scipy.sparse.kron(before, line), after)
    rhs = noise(2, 2, *shape)
    inside = (slice(1, -1),) * len(shape)
    reference = scipy.sparse.linalg.spsolve(operator.tocsc(), rhs[1, 0][inside].numpy().ravel()).reshape(inner)
    u = solve_dirichlet(rhs)
    np.testing.assert_allclose(u[1, 0][inside].numpy(), reference, atol=1e-12)
    everywhere = (slice(None), slice(None), *inside)
    torch.testing.assert_close(laplacian(u, boundary="zeros")[everywhere], rhs[everywhere])
    border = torch.ones(shape, dtype=torch.bool)
    border[inside] = False
    assert u[..., border].abs().max() == 0


def test_poisson_of_a_sine_mode_is_closed_form() -> None:
    n, m = 17, 11
    grid = identity_grid((n, m), dtype=torch.float64)
    angles = (3 * math.pi / (n - 1), 2 * math.pi / (m - 1))
    mode = torch.sin(angles[0] * grid[:, :1]) * torch.sin(angles[1] * grid[:, 1:])
    eigenvalue = sum(2 * math.cos(a) - 2 for a in angles)
    torch.testing.assert_close(solve_dirichlet(mode), mode / eigenvalue)


def test_poisson_on_a_long_axis_keeps_its_digits() -> None:
    rhs = noise(1, 1, 400, 3)
    residual = laplacian(solve_dirichlet(rhs), boundary="zeros") - rhs
    assert residual[..., 1:-1, 1:-1].abs().max() < 1e-11


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 3)])
def test_gradients(shape: tuple[int, ...]) -> None:
    x = noise(1, len(shape), *shape).requires_grad_()
    calls: list[Callable[[torch.Tensor], torch.Tensor]] = [
        lambda y: gaussian_smooth(y, 0.7),
        lambda y: gaussian_smooth(y, 0.7, padding="zeros"),
        lambda y: gaussian_smooth_fft(y, 0.7),
        lambda y: sobolev_smooth(y, 0.5, 1.0, 2.0),
        lambda y: downsample(y, 2),
        lambda y: resize_displacement(y, [n + 1 for n in y.shape[2:]]),
        solve_dirichlet,
    ]
    for call in calls:
        assert torch.autograd.gradcheck(call, (x,))
