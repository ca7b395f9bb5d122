"""What a CT shows of a person in a state of breath, and where each point of it goes: images, masks, lobes, displacements.

Each voxel is followed back to the place at rest of what lies in it (`breathing.py`), and the anatomy there is evaluated in closed
form: nothing is resampled, so images, labels and truth agree to rounding. Mass is kept: the parenchyma's density, HU + 1000 in g/L,
is that at rest divided by the local volume change. Vessels keep their width while the lung around them changes, airways widen with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wbir.anatomy.breathing import REST, State, contract, forward, unslide, volume_change
from wbir.anatomy.lung_organs import HU, Fraction, paint
from wbir.anatomy.lung_subject import Person, read_lattice
from wbir.anatomy.lung_trees import (
    MAIN_AIRWAYS,
    MAIN_VESSELS,
    TRACHEA,
    WALL_LEAST,
    WALL_SHARE,
    airways,
    pieces,
    vessel_tubes,
)
from wbir.geometry.frames import Frame

CHUNK = 250_000  # voxels worked on at a time
AIR, WALL = -1000.0, 30.0  # HU of the airways' lumen and wall
GRAVITY = 0.0022  # per mm: the lung at rest is denser towards the back
RIM = 1.5  # voxels on either side of the chest's inner wall where both sides are looked at


@dataclass(frozen=True)
class Scan:
    """hounsfield: float32, noise-free; lungs: bool; lobes: int16 (0 outside the lungs). All of the frame's shape."""

    hounsfield: np.ndarray
    lungs: np.ndarray
    lobes: np.ndarray


def scan(person: Person, frame: Frame, state: State) -> Scan:
    """The noise-free CT on an axis-aligned `frame` (mm of the world, RAS)."""
    width = np.float32(np.prod(frame.spacing) ** (1 / 3) / np.prod(person.scale) ** (1 / 3))
    image = np.empty(frame.shape, np.float32)
    lobes = np.zeros(frame.shape, np.int16)
    for part, points in _chunks(frame, person):
        image[part], lobes[part] = (a.reshape(image[part].shape) for a in _look(person, points, state, width))
    for hu, tubes in (
        (HU["blood"], _vessels(person, state)),
        (WALL, _airways(person, state, walls=True)),
        (AIR, _airways(person, state, walls=False)),
    ):
        _draw(image, hu, frame, *tubes)
    return Scan(image, lobes > 0, lobes)


def _draw(image: np.ndarray, hu: float, frame: Frame, *tubes: np.ndarray) -> None:
    from wbir.anatomy.lung_tubes import draw_tubes

    paint(image, hu, draw_tubes(frame, *tubes))


def _chunks(frame: Frame, person: Person) -> Iterator[tuple[slice, np.ndarray]]:
    """Slabs of the first axis with the standard mm `(3, n)` of their voxels, float32."""
    axes = [(frame.affine[a, 3] + frame.affine[a, a] * np.arange(frame.shape[a])) / person.scale[a] for a in range(3)]
    thick = max(CHUNK // (frame.shape[1] * frame.shape[2]), 1)
    for start in range(0, frame.shape[0], thick):
        part = slice(start, min(start + thick, frame.shape[0]))
        points = np.meshgrid(axes[0][part], axes[1], axes[2], indexing="ij")
        yield part, np.stack([p.ravel() for p in points]).astype(np.float32)


def _look(person: Person, points: np.ndarray, state: State, width: np.float32) -> tuple[np.ndarray, np.ndarray]:
    """HU and lobes at standard points of the space in `state`."""

    def fraction(distance: np.ndarray) -> np.ndarray:
        return np.clip(0.5 - distance / width, 0, 1)

    outer = contract(points, person.breathing, state.wall)
    wall = person.organs.tube.distance(*outer)
    image, lobes = np.empty_like(wall), np.zeros(wall.shape, np.int16)
    without, within = wall > -RIM * width, wall < RIM * width
    x, y, z = outer[:, without]
    image[without] = person.wall.hounsfield(x, y, z, fraction, read_lattice(person.mottle, outer[:, without]))
    inner = unslide(outer[:, within], person.breathing, state.diaphragm)
    lungs = person.organs.lungs(*inner)
    seen = _inside(person, inner, lungs, state, fraction, width)
    share = fraction(wall[within])
    rim = without[within]
    seen[rim] = share[rim] * seen[rim] + (1 - share[rim]) * image[within][rim]
    image[within] = seen
    lobes[within] = np.where((lungs < 0) & (wall[within] < 0), person.organs.lobes(*inner), 0)
    return image, lobes


def _inside(
    person: Person, rest: np.ndarray, lungs: np.ndarray, state: State, fraction: Fraction, width: np.float32
) -> np.ndarray:
    """HU at the places at rest of enclosed tissue, without vessels and airways; `lungs`: signed distance there."""
    lung = fraction(lungs)
    hu = np.empty_like(lung)
    soft, airy = lung < 1, lung > 0
    x, y, z = rest[:, soft]
    hu[soft] = person.organs.soft_tissue(x, y, z, fraction, read_lattice(person.mottle, rest[:, soft]))
    x, y, z = rest[:, airy]
    tissue = parenchyma(person, rest[:, airy], state) - 1000
    paint(tissue, HU["muscle"], person.organs.fissures(x, y, z, float(width)))
    hu[airy] = lung[airy] * tissue + (1 - lung[airy]) * np.where(soft[airy], hu[airy], 0)
    return hu


def parenchyma(person: Person, rest: np.ndarray, state: State) -> np.ndarray:
    """Density in g/L (HU + 1000) in `state` of the lung tissue that rests at `rest` `(3, n)`: mass over volume."""
    at_rest = person.density * read_lattice(person.texture, rest) * (1 - GRAVITY * (rest[1] + 10))
    return at_rest / volume_change(rest, person.breathing, state)


def move(person: Person, world: np.ndarray, state: State) -> np.ndarray:
    """Where the tissue at world mm `(n, 3)` at rest lies in `state`: world mm, float64."""
    standard = (np.asarray(world, np.float64) / person.scale).T
    return forward(standard, person.breathing, state).T * person.scale


def displacement(person: Person, frame: Frame, state: State) -> np.ndarray:
    """World mm from rest to `state` at every voxel of `frame`: float32 `(3, *shape)`."""
    field = np.empty((3, *frame.shape), np.float32)
    for part, points in _chunks(frame, person):
        moved = forward(points, person.breathing, state) - points
        field[:, part] = (moved * person.scale[:, None].astype(np.float32)).reshape(3, *field[0, part].shape)
    return field


def _moved(person: Person, nodes: np.ndarray, state: State) -> np.ndarray:
    """World mm in `state` of standard nodes `(n, 3)` at rest, all enclosed."""
    inside = np.ones(len(nodes), bool)
    return forward(nodes.T, person.breathing, state, inside).T * person.scale


def _mean_scale(person: Person) -> float:
    return float(np.cbrt(np.prod(person.scale)))


def _vessels(person: Person, state: State) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    main = pieces(MAIN_VESSELS)
    starts, ends, radii = [_moved(person, main.starts, state)], [_moved(person, main.ends, state)], [main.radii]
    for tree in (person.arteries, person.veins):
        first, last, radius = vessel_tubes(tree)
        nodes = _moved(person, tree.nodes, state)
        starts.append(nodes[first])
        ends.append(nodes[last])
        radii.append(radius)
    return np.concatenate(starts), np.concatenate(ends), np.concatenate(radii) * _mean_scale(person)


def _airways(person: Person, state: State, *, walls: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The airways' lumen, or (walls) the lumen with the wall around it."""
    main = pieces((TRACHEA, *MAIN_AIRWAYS))
    nodes, first, last, radius = airways(person.arteries)
    starts, ends = np.concatenate([main.starts, nodes[first]]), np.concatenate([main.ends, nodes[last]])
    radii = np.concatenate([main.radii, radius])
    wide = np.cbrt(volume_change((0.5 * (starts + ends)).T, person.breathing, state))
    wide[: len(main.radii)] = 1  # cartilage holds the trachea and the main bronchi
    radii = radii * wide + (np.maximum(WALL_SHARE * radii, WALL_LEAST) if walls else 0)
    return _moved(person, starts, state), _moved(person, ends, state), radii * _mean_scale(person)


def lung_centre(person: Person, state: State) -> np.ndarray:
    """World mm of the lungs' centre of mass as masks see it (every voxel weighs alike)."""
    points, weights = _lung_points(person)
    volume = volume_change(points, person.breathing, state)
    moved = _moved(person, points.T, state)
    return (volume * weights) @ moved / float((volume * weights).sum())


def lung_litres(person: Person, state: State) -> float:
    """The volume of both lungs in `state`."""
    points, weights = _lung_points(person)
    volume = volume_change(points, person.breathing, state)
    return float((volume * weights).sum() * np.prod(person.scale)) / 1e6


def _lung_points(person: Person, step: float = 5.0) -> tuple[np.ndarray, np.ndarray]:
    """A lattice over the lungs at rest, standard mm `(3, n)`, and the mm^3 that each point stands for."""
    tube = person.organs.tube
    axes = [np.arange(-n, n + step, step) for n in (tube.width, 110.0, 180.0)]
    points = np.stack([p.ravel() for p in np.meshgrid(*axes, indexing="ij")])
    share = np.clip(0.5 - person.organs.lungs(*points) / step, 0, 1)
    return points[:, share > 0], step**3 * share[share > 0]


def landmarks(person: Person, low: int, high: int) -> np.ndarray:
    """World mm at rest `(n, 3)` of the forks of arteries and veins that supply `low` to `high` end points."""
    nodes = [
        t.nodes[(f := t.forks())][(t.ends[f] >= low) & (t.ends[f] <= high)] for t in (person.arteries, person.veins)
    ]
    return np.concatenate(nodes) * person.scale


def resting(person: Person, world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For world mm `(n, 3)` at rest: signed standard mm to the lungs' surface and to the chest's inner wall."""
    standard = (np.asarray(world, np.float64) / person.scale).T
    return person.organs.lungs(*standard), person.organs.tube.distance(*standard)


__all__ = [
    "REST", "Scan", "displacement", "landmarks", "lung_centre", "lung_litres", "move", "parenchyma", "resting", "scan",
]  # fmt: skip
