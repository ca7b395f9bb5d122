"""Drawing thin tubes on a grid with their partial volume (compiled)."""

from __future__ import annotations

import numba
import numpy as np

from wbir.geometry.frames import Frame

SHARPEST = 0.5  # voxels, the least radius that is drawn: a thinner tube is as wide and fainter, so that its area stays


def draw_tubes(frame: Frame, starts: np.ndarray, ends: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """The part of each voxel inside any of the tubes with round ends, float32, `frame.shape`.

    frame: axis-aligned. starts, ends: `(n, 3)` mm of the world; radii: `(n,)` mm. A voxel counts as a ball of its volume.
    """
    image = np.zeros(frame.shape, np.float32)
    width = float(np.prod(frame.spacing)) ** (1 / 3)
    origin, step = frame.affine[:3, 3].copy(), np.diag(frame.affine)[:3].copy()
    starts, ends, radii = (np.ascontiguousarray(a, np.float64) for a in (starts, ends, radii))
    _draw(image, origin, step, starts, ends, radii, width)
    return image


@numba.njit(cache=True, error_model="numpy")
def _draw(
    image: np.ndarray, origin: np.ndarray, step: np.ndarray, starts: np.ndarray, ends: np.ndarray, radii: np.ndarray,
    width: float,
) -> None:  # fmt: skip
    low, high = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for n in range(len(radii)):
        edge = width**2 / 12  # a disc with an edge that falls over `width` has the area pi (radius^2 + edge)
        radius = np.sqrt(max(radii[n] ** 2 - edge, (SHARPEST * width) ** 2))
        strength = min(1.0, radii[n] ** 2 / (radius**2 + edge))
        reach = radius + 0.5 * width
        a, along = starts[n], ends[n] - starts[n]
        square = max(along[0] ** 2 + along[1] ** 2 + along[2] ** 2, 1e-12)
        for c in range(3):
            low[c] = max(int(np.ceil((min(starts[n, c], ends[n, c]) - reach - origin[c]) / step[c])), 0)
            high[c] = min(
                int(np.floor((max(starts[n, c], ends[n, c]) + reach - origin[c]) / step[c])), image.shape[c] - 1
            )
        for i in range(low[0], high[0] + 1):
            x = origin[0] + i * step[0] - a[0]
            for j in range(low[1], high[1] + 1):
                y = origin[1] + j * step[1] - a[1]
                for k in range(low[2], high[2] + 1):
                    z = origin[2] + k * step[2] - a[2]
                    part = min(max((x * along[0] + y * along[1] + z * along[2]) / square, 0.0), 1.0)
                    far = np.sqrt((x - part * along[0]) ** 2 + (y - part * along[1]) ** 2 + (z - part * along[2]) ** 2)
                    value = strength * min((radius - far) / width + 0.5, 1.0)
                    if value > image[i, j, k]:
                        image[i, j, k] = value
