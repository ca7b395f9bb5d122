"""Points of the skin that can be named, and where an expression and a pose take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wbir.anatomy.face import Person, anchors
from wbir.anatomy.face_actions import Expression

if TYPE_CHECKING:
    from wbir.anatomy.face_picture import Pose

# name: part of the skin (of face_actions.PARTS); paired ones have a left and a right in the picture
MIDDLE = {
    "glabella": "above", "nose_root": "between", "nose_tip": "between", "nose_base": "between", "lip_top": "between",
    "lip_meets_above": "between", "lip_meets_below": "below", "lip_bottom": "below", "chin": "below", "chin_end": "below",
}  # fmt: skip
PAIRED = {
    "brow_inner": "above", "brow_mid": "above", "brow_outer": "above", "eye_inner": "between", "eye_outer": "between",
    "lid_above": "above", "lid_below": "between", "nose_wing": "between", "lip_corner": "between", "cheek": "between",
    "jaw": "below",
}  # fmt: skip
NAMES = (*MIDDLE, *(f"{side}_{name}" for name in PAIRED for side in ("left", "right")))


def material_points(person: Person, expression: Expression) -> tuple[np.ndarray, list[str]]:
    """The landmarks in material coordinates, `(len(NAMES), 2)`, the same for all expressions, and the part of each."""
    p, mouth = anchors(person), expression.mouth
    seam = float(mouth.line(np.zeros(1))[0])
    p |= {"lip_top": (0.0, seam + 0.85 * person["lip_up"]), "lip_bottom": (0.0, seam - person["lip_low"])}
    p |= {"lip_meets_above": (0.0, seam), "lip_meets_below": (0.0, seam)}
    p |= {"lid_above": p["eye"], "lid_below": p["eye"]}
    points, parts = [p[name] for name in MIDDLE], list(MIDDLE.values())
    for name, part in PAIRED.items():
        for side in (-1, 1):
            x, y = side * p[name][0], p[name][1]
            if name == "lip_corner":
                y = float(mouth.line(np.array([x]))[0])
            points.append((x, y))
            parts.append(part)
    return np.array(points), parts


def landmarks(person: Person, expression: Expression, pose: Pose, size: int) -> np.ndarray:
    """The landmarks in the picture, `(len(NAMES), 2)` voxel indices of an image of `size` pixels a side, float64."""
    points, parts = material_points(person, expression)
    moved = [expression.move(x, y, part) for (x, y), part in zip(points[:, :, None], parts, strict=True)]
    x, y = pose.to_picture(*(np.array([m[axis][0] for m in moved]) for axis in (0, 1)))
    return (np.stack([x, y], axis=1) + 1) * size / 2 - 0.5
