"""Broken geodesics: a large deformation as a chain of stationary velocity fields, and the length of the chain.

Paper 06, Algorithm 1 and Sect. 2.1. With S_0 the moving image, each piece registers `S_{i-1}` to the fixed image by
symmetric log-demons, `S_i = S_{i-1} o exp(v_i)`; the path is `gamma = exp(v_1) o exp(v_2) o ... o exp(v_N)`, its
length `l(gamma) = sum_i ||v_i||_V` (Eq. 1, 2), its inverse `exp(-v_N) o ... o exp(-v_1)`. The moving image is
interpolated once, by the composed displacement, not N times.

Left open by the text: the norm V, the stopping rule, the log-demons settings. We take for V the Sobolev norm of first
order that belongs to the regulariser: smoothing by a Gaussian sigma is, to first order, the inverse of
`1 - sigma^2 / 2 Laplacian`, so `||v||_V^2 = mean(|v|^2 + alpha^2 |grad v|^2)` with `alpha = sigma_diffusion / sqrt(2)`,
v in mm, mean over the grid: a root mean square in mm that does not depend on the number of voxels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from wbir.errors import InputError
from wbir.geometry.derivatives import partial
from wbir.geometry.flows import compose
from wbir.geometry.warping import warp
from wbir.registration.log_demons import DemonsSettings, adaptive_exponential, log_demons


@dataclass(frozen=True)
class BrokenGeodesic:
    """A path of N pieces on the grid `shape`; displacements and velocities in voxels.

    velocities: N fields `(1, dim, *shape)`. displacement, inverse: gamma and its inverse, `(1, dim, *shape)`.
    images: S_0 ... S_N, `(1, 1, *shape)`. residuals: mean squared difference of each S_i from the fixed image.
    """

    velocities: tuple[torch.Tensor, ...]
    displacement: torch.Tensor
    inverse: torch.Tensor
    images: tuple[torch.Tensor, ...]
    residuals: tuple[float, ...]


@torch.no_grad()
def broken_geodesic(
    fixed: torch.Tensor, moving: torch.Tensor, settings: DemonsSettings, *, max_pieces: int, tolerance: float
) -> BrokenGeodesic:
    """Algorithm 1 on `fixed` and `moving` `(1, 1, *shape)`, intensities in about [0, 1].

    Ends after `max_pieces`, or once a piece lowers the mean squared difference by less than the fraction `tolerance`
    (that piece stays). A piece that does not lower it at all is no geodesic towards the fixed image: it is dropped
    and ends the path. Raises InputError for max_pieces < 1.
    """
    if max_pieces < 1:
        raise InputError("max_pieces of at least 1", str(max_pieces), "allow one piece")
    displacement = fixed.new_zeros(1, fixed.dim() - 2, *fixed.shape[2:])
    inverse, images, residuals = displacement, [moving], [_residual(fixed, moving)]
    velocities: list[torch.Tensor] = []
    while len(velocities) < max_pieces and residuals[-1] > 0:
        velocity = log_demons(fixed, images[-1], settings).velocity
        candidate = compose(displacement, adaptive_exponential(velocity))
        image = warp(moving, candidate)
        decrease = 1 - _residual(fixed, image) / residuals[-1]
        if decrease <= 0:
            break
        displacement, inverse = candidate, compose(adaptive_exponential(-velocity), inverse)
        velocities.append(velocity)
        images.append(image)
        residuals.append(_residual(fixed, image))
        if decrease < tolerance:
            break
    return BrokenGeodesic(tuple(velocities), displacement, inverse, tuple(images), tuple(residuals))


def velocity_norm(velocity: torch.Tensor, spacing: Sequence[float], alpha: Sequence[float]) -> float:
    """`sqrt(mean(|v|^2 + sum_a alpha_a^2 |d_a v|^2))` in mm, the mean over the grid: a Sobolev norm of first order.

    velocity: `(1, dim, *shape)`, voxels. spacing, alpha: mm along each axis; an alpha of zeros gives the L2 norm.
    """
    scale = torch.tensor(spacing, dtype=velocity.dtype, device=velocity.device).view(1, -1, *(1,) * len(spacing))
    in_mm = velocity * scale
    energy = in_mm.square().sum(1).mean()
    for axis, (length, size) in enumerate(zip(alpha, spacing, strict=True)):
        if length:
            energy = energy + (length / size) ** 2 * partial(in_mm, axis + 2).square().sum(1).mean()
    return math.sqrt(float(energy))


def displacement_lengths(displacement: torch.Tensor, spacing: Sequence[float]) -> tuple[float, float]:
    """Mean and largest |u| in mm of a displacement `(1, dim, *shape)` in voxels."""
    scale = torch.tensor(spacing, dtype=displacement.dtype, device=displacement.device).view(
        1, -1, *(1,) * len(spacing)
    )
    lengths = (displacement * scale).square().sum(1).sqrt()
    return float(lengths.mean()), float(lengths.max())


def _residual(fixed: torch.Tensor, image: torch.Tensor) -> float:
    return float((fixed - image).square().mean())
