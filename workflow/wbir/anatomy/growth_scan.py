"""Scans of a growing child: one anatomy, several ages, a position in the scanner at each.

`scan(x) = template(N(L x))`: `L` is affine, scanner millimetres to template millimetres (the pose of that day, then the size
of that age), and `N = growth o person` is a diffeomorphism of the template's space on a head grid of its own, the same for any
voxel size of the scan. Two scans of a child correspond where `N_m(L_m y) = N_f(L_f x)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wbir.anatomy.deformation import at_points, compose, exponential, move_displacement, random_velocity, solve_points
from wbir.anatomy.growth import GrowthPath, head_scale, white_signal
from wbir.anatomy.seeds import named_generator
from wbir.anatomy.template import TISSUES, centred_frame
from wbir.geometry.frames import Frame

HEAD_MIDDLE = (0.0, -16.0, 2.0)  # MNI mm that lie at the isocentre of a scan without pose
HEAD_FIELD = (230.0, 260.0, 250.0)  # mm of the template's head, neck included
FIELD_SPACING = (2.0, 4.0)  # mm, finest and coarsest head grid
FINEST = 1.0  # mm of the template
SIZE_SPREAD = 0.03  # standard deviation of the log length of a child's head: 9 % in volume
TURN = (5.0, 2.5, 3.0)  # degrees about right (nod), anterior (tilt), superior (shake), standard deviations
SHIFT = (2.0, 4.0, 5.0)  # mm to the right, anterior, superior, standard deviations
SLAB = 1 << 21  # points that are worked on at once
OVERSAMPLED = 1.8  # mm: coarser voxels are averages over 2 x 2 x 2 points


@dataclass(frozen=True)
class Scan:
    """age: years. image: float32. labels: int16. brain: bool. matrix: L, `(4, 4)` scanner mm to MNI mm.

    forth: displacement of N on the head grid, `back`: of its inverse, voxels of that grid.
    """

    age: float
    image: np.ndarray
    labels: np.ndarray
    brain: np.ndarray
    matrix: np.ndarray
    forth: np.ndarray
    back: np.ndarray


def scan_frame(size_mm: Sequence[float], spacing: Sequence[float]) -> Frame:
    """An axis-aligned frame of `size_mm` (rounded to whole voxels) about the isocentre, which is the world's origin."""
    shape = tuple(max(round(length / step), 2) for length, step in zip(size_mm, spacing, strict=True))
    affine = np.diag([*map(float, spacing), 1.0])
    affine[:3, 3] = [-step * (n - 1) / 2 for n, step in zip(shape, spacing, strict=True)]
    return Frame(shape, affine)


class Scanner:
    """Scans children on one frame; what all scans share is made once."""

    def __init__(
        self, frame: Frame, components: Sequence[Sequence[float]], bias: float, noise: float, pose: float, seed: int
    ) -> None:
        from wbir.anatomy.head import head_tissues
        from wbir.anatomy.modalities import CONTRASTS
        from wbir.anatomy.template import brain_maps

        self.frame, self.components, self.seed = frame, components, seed
        self.bias, self.noise, self.pose = bias, noise, pose
        finest = min(frame.spacing)
        self.times = 2 if finest > OVERSAMPLED else 1
        self.template = centred_frame(HEAD_MIDDLE, HEAD_FIELD, max(FINEST, finest / self.times))
        self.grid = centred_frame(HEAD_MIDDLE, HEAD_FIELD, float(np.clip(0.6 * finest, *FIELD_SPACING)))
        tissues = head_tissues(self.template)
        self.white = tissues.pop("white") * np.float32(CONTRASTS["T1"]["white"])
        self.rest = np.zeros(self.template.shape, np.float32)
        for name, fraction in tissues.items():
            self.rest += np.float32(CONTRASTS["T1"][name]) * fraction
        maps = brain_maps(self.template)
        self.fractions = {name: maps[name] for name in TISSUES}
        self.path = GrowthPath(self.grid)

    def person(self, child: str) -> np.ndarray:
        """The displacement that makes the template this child, on the head grid: the same at all ages."""
        generator = named_generator(self.seed, "child", child)
        return exponential(random_velocity(self.grid, self.components, generator))

    def scan(self, child: str, person: np.ndarray, number: int, age: float) -> Scan:
        """The child's scan `number` at `age` (years), in a position of its own."""
        forth = compose(self.path.at(age), person)
        size = named_generator(self.seed, "size", child).normal(0.0, SIZE_SPREAD)
        motion = random_pose(self.pose, named_generator(self.seed, "pose", child, number))
        matrix = _to_template(head_scale(age) * float(np.exp(size))) @ motion
        points = self._seen_from(matrix, forth)
        ideal = self.rest + self.white * white_signal(age, self.template)
        image = self._averaged(_look(ideal, points, order=3))
        seen = [self._averaged(_look(self.fractions[name], points, order=1)) for name in TISSUES]
        brain = np.sum(seen, axis=0) > 0.5
        labels = (1 + np.argmax(seen, axis=0)) * brain
        generator = named_generator(self.seed, "scan", child, number)
        image = self._acquired(image, brain, generator)
        return Scan(age, image, labels.astype(np.int16), brain, matrix, forth, near_inverse(forth, self.grid))

    def _acquired(self, image: np.ndarray, brain: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Bias field and noise. The field is 1 on average (geometrically) over the brain, as a calibrated gain makes it."""
        from wbir.anatomy.modalities import MR_SCALE
        from wbir.anatomy.noise import bias_field, rician

        field = bias_field(self.frame, self.bias, generator)
        field /= np.exp(np.log(field[brain]).mean()) if brain.any() else 1.0
        return (rician(image * field, self.noise, generator) / MR_SCALE).astype(np.float32)

    def _seen_from(self, matrix: np.ndarray, forth: np.ndarray) -> np.ndarray:
        """Template voxels `(3, *shape)` that the (oversampled) voxels of the frame show: N(L x), float32."""
        fine = finer(self.frame, self.times)
        onto = np.linalg.inv(self.grid.affine) @ matrix @ fine.affine
        points = _affine_grid(onto, fine.shape).reshape(3, -1)
        points += at_points(forth, points)
        move = np.linalg.inv(self.template.affine) @ self.grid.affine
        points = (move[:3, :3] @ points + move[:3, 3:]).astype(np.float32)
        return points.reshape(3, *fine.shape)

    def _averaged(self, image: np.ndarray) -> np.ndarray:
        if self.times == 1:
            return image
        split = [part for n in self.frame.shape for part in (n, self.times)]
        return image.reshape(split).mean(axis=(1, 3, 5), dtype=np.float32)

    def truth(self, moving: Scan, fixed: Scan) -> tuple[np.ndarray, float]:
        """The displacement from `fixed` to `moving`, float32 `(3, *shape)` voxels of the frame, and its residual in mm.

        The residual is the largest distance between `N_m(L_m y)` and `N_f(L_f x)`.
        """
        shape = self.frame.shape
        there = np.linalg.inv(self.grid.affine) @ fixed.matrix @ self.frame.affine
        back = np.linalg.inv(self.frame.affine) @ np.linalg.inv(moving.matrix) @ self.grid.affine
        truth, worst = np.empty((3, *shape), np.float32), 0.0
        rows = max(SLAB // (shape[1] * shape[2]), 1)
        for first in range(0, shape[0], rows):
            count = min(rows, shape[0] - first)
            points = _affine_grid(there, (count, *shape[1:]), first).reshape(3, -1)
            found, residual = solve_points(moving.forth, moving.back, points + at_points(fixed.forth, points))
            reached = back[:3, :3] @ found.astype(np.float64) + back[:3, 3:]
            here = np.indices((count, *shape[1:])).reshape(3, -1)
            here[0] += first
            truth[:, first : first + count] = (reached - here).reshape(3, count, *shape[1:])
            worst = max(worst, residual * self.grid.spacing[0])
        return truth, worst


def random_pose(amount: float, generator: np.random.Generator) -> np.ndarray:
    """A rigid motion of the scanner's world, `(4, 4)` mm: turns and shifts of `amount` times TURN and SHIFT about the origin."""
    from scipy.spatial.transform import Rotation

    turn, shift = generator.standard_normal(3) * TURN, generator.standard_normal(3) * SHIFT
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_euler("xyz", amount * turn, degrees=True).as_matrix()
    motion[:3, 3] = amount * shift
    return motion


def finer(frame: Frame, times: int) -> Frame:
    """The frame with each voxel cut into `times` along each axis."""
    affine = frame.affine.copy()
    affine[:3, :3] /= times
    affine[:3, 3] -= affine[:3, :3] @ np.full(3, (times - 1) / 2)
    return Frame(tuple(times * n for n in frame.shape), affine)


def _to_template(scale: float) -> np.ndarray:
    matrix = np.diag([1 / scale] * 3 + [1.0])
    matrix[:3, 3] = HEAD_MIDDLE
    return matrix


def _affine_grid(matrix: np.ndarray, shape: Sequence[int], first: int = 0) -> np.ndarray:
    """`matrix x` for the voxels x of a grid whose first row is `first`: `(3, *shape)` float32."""
    axes = [np.arange(n, dtype=np.float64) for n in shape]
    axes[0] += first
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    return np.stack([(r[0] * x + r[1] * y + r[2] * z + r[3]).astype(np.float32) for r in matrix[:3]])


def _look(image: np.ndarray, points: np.ndarray, order: int) -> np.ndarray:
    """The image at voxel coordinates, cut to its range (a cubic spline overshoots at the skull)."""
    from scipy.ndimage import map_coordinates

    seen = map_coordinates(image, points, order=order, mode="nearest", output=np.float32)
    return np.clip(seen, image.min(), image.max())


def near_inverse(forth: np.ndarray, grid: Frame) -> np.ndarray:
    """Nearly the inverse displacement: from a grid twice as coarse, then two steps of the fixed point; for `solve_points`."""
    import torch

    from wbir.geometry.flows import invert

    coarse = centred_frame(HEAD_MIDDLE, HEAD_FIELD, 2 * grid.spacing[0])
    there = torch.from_numpy(move_displacement(forth, grid, coarse))[None]
    back = move_displacement(invert(there, iterations=20, tolerance=0.01)[0].numpy(), coarse, grid)
    for _ in range(2):
        back = back - compose(forth, back)
    return back
