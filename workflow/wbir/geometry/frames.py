"""Frames: where the voxels of an array lie in the world."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Frame:
    """The grid of an image: its shape and its voxel-to-world affine.

    shape: voxels along each array axis, `(X, Y, Z)` or `(X, Y)`.
    affine: `(dim + 1, dim + 1)`, array index to world millimetres in RAS+ (nibabel's convention).
    """

    shape: tuple[int, ...]
    affine: np.ndarray

    def __post_init__(self) -> None:
        dim = len(self.shape)
        affine = np.asarray(self.affine, dtype=np.float64)
        if dim not in (2, 3) or affine.shape != (dim + 1, dim + 1):
            raise ValueError(f"a frame is 2D or 3D with a square affine, got {self.shape} and {affine.shape}")
        if not np.all(np.isfinite(affine)) or abs(np.linalg.det(affine[:dim, :dim])) < 1e-12:
            raise ValueError("the affine of a frame must be finite and invertible")
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "affine", affine)

    @classmethod
    def of(cls, shape: tuple[int, ...], spacing: float | tuple[float, ...] = 1.0) -> Frame:
        """An axis-aligned frame with the given spacing in mm and the origin at index 0."""
        sizes = np.broadcast_to(np.asarray(spacing, dtype=np.float64), (len(shape),))
        return cls(tuple(shape), np.diag([*sizes, 1.0]))

    @property
    def dim(self) -> int:
        return len(self.shape)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Millimetres per voxel along each array axis."""
        return tuple(float(s) for s in np.linalg.norm(self.affine[: self.dim, : self.dim], axis=0))

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """Voxel indices `(N, dim)` to RAS millimetres `(N, dim)`."""
        return points @ self.affine[: self.dim, : self.dim].T + self.affine[: self.dim, self.dim]

    def to_voxel(self, points: np.ndarray) -> np.ndarray:
        """RAS millimetres `(N, dim)` to voxel indices `(N, dim)`."""
        inverse = np.linalg.inv(self.affine)
        return points @ inverse[: self.dim, : self.dim].T + inverse[: self.dim, self.dim]
