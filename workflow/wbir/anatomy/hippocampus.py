"""The hippocampi of the template as curved tubes at their MNI coordinates, cut to grey matter."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from wbir.anatomy.template import axis_positions, load, resample
from wbir.geometry.frames import Frame

# centre line (|x|, y, z) and radius, MNI mm, head to tail: general knowledge of atlases, checked by eye on the template
LINE = (
    (22.0, -9.0, -21.0, 6.0),
    (27.0, -16.0, -19.0, 6.0),
    (30.0, -24.0, -13.0, 5.0),
    (28.0, -33.0, -6.0, 4.5),
    (22.0, -39.0, 0.0, 3.5),
)


def hippocampi(frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Fractions of the left and the right hippocampus on `frame` (MNI mm): the tube times the grey-matter fraction."""
    template = load()
    tubes = (_tube(template.frame, side) * template.grey for side in (-1, 1))
    left, right = (resample(tube, template.frame, frame) for tube in tubes)
    return left, right


def _tube(frame: Frame, side: int) -> np.ndarray:
    """One where a point is within the radius of the centre line, the radius linear along each piece."""
    axes = [axis_positions(frame, a) for a in range(3)]
    box = [(-45.0, 45.0), (-52.0, 6.0), (-36.0, 14.0)]
    cut = tuple(slice(*np.searchsorted(x, b)) for x, b in zip(axes, box, strict=True))
    points = np.stack(np.meshgrid(*(x[c] for x, c in zip(axes, cut, strict=True)), indexing="ij"), -1)
    knots = np.array(LINE) * [side, 1.0, 1.0, 1.0]
    depth = np.full(points.shape[:-1], -np.inf)
    for start, end in pairwise(knots):
        direction = end[:3] - start[:3]
        along = np.clip((points - start[:3]) @ direction / (direction @ direction), 0.0, 1.0)
        distance = np.linalg.norm(points - start[:3] - along[..., None] * direction, axis=-1)
        depth = np.maximum(depth, start[3] + along * (end[3] - start[3]) - distance)
    tube = np.zeros(frame.shape, np.float32)
    tube[cut] = np.clip(depth + 0.5, 0.0, 1.0)
    return tube
