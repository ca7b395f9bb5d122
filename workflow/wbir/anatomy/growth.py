"""Growth of a child's head from 2 to 8 years: sizes by age, the flow that reaches them, the myelin that brightens white matter.

Volumes are fractions of a young adult's, the template. The curves are rounded general knowledge of paediatric MRI: the brain
has 83 % of its adult volume at 2 years and 95 % at 6; white matter has 62 % at 2 and 80 % at 7 and goes on growing; grey
matter follows from the two and comes to rest at about 8, some 6 % above the adult's; ventricles grow from 75 to 85 %. The
cranium keeps pace with the tissue in it. All of a child's growth is then a scaling of its whole head and, relative to that,
a flow that gives each tissue its own volume, as in anatomy/ageing.py; the face, small in a child, is drawn in towards the
skull base.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wbir.anatomy.ageing import SQUARINGS, age_maps, volume_velocity
from wbir.anatomy.deformation import compose, exponential, move_displacement, see_through
from wbir.anatomy.template import brain_frame, coordinates
from wbir.errors import InputError
from wbir.geometry.frames import Frame

AGES = (2.0, 8.0)  # years that the curves are for
ADULT_TISSUE = 1250.0  # mL of grey and white matter in a young adult
BRAIN = (0.313, 3.27)  # the adult volume lacks the part `c exp(-age / tau)`: 17 % at 2, 5 % at 6
WHITE = (0.491, 7.79)  # 38 % at 2, 20 % at 7
WHITE_SHARE = 0.37  # of white matter in the template's grey and white matter
VENTRICLES = (0.75, 0.02)  # of the adult volume at 2 years; more with each year
KNOTS = (8.0, 5.0, 2.0)  # years at which the flow is computed; linear between them
PASSES = 2  # of the flow to each knot: what smoothing kept back in one is asked for in the next
FLOW_SPACING = 2.5  # mm
FACE_LACK = (0.30, 4.0)  # a face's lengths lack `c exp(-age / tau)` of the adult's relative to the cranium: 18 % at 2
FACE_ORIGIN = (0.0, 22.0, -28.0)  # MNI mm: the skull base that the face grows away from
FACE_SPACING = 5.0  # mm of the grid that the face's weight is made on
FACE_ONSET = 40.0  # mm below and before the brain over which that sets in
CONTRAST_LACK = (0.20, 3.0)  # white matter lacks `c exp(-(age - lag) / tau)` of its adult T1 signal
MYELIN_LAG = 2.0  # years that frontal and temporal white matter is behind the rest


def _lacking(curve: tuple[float, float], age: Any) -> Any:
    return curve[0] * np.exp(-np.asarray(age) / curve[1])


def volume_fractions(age: float) -> dict[str, float]:
    """Volumes of brain (grey and white), white, grey and ventricles at `age` (years) as fractions of the adult's.

    Raises InputError for an age outside AGES.
    """
    if not AGES[0] <= age <= AGES[1]:
        raise InputError(f"an age of {AGES[0]:g} to {AGES[1]:g} years", f"{age:g}", "correct the cohort's parameters")
    brain, white = (float(1 - _lacking(curve, age)) for curve in (BRAIN, WHITE))
    grey = (brain - WHITE_SHARE * white) / (1 - WHITE_SHARE)
    return {"brain": brain, "white": white, "grey": grey, "ventricles": VENTRICLES[0] + VENTRICLES[1] * (age - AGES[0])}


def head_scale(age: float) -> float:
    """The length of an average child's head relative to the template's: the cube root of the ratio of the tissue."""
    from wbir.anatomy.template import load

    template = load()
    tissue = float(template.grey.sum(dtype=np.float64) + template.white.sum(dtype=np.float64)) / 1000
    return float((ADULT_TISSUE / tissue * volume_fractions(age)["brain"]) ** (1 / 3))


class GrowthPath:
    """The template's way back through childhood, in the template's size, seen on `frame`."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.grid, self.knots = flow_knots(max(FLOW_SPACING, 0.8 * min(frame.spacing)))
        self.face = face_weight(frame)

    def at(self, age: float) -> np.ndarray:
        """The displacement that shows the template at `age` in the adult's size, `child(x) = template(x + u(x))`.

        `(3, *frame.shape)`, voxels of the frame. Raises InputError for an age outside AGES.
        """
        volume_fractions(age)
        place = float(np.interp(-age, [-a for a in KNOTS], np.arange(len(KNOTS))))
        before = min(int(place), len(KNOTS) - 2)
        part = np.float32(place - before)
        inner = (1 - part) * self.knots[before] + part * self.knots[before + 1]
        return compose(self._face_at(age), move_displacement(inner, self.grid, self.frame))

    def _face_at(self, age: float) -> np.ndarray:
        reach = float(1 / (1 - _lacking(FACE_LACK, age)) - 1)
        return np.stack(
            [
                np.broadcast_to(self.face * np.float32(reach / s) * (x - o), self.frame.shape)
                for x, o, s in zip(coordinates(self.frame), FACE_ORIGIN, self.frame.spacing, strict=True)
            ]
        ).astype(np.float32)


@functools.lru_cache(maxsize=1)
def flow_knots(spacing: float) -> tuple[Frame, tuple[np.ndarray, ...]]:
    """A grid of `spacing` mm over the brain and, on it, the displacement that shows the template at each of KNOTS."""
    grid = brain_frame(spacing)
    maps = age_maps(grid)
    adult = {name: float(image.sum(dtype=np.float64)) for name, image in maps.items()}
    aims = [relative_volumes(adult, volume_fractions(age)) for age in KNOTS]
    between = {name: float(np.sqrt(adult[name] * aims[0][name])) for name in adult}
    forth = np.zeros((3, *grid.shape), np.float32)
    found = []
    for aim in [between, *aims]:
        for _ in range(PASSES):
            now = {name: see_through(image, forth, order=1) for name, image in maps.items()}
            velocity = volume_velocity(now, rates_towards(aim, now), grid)
            forth = compose(forth, exponential(-velocity, squarings=SQUARINGS))
        found.append(forth)
    return grid, tuple(found[1:])


def relative_volumes(adult: Mapping[str, float], fractions: Mapping[str, float]) -> dict[str, float]:
    """Volumes of white, grey, ventricles and sulci in a brain scaled to the adult's size; the sulci take what the others leave.

    adult: of the template, in any one unit. fractions: of `volume_fractions`.
    """
    aim = {n: adult[n] * fractions[n] / fractions["brain"] for n in ("white", "grey", "ventricles")}
    return {**aim, "sulci": sum(adult.values()) - sum(aim.values())}


def rates_towards(aim: Mapping[str, float], maps: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Log volume change of each tissue from what `maps` have to `aim`; volume times rate sums to zero by way of the sulci."""
    volumes = {name: float(image.sum(dtype=np.float64)) for name, image in maps.items()}
    rates = {name: float(np.log(aim[name] / volumes[name])) for name in ("white", "grey", "ventricles")}
    return {**rates, "sulci": -sum(rate * volumes[name] for name, rate in rates.items()) / volumes["sulci"]}


def face_weight(frame: Frame) -> np.ndarray:
    """Zero in the brain and behind it, rising smoothly to one FACE_ONSET mm below and before it: float32."""
    from scipy.ndimage import gaussian_filter

    from wbir.anatomy.head import hull_distance
    from wbir.anatomy.template import centred_frame, load, resample

    template = load()
    middle = frame.to_world((np.array([frame.shape]) - 1) / 2)[0]
    size = [n * s for n, s in zip(frame.shape, frame.spacing, strict=True)]
    coarse = centred_frame(middle.tolist(), size, max(FACE_SPACING, *frame.spacing))
    depth = hull_distance(resample(template.brain, template.frame, coarse) > 0.5, coarse)
    _, y, z = coordinates(coarse)
    low = _smooth_step((-z - 20.0) / 40.0) * _smooth_step((y + 60.0) / 60.0)
    weight = gaussian_filter(_smooth_step((depth - 8.0) / FACE_ONSET) * low, 1.0)  # a distance has ridges
    points = np.linalg.inv(coarse.affine) @ frame.affine
    axes = [points[a, a] * np.arange(n) + points[a, 3] for a, n in enumerate(frame.shape)]
    return _on_axes(weight, axes)


def _on_axes(image: np.ndarray, axes: Sequence[np.ndarray]) -> np.ndarray:
    """The image on a finer grid with voxel positions `axes` along each axis, by a cubic spline; float32."""
    from scipy.ndimage import map_coordinates

    points = np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)
    return map_coordinates(image.astype(np.float32), points, order=3, mode="nearest", output=np.float32)


def _smooth_step(t: np.ndarray) -> np.ndarray:
    t = np.clip(t, 0.0, 1.0)
    return t * t * (3 - 2 * t)


def white_signal(age: float, frame: Frame) -> np.ndarray:
    """The T1 signal of white matter at `age` as a part of the adult's, `frame.shape` float32 (frame in MNI mm).

    Myelin comes late to the frontal and temporal lobes: there the signal is that of a child MYELIN_LAG years younger.
    """
    _, y, z = coordinates(frame)
    frontal = 1 / (1 + np.exp(-(y - 15.0) / 12.0))
    temporal = 1 / (1 + np.exp((z + 8.0) / 5.0)) / (1 + np.exp(-(y + 20.0) / 8.0))
    lag = MYELIN_LAG * np.maximum(frontal, temporal)
    return np.broadcast_to(1 - _lacking(CONTRAST_LACK, age - lag), frame.shape).astype(np.float32)
