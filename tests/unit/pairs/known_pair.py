"""A pair on two unlike grids whose true world map is known in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wbir.geometry.frames import Frame
from wbir.images import write_displacement, write_image

DIRECTIONS = ("RAS", "LAS", "LPS", "oblique")
SHAPES = {"fixed": (24, 20, 18), "moving": (21, 25, 30)}
SPACINGS = {"fixed": (1.5, 1.8, 2.0), "moving": (1.9, 1.6, 1.3)}


def direction(name: str, dim: int) -> np.ndarray:
    """Columns: where the array axes point in RAS+."""
    if name != "oblique":
        return np.diag([1.0 if letter in "RAS" else -1.0 for letter in name])[:dim, :dim]
    a, b = 0.35, -0.2
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    tilt = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    return turn[:2, :2] if dim == 2 else turn @ tilt


def centred_frame(side: str, name: str, dim: int, centre: tuple[float, ...] = (12.0, -7.0, 30.0)) -> Frame:
    """A grid about `centre` (RAS+ mm) whose axes point as `name` says."""
    affine = np.eye(dim + 1)
    affine[:dim, :dim] = direction(name, dim) @ np.diag(SPACINGS[side][:dim])
    middle = (np.array(SHAPES[side][:dim]) - 1) / 2
    affine[:dim, dim] = np.array(centre[:dim]) - affine[:dim, :dim] @ middle
    return Frame(SHAPES[side][:dim], affine)


def true_map(points: np.ndarray) -> np.ndarray:
    """Fixed world to moving world, RAS+ mm: a shear, a shift and a wave."""
    dim = points.shape[1]
    centre = np.array([12.0, -7.0, 30.0])[:dim]
    linear = np.eye(dim) + np.array([[0.03, -0.06, 0.02], [0.05, -0.02, 0.01], [-0.02, 0.03, 0.04]])[:dim, :dim]
    wave = 0.8 * np.sin(points[:, ::-1] / 6.0)
    return (points - centre) @ linear.T + centre + np.array([1.6, -1.1, 0.7])[:dim] + wave


def moving_scene(points: np.ndarray) -> np.ndarray:
    """The intensity of the moving world at points `(N, dim)`, RAS+ mm: smooth blobs on a ramp."""
    rng = np.random.default_rng(4)
    centre = np.array([12.0, -7.0, 30.0])[: points.shape[1]]
    total = 5.0 + 0.1 * (points - centre).sum(axis=1)
    for _ in range(9):
        place = centre + rng.uniform(-10, 10, 3)[: points.shape[1]]
        total += rng.uniform(20, 60) * np.exp(-((points - place) ** 2).sum(axis=1) / (2 * rng.uniform(3, 5) ** 2))
    return total


def grid_points(frame: Frame) -> np.ndarray:
    """Voxel indices of the whole grid, `(N, dim)`."""
    return np.indices(frame.shape).reshape(frame.dim, -1).T.astype(float)


@dataclass
class Files:
    """The files of the known pair in a folder, and its frames."""

    folder: Path
    fixed: Frame
    moving: Frame

    def __truediv__(self, name: str) -> str:
        return str(self.folder / name)

    def truth(self) -> np.ndarray:
        """The true displacement, `(dim, *shape)` voxels of the fixed grid."""
        voxels = grid_points(self.fixed)
        moved = self.fixed.to_voxel(true_map(self.fixed.to_world(voxels)))
        return (moved - voxels).T.reshape(self.fixed.dim, *self.fixed.shape).astype(np.float32)


def write_pair(folder: Path, fixed: Frame, moving: Frame) -> Files:
    """Images, labels, landmarks (voxel indices) and the true field of a known pair."""
    folder.mkdir(parents=True, exist_ok=True)
    worlds = {"fixed": true_map(fixed.to_world(grid_points(fixed))), "moving": moving.to_world(grid_points(moving))}
    for side, frame in (("fixed", fixed), ("moving", moving)):
        image = moving_scene(worlds[side]).reshape(frame.shape)
        write_image(folder / f"{side}.nii.gz", image.astype(np.float32), frame)
        labels = np.digitize(image, [18.0, 35.0]).astype(np.int16)
        write_image(folder / f"{side}_labels.nii.gz", labels, frame)
        write_image(folder / f"{side}_mask.nii.gz", (labels > 0).astype(np.uint8), frame)
    files = Files(folder, fixed, moving)
    write_displacement(folder / "truth.nii.gz", files.truth(), fixed)
    inner = np.array(fixed.shape) // 4
    points = np.random.default_rng(8).integers(inner, np.array(fixed.shape) - inner, (12, fixed.dim)).astype(float)
    partners = moving.to_voxel(true_map(fixed.to_world(points)))
    np.savetxt(folder / "fixed.csv", points, delimiter=",")
    np.savetxt(folder / "moving.csv", partners, delimiter=",", header="x,y,z"[: 2 * fixed.dim - 1], comments="")
    return files
