"""Random diffeomorphisms of anatomy, and the exact correspondence of two subjects.

A subject is the template seen through a diffeomorphism, `image(x) = template(phi(x))` with `phi = id + u`, `u =
exp(v)`; displacements are `(dim, *shape)` in voxels of the frame, pull-back, as everywhere (docs/conventions.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wbir.anatomy.template import axis_positions
from wbir.geometry.frames import Frame

REACH = 160.0  # mm about the world origin that the random fields cover: beyond the head


def smooth_field(
    frame: Frame, sigma: float, generator: np.random.Generator, channels: int = 1, reach: float = REACH
) -> np.ndarray:
    """Gaussian white noise smoothed by a Gaussian of `sigma` mm, scaled to variance 1: `(channels, *shape)` float64.

    The noise sits on a lattice of step `sigma` that is fixed in the world, so the same generator gives the same field
    on a grid of any spacing; it covers `reach` mm about the world's origin. (At that step the lattice's aliasing is
    exp(-2 pi^2), nine orders below the field.)
    """
    knots = np.arange(-np.ceil(reach / sigma), np.ceil(reach / sigma) + 1) * sigma
    field = generator.standard_normal((channels, *[knots.size] * frame.dim))
    for axis in range(frame.dim):
        weights = np.exp(-0.5 * ((axis_positions(frame, axis)[:, None] - knots) / sigma) ** 2)
        field = np.moveaxis(np.tensordot(weights, field, axes=(1, axis + 1)), 0, axis + 1)
    return field / np.pi ** (frame.dim / 4)


def random_velocity(frame: Frame, components: Sequence[Sequence[float]], generator: np.random.Generator) -> np.ndarray:
    """A sum of smooth random velocities, `(dim, *shape)` voxels.

    components: pairs of a smoothness sigma (mm) and the root mean square of each vector component (mm).
    """
    velocity = np.zeros((frame.dim, *frame.shape))
    for sigma, amplitude in components:
        velocity += amplitude * smooth_field(frame, sigma, generator, frame.dim)
    return velocity / np.reshape(frame.spacing, (-1, *[1] * frame.dim))


def exponential(velocity: np.ndarray, squarings: int = 7) -> np.ndarray:
    """The displacement of exp(velocity), float32."""
    from wbir.geometry.flows import exponential as flow

    return _array(flow(_tensor(velocity), squarings=squarings))


def compose(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """The displacement of `(id + outer) o (id + inner)`."""
    from wbir.geometry.flows import compose as composition

    return _array(composition(_tensor(outer), _tensor(inner)))


def see_through(image: np.ndarray, displacement: np.ndarray, order: int = 3) -> np.ndarray:
    """`image(x + displacement(x))` by a spline of `order`, the border value outside; float32."""
    from scipy.ndimage import map_coordinates

    points = np.indices(image.shape, dtype=np.float32) + displacement
    return map_coordinates(np.asarray(image, np.float32), points, order=order, mode="nearest", output=np.float32)


def move_displacement(displacement: np.ndarray, source: Frame, target: Frame) -> np.ndarray:
    """The same displacement on another axis-aligned frame, in that frame's voxels; linear, border values outside."""
    from scipy.ndimage import affine_transform

    scale = np.diag(target.affine)[:-1] / np.diag(source.affine)[:-1]
    offset = source.to_voxel(target.to_world(np.zeros((1, target.dim))))[0]
    moved = [affine_transform(u, np.diag(scale), offset, target.shape, order=1, mode="nearest") for u in displacement]
    return np.stack(moved) / np.reshape(scale, (-1, *[1] * target.dim)).astype(np.float32)


def correspondence(
    moving: np.ndarray, fixed: np.ndarray, moving_inverse: np.ndarray, iterations: int = 60, tolerance: float = 1e-3
) -> tuple[np.ndarray, float]:
    """The pull-back between two subjects and its residual in voxels.

    moving, fixed: displacements of `phi_m`, `phi_f` (subject to template); moving_inverse: of `psi`, nearly the
    inverse of `phi_m`, such as exp(-v). Returns u with `phi_m(x + u(x)) = phi_f(x)`, so that the moving subject seen
    through u is the fixed subject; solved as in `solve_points`.
    """
    shape = fixed.shape[1:]
    grid = np.indices(shape, dtype=np.float32)
    target = (grid + fixed).reshape(len(shape), -1)
    found, residual = solve_points(moving, moving_inverse, target, iterations, tolerance)
    return (found.reshape(grid.shape) - grid).astype(np.float32), residual


def solve_points(
    moving: np.ndarray, moving_inverse: np.ndarray, target: np.ndarray, iterations: int = 60, tolerance: float = 1e-3
) -> tuple[np.ndarray, float]:
    """The points y, `(dim, n)` voxels, with `phi_m(y) = target`, and the largest `|phi_m(y) - target|` left.

    From `y = psi(target)` each point goes on by `psi(target) - psi(phi_m(y))`, a step that nearly ends it where psi is
    near to the inverse, and that is halved for a point that it would take further off. A point rests within
    `tolerance` voxels.
    """
    start = target + at_points(moving_inverse, target)
    best, trial, direction = start.copy(), start.copy(), np.zeros_like(start)
    least, step = np.full(target.shape[1], np.inf), np.ones(target.shape[1], np.float32)
    active = np.arange(target.shape[1])
    for _ in range(iterations):
        points = trial[:, active]
        reached = points + at_points(moving, points)
        error = np.sqrt(((reached - target[:, active]) ** 2).sum(0))
        closer = error < least[active]
        won = active[closer]
        best[:, won], least[won] = points[:, closer], error[closer]
        direction[:, won] = start[:, won] - reached[:, closer] - at_points(moving_inverse, reached[:, closer])
        step[active] = np.where(closer, np.minimum(2 * step[active], 1), step[active] / 2)
        active = active[least[active] > tolerance]
        if not active.size:
            break
        trial[:, active] = best[:, active] + step[active] * direction[:, active]
    return best, float(least.max())


def at_points(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The field at voxel coordinates `(dim, n)`, linear, border outside."""
    from wbir.geometry.warping import sample

    return _array(sample(_tensor(field), _tensor(points), mode="linear", padding="border"))


def _tensor(array: np.ndarray) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))[None]


def _array(tensor: Any) -> np.ndarray:
    return tensor[0].numpy()
