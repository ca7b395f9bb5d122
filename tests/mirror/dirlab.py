"""What the miniatures of DIR-Lab's two sets share: scans without a header, landmarks counted from 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wbir.cases import Case

AIR, CORNER = -1000, 900  # Hounsfield units: of the background, of a block at the corner where files begin
FIRST = 100  # of landmark 0; each further one is 2 more
COUNT = 300


def places(size: tuple[int, int, int], seed: int) -> np.ndarray:
    """Different voxels `(300, 3)`, counted from 0, that stay in the volume and apart when `moved`."""
    generator = np.random.default_rng(seed)
    inner = np.subtract(size, (6, 6, 5))
    picks = generator.choice(int(np.prod(inner)), size=COUNT, replace=False)
    return np.add(np.stack(np.unravel_index(picks, inner), axis=1), 4)


def moved(points: np.ndarray) -> np.ndarray:
    """Another place for each, by whole voxels: one to the left, back or front by a slice's number, one slice up."""
    back = np.where(points[:, 2] % 2, 1, -1)
    return points + np.stack([np.ones_like(back), back, -np.ones_like(back)], axis=1)


def write_scan(path: Path, size: tuple[int, int, int], points: np.ndarray) -> None:
    """Air, padding in the last column, a block at the right-front-top corner, a voxel of its own value at each landmark."""
    stored = np.full(size, AIR + 1024, dtype="<i2")
    stored[-1] = -2000
    stored[:3, :3, :3] = CORNER + 1024
    stored[tuple(points.T)] = FIRST + 2 * np.arange(len(points)) + 1024
    path.parent.mkdir(parents=True, exist_ok=True)
    stored.ravel(order="F").tofile(path)


def write_landmarks(path: Path, points: np.ndarray) -> None:
    """points: counted from 0. Whole numbers are written as such, in columns of blanks and tabs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(" {:.10g}\t{:.10g}\t{:.10g} \n".format(*(row + 1)) for row in points))


def check_pair(case: Case, spacing: tuple[float, float, float], fixed: np.ndarray, moving: np.ndarray) -> None:
    """The places of the files' landmarks, in files' indices from 0, come out where RAS has them, and on their voxels."""
    assert np.allclose(case.frame.affine[:3, :3], np.diag(spacing))
    assert case.fixed_points is not None and case.moving_points is not None
    last = np.array(case.frame.shape) - 1
    for image, points, truth in ((case.fixed, case.fixed_points, fixed), (case.moving, case.moving_points, moving)):
        assert np.array_equal(points, last - truth), "files run to the left, to the back and down"
        values = image[tuple(points.astype(int).T)]
        assert np.array_equal(values, FIRST + 2 * np.arange(len(points))), "row n lies on the voxel of landmark n"
        assert (image[-3:, -3:, -3:] == CORNER).all(), "the first voxel is right, in front, on top"
        assert (image[0] == -1024).all() and image[1, 1, 1] == AIR
