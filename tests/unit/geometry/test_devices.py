"""Every function keeps to the device and number type of its input; a GPU gives the numbers of the CPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from wbir.geometry import derivatives, flows, jacobians, kernels, poisson, resampling, rigid, warping

Call = Callable[[torch.Tensor], torch.Tensor]
CALLS: dict[str, Call] = {
    "warp": lambda u: warping.warp(u, u),
    "nearest": lambda u: warping.warp(u, u, mode="nearest", padding="zeros"),
    "cubic": lambda u: warping.warp(u, u, mode="cubic", padding="zeros"),
    "compose": lambda u: flows.compose(u, u),
    "exponential": flows.exponential,
    "gradient": derivatives.gradient,
    "divergence": derivatives.divergence,
    "curl": derivatives.curl,
    "laplacian": derivatives.laplacian,
    "jacobian": jacobians.jacobian,
    "jacobian_determinant": jacobians.jacobian_determinant,
    "sd_log_jacobian": jacobians.sd_log_jacobian,
    "gaussian_smooth": lambda u: kernels.gaussian_smooth(u, 1.0),
    "gaussian_smooth_fft": lambda u: kernels.gaussian_smooth_fft(u, 1.0),
    "sobolev_smooth": lambda u: kernels.sobolev_smooth(u, 1.0, 1.0, 2.0),
    "gaussian_pyramid": lambda u: kernels.gaussian_pyramid(u, 2)[0],
    "resize": lambda u: resampling.resize(u, [5] * (u.ndim - 2)),
    "resize_nearest": lambda u: resampling.resize(u, [5] * (u.ndim - 2), mode="nearest"),
    "resize_displacement": lambda u: resampling.resize_displacement(u, [5] * (u.ndim - 2)),
    "solve_dirichlet": poisson.solve_dirichlet,
}


@pytest.mark.parametrize("shape", [(1, 2, 8, 7), (2, 3, 6, 7, 8)])
@pytest.mark.parametrize("name", CALLS)
def test_stays_on_its_device_and_type(name: str, shape: tuple[int, ...]) -> None:
    # a tensor made on the CPU by mistake cannot meet one on the device `meta`, which stands for any other device
    result = CALLS[name](torch.zeros(shape, device="meta"))
    assert result.device.type == "meta"
    assert result.dtype == torch.float32
    assert CALLS[name](torch.zeros(shape, dtype=torch.float64)).dtype == torch.float64


def test_matrices_stay_on_their_device() -> None:
    angles = torch.zeros(2, 3, device="meta")
    matrix = rigid.about_centre(rigid.rotation_from_euler(angles), (4, 5, 6), angles, spacing=(1.0, 2.0, 3.0))
    assert rigid.matrix_displacement(matrix, (4, 5, 6)).device.type == "meta"
    assert rigid.invert_matrix(matrix).device.type == "meta"
    assert rigid.rotation_angle(matrix[:, :3, :3]).device.type == "meta"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("name", CALLS)
def test_gpu_gives_the_numbers_of_the_cpu(name: str) -> None:
    u = torch.randn(2, 3, 9, 8, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(CALLS[name](u.cuda()).cpu(), CALLS[name](u))
