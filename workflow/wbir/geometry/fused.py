"""Warp, composition, exponential, Jacobian and smoothing on a CPU in one compiled pass each, where torch needs many.

The same functions as in `warping`, `flows`, `jacobians` and `kernels`, equal to them to rounding (a test holds them to
it), for float32 on a CPU in 2D and 3D. They take part in no autograd; `warp_gradient` gives what a closed-form
gradient needs. `out` takes the result where given, so that an iteration allocates nothing. They use as many threads as
torch does. Compiled at first use (seconds), kept on disk beside the source. Every function raises InputError for
tensors that are not contiguous float32 on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from wbir.errors import InputError
from wbir.geometry import fused_kernels
from wbir.geometry.compiled import as_volumes, use_torch_threads
from wbir.geometry.grids import check_field, check_image, per_axis


def warp(image: Tensor, displacement: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`image(x + displacement(x))`, linear, border voxels continued: `(B, C, *spatial)` as `warping.warp`.

    image: `(B, C, *spatial)`. displacement: `(B, dim, *spatial)` in voxels, on the same grid, the same batch.
    """
    _check_pair(image, displacement)
    out = torch.empty_like(image) if out is None else out
    images, warped = as_volumes(image, "image"), as_volumes(out, "out")
    use_torch_threads()
    for i, field in enumerate(_as_fields(displacement, "displacement")):
        for channel, result in zip(images[i], warped[i], strict=True):
            fused_kernels.warp_kernel(channel, field, result)
    return out


def warp_gradient(
    image: Tensor, displacement: Tensor, *, out: Tensor | None = None, gradient: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The warped image `(B, 1, *spatial)` and the derivative of each of its values in the displacement there.

    image: `(B, 1, *spatial)`. displacement: `(B, dim, *spatial)` in voxels. The gradient `(B, dim, *spatial)`, per
    voxel, is the image's at `x + displacement(x)`: that of the linear interpolation, zero along an axis on and beyond
    the border. The derivative of an energy E of the warped image is then `dE/dwarped * gradient`.
    """
    _check_pair(image, displacement)
    if image.shape[1] != 1:
        raise InputError("an image of one channel", f"{image.shape[1]}", "give them one by one")
    out = torch.empty_like(image) if out is None else out
    gradient = torch.empty_like(displacement) if gradient is None else gradient
    images, warped = as_volumes(image, "image"), as_volumes(out, "out")
    flat = displacement.ndim == 4
    slopes = np.empty((len(images), 3, *images.shape[2:]), np.float32) if flat else _as_fields(gradient, "gradient")
    use_torch_threads()
    for i, field in enumerate(_as_fields(displacement, "displacement")):
        fused_kernels.warp_gradient_kernel(images[i, 0], field, warped[i, 0], slopes[i])
    if flat:
        gradient.copy_(torch.from_numpy(slopes[:, 1:, 0]))
    return out, gradient


def compose(u: Tensor, v: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The displacement of `(id + u) o (id + v)`: `v(x) + u(x + v(x))`, `(B, dim, *spatial)` as `flows.compose`."""
    check_field(u)
    _check_pair(u, v)
    out = torch.empty_like(v) if out is None else out
    if out.data_ptr() in (u.data_ptr(), v.data_ptr()):
        raise InputError("an out of its own", "out is u or v", "give another tensor")
    if u.ndim == 4:
        return torch.add(v.detach(), warp(u, v), out=out)
    use_torch_threads()
    for first, second, result in zip(_as_fields(u, "u"), _as_fields(v, "v"), _as_fields(out, "out"), strict=True):
        fused_kernels.compose_kernel(first, second, result)
    return out


def exponential(
    velocity: Tensor, *, squarings: int = 7, out: Tensor | None = None, spare: Tensor | None = None
) -> Tensor:
    """The displacement of `exp(velocity)`: `(B, dim, *spatial)` in voxels, as `flows.exponential`.

    out, spare: the result and the one other tensor that the squarings need, where given.
    """
    check_field(velocity, "velocity")
    out = torch.empty_like(velocity) if out is None else out
    spare = torch.empty_like(velocity) if spare is None else spare
    current, other = (out, spare) if squarings % 2 == 0 else (spare, out)
    torch.mul(velocity.detach(), 0.5**squarings, out=current)
    for _ in range(squarings):
        compose(current, current, out=other)
        current, other = other, current
    return current


def jacobian_determinant(u: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Determinant of the Jacobian of `id + u`: `(B, *spatial)`, as `jacobians.jacobian_determinant`."""
    check_field(u)
    out = torch.empty_like(u[:, 0]) if out is None else out
    determinants = as_volumes(out.unsqueeze(1), "out")[:, 0]
    use_torch_threads()
    for field, determinant in zip(_as_fields(u, "displacement"), determinants, strict=True):
        fused_kernels.determinant_kernel(field, determinant)
    return out


def gaussian_smooth(
    x: Tensor,
    sigma: float | Sequence[float],
    *,
    truncate: float = 4.0,
    out: Tensor | None = None,
    spare: Tensor | None = None,
) -> Tensor:
    """Separable Gaussian of each channel of `(B, C, *spatial)`, border continued, as `kernels.gaussian_smooth`.

    sigma: standard deviation in voxels, one or one for each axis; 0 leaves an axis as it is. out may be x itself.
    spare: another tensor of x's shape, where given.
    """
    dim = check_image(x)
    weights = [_half_kernel(s, truncate) for s in per_axis(sigma, dim, "sigma")]
    weights = [_half_kernel(0.0, truncate)] * (3 - dim) + weights
    out = torch.empty_like(x) if out is None else out
    spare = torch.empty_like(x) if spare is None else spare
    source, middle, target = (as_volumes(t, n) for t, n in ((x, "x"), (spare, "spare"), (out, "out")))
    nx, ny, nz = source.shape[2:]
    use_torch_threads()
    along = target if len(weights[0]) == 1 else middle
    if along is target and np.shares_memory(source, target):
        source = source.copy()
    fused_kernels.smooth_plane_kernel(source.reshape(-1, ny, nz), weights[1], weights[2], along.reshape(-1, ny, nz))
    if along is middle:
        fused_kernels.smooth_first_kernel(middle.reshape(-1, nx, ny * nz), weights[0], target.reshape(-1, nx, ny * nz))
    return out


def _half_kernel(sigma: float, truncate: float) -> np.ndarray:
    """The Gaussian's weights from the centre outwards, float32; the whole kernel sums to one."""
    if sigma < 0:
        raise InputError("sigma of 0 or more, in voxels", str(sigma), "give a positive width")
    if sigma == 0:
        return np.ones(1, dtype=np.float32)
    half = np.exp(-0.5 * (np.arange(max(1, int(truncate * sigma + 0.5)) + 1) / sigma) ** 2)
    return (half / (2 * half.sum() - half[0])).astype(np.float32)


def _as_fields(field: Tensor, name: str) -> np.ndarray:
    """The field as `(B, 3, X, Y, Z)`: its own memory in 3D; in 2D a copy with a first component of zero."""
    array = as_volumes(field, name)
    return array if field.ndim == 5 else np.pad(array, ((0, 0), (1, 0), (0, 0), (0, 0), (0, 0)))


def _check_pair(image: Tensor, displacement: Tensor) -> None:
    check_field(displacement)
    if image.shape[2:] != displacement.shape[2:] or len(image) != len(displacement):
        expected = f"a displacement for an image of shape {tuple(image.shape)}"
        raise InputError(expected, f"{tuple(displacement.shape)}", "bring both to one grid and batch")
