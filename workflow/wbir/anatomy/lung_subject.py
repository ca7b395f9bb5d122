"""Persons with lungs: who they are, how they breathe, and the trees that grow in them.

Every person is drawn from named generators (`seeds.py`), part by part, so no part depends on how another is drawn. The ranges are
textbook values and, for the motion, published ones; docs/simulators.md names them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wbir.anatomy.breathing import Breathing
from wbir.anatomy.lung_organs import Organs
from wbir.anatomy.lung_trees import BRONCHI, END_SPACING, VEINS, Tree, end_points, grow
from wbir.anatomy.lung_tube import Tube
from wbir.anatomy.lung_wall import Wall
from wbir.errors import InputError

BREATHS = ("full", "tidal")
MOTTLE_STEP = 4.0  # mm, lattice of the fine random fields
# mm that the random fields cover; the border value beyond
FIELD_LOW, FIELD_HIGH = (-192.0, -150.0, -200.0), (192.0, 150.0, 200.0)
TEXTURE = ((3.5, 0.09), (14.0, 0.07))  # (mm, relative standard deviation) of the density that moves with the lung
EMPHYSEMA_SIZE = 4.5  # mm, smoothness of the field whose peaks are emphysema


@dataclass(frozen=True)
class Group:
    """What distinguishes a group of persons.

    descent: mean and standard deviation of the diaphragm's full excursion (mm). density: g/L of the resting lung, mean and deviation.
    roundness: relative depth of the chest. dome: height of the diaphragm's right dome; drop: mm that it falls to the wall. uneven:
    relative amplitude of the person's own variation of the motion. emphysema: least and largest part of the lung. widening: least
    and largest of the chest wall.
    """

    descent: tuple[float, float]
    density: tuple[float, float]
    roundness: float
    dome: float
    drop: float
    uneven: float
    emphysema: tuple[float, float]
    widening: tuple[float, float]


GROUPS = {
    "screening": Group((58.0, 13.0), (255.0, 18.0), 1.0, -68.0, 46.0, 0.06, (0.0, 0.03), (0.06, 0.13)),
    "copd": Group((54.0, 14.0), (205.0, 18.0), 1.12, -80.0, 36.0, 0.10, (0.08, 0.35), (0.04, 0.10)),
    "oncology": Group((58.0, 13.0), (260.0, 22.0), 1.0, -70.0, 44.0, 0.07, (0.0, 0.08), (0.06, 0.13)),
}
TIDAL_DESCENT = (18.0, 0.4)  # mm, median and log standard deviation of the diaphragm's quiet excursion
TIDAL_WIDENING = 0.2  # of the full breath's


@dataclass(frozen=True)
class Person:
    """scale: standard mm to the person's mm along x, y, z. density: g/L (HU + 1000) of the parenchyma at rest.

    emphysema: part of the lung. lag: part of the breathing cycle that the chest wall is behind the diaphragm.
    """

    scale: np.ndarray
    organs: Organs
    wall: Wall
    breathing: Breathing
    density: float
    emphysema: float
    lag: float
    arteries: Tree
    veins: Tree
    stream: Callable[..., np.random.Generator]

    @functools.cached_property
    def mottle(self) -> np.ndarray:
        """A lattice of variance 1 for the soft tissues' unevenness, 4.5 mm."""
        return lattice(((4.5, 1.0),), self.stream("mottle"))

    @functools.cached_property
    def texture(self) -> np.ndarray:
        """A lattice of the relative density of the parenchyma: texture, and emphysema as its low peaks."""
        upper = 0.6 * np.tanh(
            np.linspace(FIELD_LOW[2], FIELD_HIGH[2], lattice_shape()[2]) / 60.0
        )  # more in the upper lobes
        holes = lattice(((EMPHYSEMA_SIZE, 1.0),), self.stream("emphysema")) + upper.astype(np.float32)
        threshold = np.quantile(holes[::3, ::3, ::3], 1 - max(self.emphysema, 1e-6))
        open_share = np.clip((holes - threshold) / 0.3, 0, 1) * (self.emphysema > 0)
        return (1 + lattice(TEXTURE, self.stream("texture"))).clip(0.4) * (1 - 0.75 * open_share)


def make_person(stream: Callable[..., np.random.Generator], group: str, breath: str) -> Person:
    """A person of a group, in `full` or `tidal` breathing; `stream(name)` gives the generator of a part.

    Raises InputError for an unknown group or breath.
    """
    if group not in GROUPS or breath not in BREATHS:
        raise InputError(f"a group of {sorted(GROUPS)} and a breath of {BREATHS}", f"{group}, {breath}", "correct them")
    kind, body = GROUPS[group], stream("body")
    scale = np.clip(1 + np.array([0.05, 0.05, 0.06]) * body.standard_normal(3), 0.88, 1.12) * [1, kind.roundness, 1]
    tube = Tube(dent=float(46 + 2 * body.standard_normal()))
    organs = _organs(tube, kind, stream("organs"))
    wall = Wall(tube, fat=float(body.uniform(7, 24)), muscle=float(body.uniform(0.75, 1.2)))
    breathing = _breathing(tube, kind, breath, organs, stream("breathing"))
    density, emphysema = stream("density"), stream("amount")
    seeds = stream("trees")
    arteries, veins = (
        grow(organs, *end_points(organs, END_SPACING, seeds), roots, seeds) for roots in (BRONCHI, VEINS)
    )
    return Person(
        scale=scale,
        organs=organs,
        wall=wall,
        breathing=breathing,
        density=float(np.clip(density.normal(*kind.density), kind.density[0] - 50, kind.density[0] + 50)),
        emphysema=float(emphysema.uniform(*kind.emphysema)),
        lag=float(stream("lag").uniform(0.0, 0.06)),
        arteries=arteries,
        veins=veins,
        stream=stream,
    )


def _organs(tube: Tube, kind: Group, draw: np.random.Generator) -> Organs:
    right = kind.dome + 5 * draw.standard_normal()
    waves = np.column_stack([
        draw.uniform(-0.045, 0.045, (3, 2)), draw.uniform(0, 2 * np.pi, 3), draw.uniform(0.8, 2.5, 3)
    ])  # fmt: skip
    return Organs(
        tube,
        domes=(float(right), float(right - 11 + 4 * draw.standard_normal())),
        drop=float(kind.drop + 3 * draw.standard_normal()),
        heart=float(np.clip(1 + 0.05 * draw.standard_normal(), 0.88, 1.12)),
        oblique_left=(float(-16 + 5 * draw.standard_normal()), float(-0.95 + 0.06 * draw.standard_normal())),
        oblique_right=(float(-12 + 5 * draw.standard_normal()), float(-0.85 + 0.06 * draw.standard_normal())),
        horizontal=float(4 + 5 * draw.standard_normal()),
        bend=waves,
    )


def _breathing(tube: Tube, kind: Group, breath: str, organs: Organs, draw: np.random.Generator) -> Breathing:
    deep = float(np.clip(draw.normal(*kind.descent), 25, 90))
    quiet = float(np.clip(TIDAL_DESCENT[0] * np.exp(TIDAL_DESCENT[1] * draw.standard_normal()), 7, 40))
    widening, front, lift = draw.uniform(*kind.widening), draw.uniform(*kind.widening), draw.uniform(3, 9)
    part = 1.0 if breath == "full" else TIDAL_WIDENING
    waves = np.column_stack([
        draw.uniform(-3.0, 3.0, (5, 2)), draw.uniform(-4.0, 4.0, 5), draw.uniform(0, 2 * np.pi, 5),
        kind.uneven * np.clip(draw.standard_normal(5), -1.5, 1.5),
    ])  # fmt: skip
    depth = deep if breath == "full" else quiet
    sideways = 0.6 * depth / tube.width  # the glide across goes with the descent
    drift = np.stack([
        np.column_stack([
            np.zeros(4), draw.uniform(-4.0, 4.0, (4, 2)), draw.uniform(0, 2 * np.pi, 4),
            kind.uneven * sideways * np.clip(draw.standard_normal(4), -1.5, 1.5),
        ])
        for _ in range(2)
    ])  # fmt: skip
    return Breathing(
        tube,
        descent=depth,
        top=tube.apex - 8.0,
        base=float(min(organs.domes) - 28.0),
        basal=float(draw.uniform(0.1, 0.4)),
        posterior=float(draw.uniform(0.05, 0.25)),
        side=float(draw.normal(0.0, 0.05)),
        midline=float(draw.uniform(0.35, 0.55)),
        waves=waves,
        drift=drift,
        lateral=float(part * widening),
        anterior=float(part * front * 1.3),
        lift=float(part * lift),
    )


def lattice_shape() -> tuple[int, ...]:
    return tuple(round((b - a) / MOTTLE_STEP) + 1 for a, b in zip(FIELD_LOW, FIELD_HIGH, strict=True))


def lattice(components: tuple[tuple[float, float], ...], generator: np.random.Generator) -> np.ndarray:
    """A Gaussian random field on the lattice: a sum of white noises smoothed by sigma mm, of the given standard deviations."""
    from scipy.ndimage import gaussian_filter

    field = np.zeros(lattice_shape(), np.float32)
    for sigma, amplitude in components:
        noise = gaussian_filter(
            generator.standard_normal(field.shape, dtype=np.float32), sigma / MOTTLE_STEP, truncate=3.0
        )
        field += np.float32(amplitude) * noise / noise.std()
    return field


def read_lattice(field: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The lattice field at standard points `(3, n)`, linear."""
    from scipy.ndimage import map_coordinates

    index = (points - np.array(FIELD_LOW, points.dtype)[:, None]) / np.float32(MOTTLE_STEP)
    return map_coordinates(field, index, order=1, mode="nearest", output=points.dtype)
