"""Breathing as closed-form maps between states of the chest, with sliding at the pleura.

Two maps, in millimetres of a standard chest (RAS; patient's right is +x), both zero at the end of expiration:

- the chest wall expands: `expand(p)`, for everything. Sideways (bucket handle), forwards (pump handle), a little upwards in front;
  the spine rests.
- what the wall encloses slides along it: `slide(p)`, inside the inner wall (`lung_tube.Tube`) only. It lets tissue glide in the
  tube's own coordinates, down by the diaphragm's descent and a little across, so it maps the tube onto itself.

Inside, a point goes from `q` to `expand(slide(q))`, outside to `expand(q)`: across the wall the two differ along the wall alone, no
gap opens, and each is a diffeomorphism. Every step moves one coordinate by a monotone function of it, so Newton's method finds the
inverse to rounding, and the volume change is a product of derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wbir.anatomy.lung_tube import Tube, ramp, ramp_slope

SPINE_REST = 35.0  # mm beside the midline within which the wall hardly widens
BACK_REST = -30.0  # mm: what lies behind does not go forwards
BACK_EDGE = 20.0  # mm over which going forwards sets in
LIFT_FROM, LIFT_OVER = -45.0, 130.0  # mm: from the back to the front the wall is lifted
WIDENS_BELOW, WIDENS_OVER = 30.0, 30.0  # mm: height and breadth of the change from the stiff upper to the lower ribs
MIDLINE = 0.3  # of the half-width: the breadth of the mediastinum, which follows the diaphragm less
STEPS = 7  # of Newton's method: the maps are nearly linear


@dataclass(frozen=True)
class State:
    """How far a breath is: diaphragm and wall, 0 at the end of expiration, 1 at the end of inspiration; they may differ in time."""

    diaphragm: float
    wall: float


REST = State(0.0, 0.0)


@dataclass(frozen=True)
class Breathing:
    """How a person breathes; all lengths in mm of the standard chest at the full breath.

    descent: of the diaphragm. top, base: heights between which it grows from 0 to all. basal: 0 for a linear growth, up to 0.5 for
    more at the base. posterior, side, midline: relative gain of the descent towards the back and the right, and loss at the midline.
    waves: rows (along X, along Y, along height, phase, relative amplitude), the person's own variation of the descent.
    drift: the same for the glide across, amplitudes in fractions of the half-width; first the X then the Y component, (2, n, 5).
    lateral, anterior: relative widening of the wall. lift: of its front.
    """

    tube: Tube
    descent: float
    top: float
    base: float
    basal: float
    posterior: float
    side: float
    midline: float
    waves: np.ndarray
    drift: np.ndarray
    lateral: float
    anterior: float
    lift: float


def forward(points: np.ndarray, breathing: Breathing, state: State, inside: np.ndarray | None = None) -> np.ndarray:
    """Where the tissue at `points` `(3, n)` at rest lies in `state`.

    inside: bool `(n,)`, what counts as enclosed by the wall; the tube itself where it is None.
    """
    if inside is None:
        inside = breathing.tube.gauge(*points) < 1
    moved = points.copy()
    moved[:, inside] = slide(points[:, inside], breathing, state.diaphragm)
    return expand(moved, breathing, state.wall)


def slide(points: np.ndarray, breathing: Breathing, part: float) -> np.ndarray:
    """The glide of enclosed tissue by `part` of the full breath: `(3, n)` to `(3, n)`."""
    if part == 0:
        return points
    x, y, z = points
    tube = breathing.tube
    across, along = tube.straighten(x, y, z)
    across = across + part * _drift(breathing, 0, across, along, along, z)[0]
    along = along + part * _drift(breathing, 1, across, along, across, z)[0]
    z = z - part * _descent(breathing, across, along, z)[0]
    return np.stack([*tube.bend(across, along, z), z])


def unslide(points: np.ndarray, breathing: Breathing, part: float) -> np.ndarray:
    """The inverse of `slide`."""
    if part == 0:
        return points
    x, y, end = points
    tube = breathing.tube
    across_end, along_end = tube.straighten(x, y, end)
    z = end.copy()
    for _ in range(STEPS):
        value, slope = _descent(breathing, across_end, along_end, z)
        z -= (z - part * value - end) / (1 - part * slope)
    along, across = along_end.copy(), across_end.copy()
    for _ in range(STEPS):
        value, slope = _drift(breathing, 1, across_end, along, across_end, z)
        along -= (along + part * value - along_end) / (1 + part * slope)
    for _ in range(STEPS):
        value, slope = _drift(breathing, 0, across, along, along, z)
        across -= (across + part * value - across_end) / (1 + part * slope)
    return np.stack([*tube.bend(across, along, z), z])


def slide_volume(points: np.ndarray, breathing: Breathing, part: float) -> np.ndarray:
    """det of the Jacobian of `slide` at `points` (at rest): `(n,)`."""
    x, y, z = points
    if part == 0:
        return np.ones_like(x)
    tube = breathing.tube
    across, along = tube.straighten(x, y, z)
    before = tube.stretch(x, z)
    value, slope = _drift(breathing, 0, across, along, along, z)
    across, volume = across + part * value, 1 + part * slope
    value, slope = _drift(breathing, 1, across, along, across, z)
    along, volume = along + part * value, volume * (1 + part * slope)
    value, slope = _descent(breathing, across, along, z)
    z = z - part * value
    x, _ = tube.bend(across, along, z)
    return volume * (1 - part * slope) * tube.stretch(x, z) / before


def expand(points: np.ndarray, breathing: Breathing, part: float) -> np.ndarray:
    """The motion of the chest wall by `part` of the full breath: `(3, n)` to `(3, n)`."""
    if part == 0:
        return points
    x, y, z = points
    z = z + part * breathing.lift * ramp((y - LIFT_FROM) / LIFT_OVER)
    low = part * _lower(z)
    return np.stack([x + low * breathing.lateral * _sideways(x)[0], y + low * breathing.anterior * _forwards(y)[0], z])


def contract(points: np.ndarray, breathing: Breathing, part: float) -> np.ndarray:
    """The inverse of `expand`."""
    if part == 0:
        return points
    x_end, y_end, z = points
    low = part * _lower(z)
    x, y = x_end.copy(), y_end.copy()
    for _ in range(STEPS):
        value, slope = _sideways(x)
        x -= (x + low * breathing.lateral * value - x_end) / (1 + low * breathing.lateral * slope)
        value, slope = _forwards(y)
        y -= (y + low * breathing.anterior * value - y_end) / (1 + low * breathing.anterior * slope)
    return np.stack([x, y, z - part * breathing.lift * ramp((y - LIFT_FROM) / LIFT_OVER)])


def expand_volume(points: np.ndarray, breathing: Breathing, part: float) -> np.ndarray:
    """det of the Jacobian of `expand` at `points`: `(n,)`."""
    x, y, z = points
    low = part * _lower(z + part * breathing.lift * ramp((y - LIFT_FROM) / LIFT_OVER))
    return (1 + low * breathing.lateral * _sideways(x)[1]) * (1 + low * breathing.anterior * _forwards(y)[1])


def volume_change(points: np.ndarray, breathing: Breathing, state: State) -> np.ndarray:
    """Volume in `state` per volume at rest of the enclosed tissue at `points` `(3, n)` (at rest): `(n,)`."""
    first = slide_volume(points, breathing, state.diaphragm)
    return first * expand_volume(slide(points, breathing, state.diaphragm), breathing, state.wall)


def _lower(z: np.ndarray) -> np.ndarray:
    """From 0 at the upper ribs to 1 at the lower ones."""
    return 1 / (1 + np.exp((z - WIDENS_BELOW) / WIDENS_OVER))


def _sideways(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`x^3 / (x^2 + c^2)`, x without its part near the midline; and its derivative."""
    square = x * x
    total = square + SPINE_REST**2
    return x * square / total, square * (square + 3 * SPINE_REST**2) / (total * total)


def _forwards(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Millimetres before BACK_REST, smoothly from 0; and the derivative."""
    rest = (y - BACK_REST) / BACK_EDGE
    return BACK_EDGE * np.logaddexp(0, rest), 1 / (1 + np.exp(-rest))


def _descent(
    breathing: Breathing, across: np.ndarray, along: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Millimetres that tissue descends at the full breath; and the derivative in z."""
    length = breathing.top - breathing.base
    depth = (breathing.top - z) / length
    ratio, ratio_slope = ramp(depth), ramp_slope(depth)
    growth = (1 - breathing.basal) * ratio + breathing.basal * ratio * ratio
    growth_slope = (1 - breathing.basal + 2 * breathing.basal * ratio) * ratio_slope
    place = (1 - breathing.posterior * along + breathing.side * across) * breathing.descent
    place = place * (1 - breathing.midline * np.exp(-((across / MIDLINE) ** 2)))
    own, own_slope = np.ones_like(depth), np.zeros_like(depth)
    for x_rate, y_rate, z_rate, phase, amplitude in breathing.waves.astype(depth.dtype):
        angle = x_rate * across + y_rate * along + z_rate * depth + phase
        own += amplitude * np.cos(angle)
        own_slope -= amplitude * z_rate * np.sin(angle)
    return place * growth * own, -place * (growth_slope * own + growth * own_slope) / length


def _drift(
    breathing: Breathing, axis: int, across: np.ndarray, along: np.ndarray, other: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The glide along X (axis 0) or Y (axis 1), zero on the wall; `other` is the other one of the two. And the derivative."""
    own = across if axis == 0 else along
    root = np.sqrt(np.abs(own))
    room = np.maximum(1 - np.abs(across) ** 2 * np.sqrt(np.abs(across)) - along**2 * np.sqrt(np.abs(along)), 0)
    depth = (breathing.top - z) / (breathing.top - breathing.base)
    wave = np.zeros_like(room)
    for _, other_rate, z_rate, phase, amplitude in breathing.drift[axis].astype(room.dtype):
        wave += amplitude * np.cos(other_rate * other + z_rate * depth + phase)
    return room * room * wave, -2 * room * 2.5 * own * root * wave
