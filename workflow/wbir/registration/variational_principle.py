"""The variational principle: displacements controlled through their Laplacian, and the gradients of a loss.

"Optimal-control image registration in the solution pool of the variational principle" (paper 22), Eqs. 1, 2, 4:
`phi = id + u`, `u = 0` on the boundary, `Lap u = F = grad f - curl g`, `f = J_min + f_hat^2`. With `Lap b = dLoss/du` and
`b = 0` on the boundary: `dLoss/dF = b`, `dLoss/df_hat = -2 f_hat div b`, `dLoss/dg = -curl b`.

A control is one tensor `(1, 1 + m, *cells)`: channel 0 is `f_hat`, the others `g` (m = 1 in 2D, where
`curl g = (dg/dy, -dg/dx)`; m = 3 in 3D). It has no unit, so it keeps its values from one grid spacing to another.

Discretisation, chosen so that the formulas above are the exact gradient of the discrete loss:
- Images, `u`, `b` and `F` live on the voxels, spacing 1; `u`, `b` and `F` vanish on the boundary voxels. `Lap` is the compact
  Laplacian (5 or 7 points) of the interior, symmetric with these boundary values: `<b, dF> = <Lap b, du>`.
- The control lives on the cells between the voxels, one fewer along each axis. A derivative from cells to interior voxels is a
  difference along its axis and a mean of two along the other axes; the derivative from voxels to cells is built alike, and is
  minus its transpose for fields that vanish on the boundary, as `b` does. So `-div b` and `-curl b` on the cells are the
  transposes of `grad` and `-curl`, and no grid of every other voxel comes apart from the rest, as with central differences.
- `dLoss/du` comes from the caller: for a registration, the image difference times the gradient of the interpolant.
"""

from __future__ import annotations

import torch

from wbir.errors import InputError
from wbir.geometry.grids import identity_grid
from wbir.geometry.kernels import gaussian_smooth
from wbir.geometry.poisson import solve_dirichlet
from wbir.geometry.warping import sample

SMALLEST_SQUARE = 0.01  # of f_hat where a control is read from a displacement: at f_hat = 0 its gradient is gone
TRANSFER_SIGMA = 0.7  # voxels of the finer grid: takes off what interpolation adds at the scale of its voxels


def initial_control(shape: tuple[int, ...], minimum: float, *, like: torch.Tensor) -> torch.Tensor:
    """The control of the identity, `f = 1` and `g = 0`, for images of `shape`: of the type and device of `like`.

    minimum: J_min. Raises InputError for J_min outside (0, 1) or a grid that is too small.
    """
    if not 0 < minimum < 1:
        raise InputError("J_min in (0, 1)", repr(minimum), "the paper takes 0.5")
    if len(shape) not in (2, 3) or min(shape) < 4:
        raise InputError("a 2D or 3D grid of at least 4 voxels an axis", f"shape {shape}", "give a larger image")
    control = like.new_zeros((1, 2 if len(shape) == 2 else 4, *(n - 1 for n in shape)))
    control[:, 0] = (1.0 - minimum) ** 0.5
    return control


def forcing(control: torch.Tensor, minimum: float) -> torch.Tensor:
    """`F = grad f - curl g`, `(1, dim, *spatial)` per voxel, zero on the boundary voxels."""
    f, g = minimum + control[:, :1] ** 2, control[:, 1:]
    dim = control.ndim - 2
    gradient = torch.cat([cell_derivative(f, axis) for axis in range(dim)], 1)
    curl = torch.cat([cell_derivative(g, 1), -cell_derivative(g, 0)], 1) if dim == 2 else curl_3d(g)
    return torch.nn.functional.pad(gradient - curl, (1, 1) * dim)


def displacement_of(control: torch.Tensor, minimum: float) -> torch.Tensor:
    """The displacement `u`, `(1, dim, *spatial)`, voxels: `Lap u = F(control)`, `u = 0` on the boundary voxels."""
    return solve_dirichlet(forcing(control, minimum))


def adjoint(slope: torch.Tensor) -> torch.Tensor:
    """`dLoss/dF = b` (Eq. 2) from `slope = dLoss/du`, both `(1, dim, *spatial)`: `Lap b = dLoss/du`, `b = 0` on the boundary."""
    return solve_dirichlet(slope)


def control_gradient(control: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """`(-2 f_hat div b, -curl b)` (Eq. 4), of the control's shape, from `b` of `adjoint`."""
    return torch.cat([-2.0 * control[:, :1] * cell_divergence(b), -cell_curl(b)], 1)


def cell_divergence(field: torch.Tensor) -> torch.Tensor:
    """The divergence on the cells of a field on the voxels: `(1, dim, *spatial)` to `(1, 1, *(n - 1))`."""
    return torch.stack([cell_derivative(field[:, a : a + 1], a) for a in range(field.ndim - 2)]).sum(0)


def cell_curl(field: torch.Tensor) -> torch.Tensor:
    """The curl on the cells of a field on the voxels: `(1, 2, X, Y)` to `(1, 1, X - 1, Y - 1)`; three components in 3D."""
    if field.shape[1] == 3:
        return curl_3d(field)
    return cell_derivative(field[:, 1:], 0) - cell_derivative(field[:, :1], 1)


def cell_jacobian(u: torch.Tensor) -> torch.Tensor:
    """Jacobian of `id + u` on the cells: `(1, dim, dim, *(n - 1))`, entry `[i, j]` the derivative of component i along axis j."""
    dim = u.ndim - 2
    slopes = torch.stack([cell_derivative(u, axis) for axis in range(dim)], 2)
    return slopes + torch.eye(dim, dtype=u.dtype, device=u.device).view(1, dim, dim, *(1,) * dim)


def curl_3d(field: torch.Tensor) -> torch.Tensor:
    """Curl of `(1, 3, ...)` from voxels to cells, or from cells to interior voxels."""
    pairs = ((1, 2), (2, 0), (0, 1))
    return torch.cat(
        [cell_derivative(field[:, j : j + 1], i) - cell_derivative(field[:, i : i + 1], j) for i, j in pairs], 1
    )


def cell_derivative(x: torch.Tensor, axis: int) -> torch.Tensor:
    """Derivative along spatial `axis`, halfway between the points of `(1, C, *spatial)`; each axis loses one point.

    A difference of neighbours along `axis`, a mean of neighbours along the others.
    """
    for other in range(2, x.ndim):
        size = x.shape[other] - 1
        low, high = x.narrow(other, 0, size), x.narrow(other, 1, size)
        x = high - low if other == axis + 2 else 0.5 * (high + low)
    return x


def control_of(u: torch.Tensor, minimum: float) -> torch.Tensor:
    """A control whose displacement is close to `u`, `(1, dim, *spatial)`, zero on the boundary.

    From `Lap u = grad div u - curl curl u`: `f = div u + constant`, `g = curl u`. Only the slope of f enters, so the constant is
    free; it is taken so that f is one on average or, where that would bring f below J_min, so that it stays above it.
    """
    f = cell_divergence(u)
    f = f + max(1.0 - float(f.mean()), minimum + SMALLEST_SQUARE - float(f.min()))
    return torch.cat([(f - minimum).sqrt(), cell_curl(u)], 1)


def enlarged(u: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """The displacement `(1, dim, *spatial)` on a finer grid over the same domain, in voxels of that grid: read by cubic
    interpolation, smoothed a little, zero on the boundary. `control_of` makes it the start of a search on that grid."""
    dim = len(shape)
    ratio = u.new_tensor([(new - 1) / (old - 1) for new, old in zip(shape, u.shape[2:], strict=True)])
    ratio = ratio.view(1, dim, *(1,) * dim)
    grid = identity_grid(shape, device=u.device, dtype=u.dtype)
    return clamped(gaussian_smooth(sample(u, grid / ratio, mode="cubic", padding="border") * ratio, TRANSFER_SIGMA))


def clamped(u: torch.Tensor) -> torch.Tensor:
    """`(1, dim, *spatial)` with zeros on the boundary voxels."""
    dim = u.ndim - 2
    inner = (slice(None), slice(None), *(slice(1, -1),) * dim)
    return torch.nn.functional.pad(u[inner], (1, 1) * dim)
