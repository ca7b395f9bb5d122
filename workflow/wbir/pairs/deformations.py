"""A map of the fixed world to the moving world, what it does to images and points, and its inverse.

World coordinates are RAS+ millimetres. The map is a pull-back: the warped image at a fixed place is the moving image at
the mapped place. So it carries fixed points to moving ones; moving points come back by the inverse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wbir.cases import Prediction
from wbir.geometry.frames import Frame
from wbir.measures.base import map_by, sample_field
from wbir.pairs.scans import inside, same_grid

CHUNK = 1 << 21  # points at once
STEPS, TOLERANCE_MM = 200, 1e-4  # of the inverse of a point
FAR = 4.0  # voxels
LATTICE = 24  # points along each axis by which an overlap is measured


@dataclass(frozen=True, eq=False)
class Deformation:
    """Fixed world to moving world.

    displacement: `(dim, *frame.shape)`, voxels of `frame`; beyond the grid's voxels the map is the identity, as in ITK.
    matrix: for a linear map the homogeneous world matrix (RAS+ mm); it then holds everywhere, and `displacement` is None.
    """

    frame: Frame
    displacement: np.ndarray | None = None
    matrix: np.ndarray | None = None

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """World points `(N, dim)` of the fixed image to those of the moving one."""
        if self.displacement is None:
            return points if self.matrix is None else map_by(self.matrix, points)
        voxels = self.frame.to_voxel(points)
        known = inside(self.frame, voxels)
        moved = voxels.copy()
        moved[known] += sample_field(self.displacement, voxels[known])
        return self.frame.to_world(moved)

    def on(self, frame: Frame) -> np.ndarray:
        """float32 `(dim, *frame.shape)`, voxels of `frame`: this map on a grid."""
        if self.displacement is not None and same_grid(self.frame, frame):
            return self.displacement
        field = np.empty((int(np.prod(frame.shape)), frame.dim), dtype=np.float32)
        for part, voxels in _chunks(frame):
            field[part] = frame.to_voxel(self(frame.to_world(voxels))) - voxels
        return np.ascontiguousarray(field.T).reshape(frame.dim, *frame.shape)

    def pull(
        self, array: np.ndarray, source: Frame, target: Frame, *, order: int = 1, outside: float | None = 0.0
    ) -> np.ndarray:
        """An image of the moving world on a grid of the fixed world, resampled once: `target.shape`.

        order 0 is nearest (the type is kept), 1 linear (float32). Within half a voxel of the outermost centres the
        border value goes on, beyond stands `outside`: the rule of ITK's ResampleImageFilter. None: the border value goes on for ever.
        """
        own = self.displacement is not None and same_grid(self.frame, target)
        field = None if not own or self.displacement is None else self.displacement.reshape(target.dim, -1)
        result = np.empty(int(np.prod(target.shape)), dtype=array.dtype if order == 0 else np.float32)
        for part, voxels in _chunks(target):
            world = self(target.to_world(voxels)) if field is None else target.to_world(voxels + field[:, part].T)
            result[part] = sample(array, source, world, order=order, outside=outside)
        return result.reshape(target.shape)

    def share_within(self, target: Frame, source: Frame) -> float:
        """The share of the target's grid, on a lattice of its points, that the map takes into the source's grid."""
        axes = [np.linspace(0, n - 1, min(n, LATTICE)) for n in target.shape]
        voxels = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, target.dim)
        return float(np.mean(inside(source, source.to_voxel(self(target.to_world(voxels))))))

    def inverse(self, points: np.ndarray) -> np.ndarray:
        """Moving world points `(N, dim)` back to the fixed ones; NaN where no place is found (the map folds, or leaves).

        Fixed point of `x - L^-1 (map(x) - y)`, L the linear part of the affine map nearest to this one; a step that
        does not help is halved.
        """
        if self.displacement is None:
            return points if self.matrix is None else map_by(np.linalg.inv(self.matrix), points)
        nearest = self._nearest_affine()
        back = np.linalg.inv(nearest)[:-1, :-1]
        found = map_by(np.linalg.inv(nearest), points)
        missed = self(found) - points
        step = np.ones((len(points), 1))
        for _ in range(STEPS):
            length = np.linalg.norm(missed, axis=1, keepdims=True)
            if length.max(initial=0.0) < TOLERANCE_MM:
                break
            trial = found - step * (missed @ back.T)
            left = self(trial) - points
            better = np.linalg.norm(left, axis=1, keepdims=True) < length
            found, missed = np.where(better, trial, found), np.where(better, left, missed)
            step = np.where(better, np.minimum(2 * step, 1.0), step / 2)
        found[np.linalg.norm(missed, axis=1) >= 10 * TOLERANCE_MM] = np.nan
        return found

    def _nearest_affine(self) -> np.ndarray:
        """The affine world map nearest to this one in least squares over the grid."""
        assert self.displacement is not None
        to_world = self.frame.affine
        return to_world @ nearest_affine(self.displacement) @ np.linalg.inv(to_world)


def deformation_of(prediction: Prediction, frame: Frame, start: np.ndarray) -> Deformation:
    """What a method found between `fixed` and the moving image that was placed by `start`, as one world map.

    start: `(dim + 1, dim + 1)`, fixed world to moving world, applied after the prediction's own map.
    """
    if prediction.displacement is None:
        voxels = np.eye(frame.dim + 1) if prediction.matrix is None else np.asarray(prediction.matrix, dtype=np.float64)
        return Deformation(frame, matrix=start @ frame.affine @ voxels @ np.linalg.inv(frame.affine))
    through = np.linalg.inv(frame.affine) @ start @ frame.affine
    return Deformation(frame, displacement=after(through, prediction.displacement))


def after(matrix: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """The displacement of `matrix o (id + u)`, float32 voxels; the matrix takes voxels to voxels."""
    dim, shape = displacement.shape[0], displacement.shape[1:]
    if np.array_equal(matrix, np.eye(dim + 1)):
        return np.asarray(displacement, dtype=np.float32)
    places = np.indices(shape, dtype=np.float64).reshape(dim, -1).T
    moved = map_by(matrix, places + displacement.reshape(dim, -1).T)
    return np.ascontiguousarray((moved - places).T, dtype=np.float32).reshape(dim, *shape)


def inverse_through(matrix: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """The displacement of `(id + w) o matrix^-1`: the inverse of `matrix o (id + u)`, where w is that of u."""
    dim, shape = inverse.shape[0], inverse.shape[1:]
    if np.array_equal(matrix, np.eye(dim + 1)):
        return np.asarray(inverse, dtype=np.float32)
    places = np.indices(shape, dtype=np.float64).reshape(dim, -1).T
    before = map_by(np.linalg.inv(matrix), places)
    moved = before + sample_field(inverse, before)
    return np.ascontiguousarray((moved - places).T, dtype=np.float32).reshape(dim, *shape)


def nearest_affine(displacement: np.ndarray) -> np.ndarray:
    """The affine voxel map nearest to `id + u`, `(dim + 1, dim + 1)`."""
    import torch

    from wbir.geometry.rigid import displacement_matrix

    with torch.no_grad():
        return displacement_matrix(torch.from_numpy(displacement.astype(np.float64))[None])[0].numpy()


def inverse_on_grid(displacement: np.ndarray) -> np.ndarray:
    """The inverse of `id + u` on its grid. A far shift is taken out first, by the nearest affine map: it would leave the grid."""
    from wbir.registration.inverse import inverse_displacement

    if np.abs(displacement).mean() < FAR:
        return inverse_displacement(np.asarray(displacement, dtype=np.float32))
    matrix = nearest_affine(displacement)
    bent = after(np.linalg.inv(matrix), displacement)
    return inverse_through(matrix, inverse_displacement(bent))


def sample(array: np.ndarray, frame: Frame, world: np.ndarray, *, order: int, outside: float | None) -> np.ndarray:
    """Values `(N,)` of an image at world points `(N, dim)`; see `Deformation.pull`."""
    from scipy.ndimage import map_coordinates

    voxels = frame.to_voxel(world)
    known = inside(frame, voxels)
    if order == 0:
        index = np.floor(voxels + 0.5)
        clipped = np.clip(index, 0, np.array(frame.shape) - 1).astype(np.intp)
        values = array[tuple(clipped.T)]
    else:
        values = map_coordinates(array, voxels.T, output=np.float32, order=1, mode="nearest")
    if outside is not None:
        values[~known] = outside
    return values


def _chunks(frame: Frame) -> Iterator[tuple[slice, np.ndarray]]:
    """Parts of the flattened grid and their voxel indices `(N, dim)`, float64."""
    total = int(np.prod(frame.shape))
    for start in range(0, total, CHUNK):
        part = slice(start, min(start + CHUNK, total))
        yield part, np.stack(np.unravel_index(np.arange(part.start, part.stop), frame.shape), axis=1).astype(np.float64)
