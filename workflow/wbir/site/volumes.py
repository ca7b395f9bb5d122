"""Images for the viewer: 8 bits per voxel, deflated, base64; coarser where the report would get too large.

Arrays are written first axis fastest, so that voxel `(i, j, k)` stands at `i + nx * (j + ny * k)`.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from wbir.geometry.frames import Frame

LONGEST_SIDE = 160
FOLDED = 0  # the code of a voxel whose determinant is not above zero
JACOBIAN_TOP = 2.0  # codes 1 to 255 are determinants from 0 to this; larger ones are shown as this
BYTES_PER_VOXEL = (
    1.0  # of a deflated 8-bit image in base64: 1.2 for noisy images, less than that for maps and masked ones
)
AXES = ("LR", "PA", "IS")  # the ends of the world axes (RAS+), lower end first


def factors(shape: Sequence[int], spacing: Sequence[float], most: float) -> tuple[int, ...]:
    """Whole factors by which an image is made coarser: sides of at most LONGEST_SIDE (512 in 2D), `most` voxels.

    The axis whose voxels are shortest gives way first, so that voxels stay as cubic as they are.
    """
    side = LONGEST_SIDE if len(shape) == 3 else 512
    chosen = [-(-n // side) for n in shape]
    while np.prod([-(-n // f) for n, f in zip(shape, chosen, strict=True)]) > most and max(shape) > 1:
        lengths = [s * f if -(-n // f) > 8 else np.inf for n, s, f in zip(shape, spacing, chosen, strict=True)]
        if not np.isfinite(min(lengths)):
            break
        chosen[int(np.argmin(lengths))] += 1
    return tuple(chosen)


def coarser(array: np.ndarray, by: Sequence[int]) -> np.ndarray:
    """Block means; edge values fill the last blocks."""
    return _blocks(array, by).mean(axis=tuple(range(1, 2 * array.ndim, 2)))


def any_in_block(array: np.ndarray, by: Sequence[int]) -> np.ndarray:
    """Whether any voxel of a block is true."""
    return np.asarray(_blocks(array, by).any(axis=tuple(range(1, 2 * array.ndim, 2))))


def _blocks(array: np.ndarray, by: Sequence[int]) -> np.ndarray:
    padded = np.pad(array, [(0, -n % f) for n, f in zip(array.shape, by, strict=True)], mode="edge")
    return padded.reshape([size for n, f in zip(padded.shape, by, strict=True) for size in (n // f, f)])


def coarser_frame(frame: Frame, by: Sequence[int]) -> Frame:
    """The frame of an image made coarser: a voxel's centre is the middle of its block."""
    change = np.diag([*map(float, by), 1.0])
    change[: frame.dim, frame.dim] = [(f - 1) / 2 for f in by]
    return Frame(tuple(-(-n // f) for n, f in zip(frame.shape, by, strict=True)), frame.affine @ change)


def window(image: np.ndarray) -> tuple[float, float]:
    """The lowest value and the 99.9th percentile: where an image's 8 bits begin and end."""
    low, high = float(image.min()), float(np.percentile(image, 99.9))
    high = high if high > low else float(image.max())
    return low, high if high > low else low + 1.0


def pack_image(image: np.ndarray, low: float, high: float) -> dict[str, Any]:
    """An image in 8 bits between `low` and `high`; what lies outside is clipped."""
    codes = np.rint(np.clip((image - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return {"low": round(low, 6), "high": round(high, 6), "data": encode(codes)}


def pack_jacobian(determinant: np.ndarray, by: Sequence[int]) -> dict[str, Any]:
    """Det J in 8 bits; a block is marked folded where any of its voxels is. Folds are counted before all that."""
    folded = ~(determinant > 0)
    shown = np.clip(coarser(np.nan_to_num(determinant, nan=0.0), by) / JACOBIAN_TOP, 0, 1)
    codes = 1 + np.rint(shown * 254).astype(np.uint8)
    codes[any_in_block(folded, by)] = FOLDED
    return {
        "low": 0.0,
        "high": JACOBIAN_TOP,
        "folded": int(folded.sum()),
        "voxels": int(folded.size),
        "least": round(float(determinant.min()), 4),
        "most": round(float(determinant.max()), 4),
        "data": encode(codes),
    }


def encode(codes: np.ndarray) -> str:
    """uint8 array, first axis fastest, zlib-deflated, base64."""
    return base64.b64encode(zlib.compress(codes.tobytes(order="F"), 9)).decode("ascii")


def orientation(frame: Frame) -> list[list[str]]:
    """The anatomical ends of each array axis, lower end first; none in 2D or where the frame says nothing of a body.

    A diagonal affine with its origin at index 0 is what images without a world get (`Frame.of`): it names no sides.
    """
    dim = frame.dim
    matrix = frame.affine[:dim, :dim]
    if dim != 3 or (not np.any(frame.affine[:3, 3]) and np.array_equal(matrix, np.diag(np.diag(matrix)))):
        return []
    ends = []
    for axis in range(3):
        world = int(np.argmax(np.abs(matrix[:, axis])))
        low, high = list(AXES[world])
        ends.append([low, high] if matrix[world, axis] > 0 else [high, low])
    return ends
