"""Smoothing: Gaussian (direct and periodic), Sobolev, and the Gaussian pyramid."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry.axes import apply_separably, gaussian_matrix
from wbir.geometry.grids import check_image, per_axis
from wbir.geometry.resampling import downsample


def gaussian_smooth(
    x: Tensor, sigma: float | Sequence[float], *, padding: str = "replicate", truncate: float = 4.0
) -> Tensor:
    """Separable Gaussian smoothing of each channel of `(B, C, *spatial)`; same shape.

    sigma: standard deviation in voxels, one or one for each axis; 0 leaves an axis as it is. The kernel is cut at
    `truncate * sigma`. padding: `replicate` continues the border voxel, `zeros` takes zero outside.
    """
    dim = check_image(x)
    sigmas = _check_sigmas(sigma, dim)
    matrices = [
        gaussian_matrix(n, s, padding=padding, truncate=truncate) if s else None
        for n, s in zip(x.shape[2:], sigmas, strict=True)
    ]
    return apply_separably(x, matrices)


def gaussian_smooth_fft(x: Tensor, sigma: float | Sequence[float]) -> Tensor:
    """Periodic Gaussian smoothing of `(B, C, *spatial)`, transfer function `exp(-sigma^2 w^2 / 2)`; sigma in voxels."""
    dim = check_image(x)
    exponent = torch.zeros((), device=x.device, dtype=torch.float64)
    for frequency, s in zip(_frequencies(x), _check_sigmas(sigma, dim), strict=True):
        exponent = exponent - 0.5 * (s * frequency) ** 2
    return _filter(x, torch.exp(exponent))


def sobolev_smooth(x: Tensor, alpha: float, gamma: float = 1.0, power: float = 1.0) -> Tensor:
    """Apply `(gamma - alpha * Laplacian)^-power` to each channel of `(B, C, *spatial)`, periodic, by the FFT.

    The Laplacian is the compact stencil of `2 * dim + 1` voxels, eigenvalues `sum(2 cos w - 2)`. It is the operator of
    LDDMM (Beg et al. 2005, IJCV 61; power 2 stands for L and its adjoint). The mean is kept where gamma is 1.
    """
    check_image(x)
    if alpha < 0 or gamma <= 0:
        raise InputError("alpha >= 0 and gamma > 0", f"alpha {alpha}, gamma {gamma}", "take an invertible operator")
    symbol = torch.full((), gamma, device=x.device, dtype=torch.float64)
    for frequency in _frequencies(x):
        symbol = symbol + alpha * (2 - 2 * torch.cos(frequency))
    return _filter(x, symbol**-power)


def gaussian_pyramid(image: Tensor, levels: int, *, factor: float = 2.0) -> list[Tensor]:
    """`levels` images `(B, C, *spatial)`, coarsest first, the image itself last; `factor` from one to the next."""
    pyramid = [image]
    for _ in range(levels - 1):
        pyramid.insert(0, downsample(pyramid[0], factor))
    return pyramid


def _check_sigmas(sigma: float | Sequence[float], dim: int) -> tuple[float, ...]:
    sigmas = per_axis(sigma, dim, "sigma")
    if min(sigmas) < 0:
        raise InputError("sigma of 0 or more, in voxels", f"{sigmas}", "give a positive width")
    return sigmas


def _frequencies(x: Tensor) -> list[Tensor]:
    """Angular frequencies of a real FFT over the spatial axes, radians per voxel, each shaped to broadcast; float64."""
    sizes = x.shape[2:]
    lines = []
    for axis, n in enumerate(sizes):
        make = torch.fft.rfftfreq if axis == len(sizes) - 1 else torch.fft.fftfreq
        line = make(n, device=x.device, dtype=torch.float64) * (2 * math.pi)
        lines.append(line.view(-1, *(1,) * (len(sizes) - 1 - axis)))
    return lines


def _filter(x: Tensor, transfer: Tensor) -> Tensor:
    """Multiply the spectrum of `x` over its spatial axes by a real transfer function."""
    axes = tuple(range(2, x.ndim))
    return torch.fft.irfftn(torch.fft.rfftn(x, dim=axes) * transfer.to(x.dtype), s=x.shape[2:], dim=axes)
