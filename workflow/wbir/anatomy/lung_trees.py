"""Airways, arteries and veins as trees that fill the lobes.

Growth follows the volume-filling rule of Tawhai, Pullan and Hunter (Ann. Biomed. Eng. 28, 2000): the end points that a branch has to
supply are parted by a plane through their centre, and a branch goes some way towards the centre of either half, until one point is
left. Radii follow Murray (PNAS 12, 1926): the cube of a parent's radius is the sum of its daughters' cubes, so a vessel that
supplies n end points has the radius `r0 n^(1/3)`. The airway keeps beside its artery. All mm of the standard chest at rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wbir.anatomy.lung_organs import Organs

ADVANCE = 0.4  # of the way to the centre of what a branch supplies (Tawhai 2000)
ALONG = 0.3  # weight of spread along a branch when its points are parted: mostly across it
END_SPACING = 8.5  # mm between end points
VESSEL_END = 0.44  # mm, radius of a vessel that supplies one end point
AIRWAY_END = 0.40  # mm
THINNEST_AIRWAY = 0.75  # mm: thinner ones do not stand out on a CT
MARGIN = 1.5  # mm from the lung's surface: end points lie deeper
AIRWAY_SIDE = (-0.35, -0.85, 0.4)  # where an airway lies from its artery, before it is turned across it
WALL_SHARE, WALL_LEAST = 0.16, 0.45  # thickness of an airway's wall: of its radius, and mm
# lobar bronchi end, and with them start the arteries (each its lobe); veins start near the left atrium
BRONCHI = {
    1: (-45.0, -16.0, 20.0),
    2: (-43.0, -34.0, -2.0),
    3: (40.0, -20.0, 28.0),
    4: (43.0, -6.0, -8.0),
    5: (38.0, -32.0, -12.0),
}
VEINS = {
    1: (-38.0, -2.0, 8.0),
    2: (-34.0, -26.0, -16.0),
    3: (38.0, -2.0, 10.0),
    4: (36.0, 4.0, -4.0),
    5: (32.0, -24.0, -22.0),
}
# large tubes by hand: path and radius
TRACHEA = (((1.0, -16.0, 175.0), (1.0, -20.0, 110.0), (2.0, -22.0, 38.0)), 8.5)
MAIN_AIRWAYS = (
    (((2.0, -22.0, 38.0), (22.0, -24.0, 22.0)), 6.8),
    (((22.0, -24.0, 22.0), BRONCHI[3]), 4.2),
    (((22.0, -24.0, 22.0), (31.0, -24.0, 2.0)), 5.2),
    (((31.0, -24.0, 2.0), BRONCHI[4]), 3.4),
    (((31.0, -24.0, 2.0), BRONCHI[5]), 4.4),
    (((2.0, -22.0, 38.0), (-32.0, -26.0, 12.0)), 6.2),
    (((-32.0, -26.0, 12.0), BRONCHI[1]), 4.3),
    (((-32.0, -26.0, 12.0), BRONCHI[2]), 4.5),
)
MAIN_VESSELS = (
    (((-10.0, 30.0, 2.0), (-12.0, 14.0, 22.0)), 13.0),  # pulmonary trunk
    (((-12.0, 14.0, 22.0), (10.0, -2.0, 16.0), (36.0, -10.0, 10.0)), 10.0),
    (((-12.0, 14.0, 22.0), (-34.0, -14.0, 28.0)), 10.0),
    (((36.0, -10.0, 10.0), BRONCHI[5]), 7.0),
    (((36.0, -10.0, 10.0), BRONCHI[3]), 5.5),
    (((36.0, -10.0, 10.0), BRONCHI[4]), 4.5),
    (((-34.0, -14.0, 28.0), BRONCHI[1]), 5.5),
    (((-34.0, -14.0, 28.0), BRONCHI[2]), 7.0),
    *((((-2.0, -8.0, -10.0), end), 5.5) for end in VEINS.values()),  # to the left atrium
    (((4.0, 24.0, 0.0), (10.0, 22.0, 38.0), (2.0, 4.0, 54.0), (-20.0, -36.0, 46.0)), 14.0),  # ascending aorta and arch
    (((-20.0, -36.0, 46.0), (-21.0, -44.0, 20.0), (-19.0, -44.0, -80.0), (-8.0, -40.0, -170.0)), 11.5),
    (((20.0, 14.0, -5.0), (22.0, 8.0, 60.0), (26.0, 6.0, 100.0)), 9.0),  # superior vena cava
    (((2.0, 2.0, 55.0), (8.0, -2.0, 105.0), (14.0, -6.0, 175.0)), 6.0),  # the arch's branches
    (((-8.0, 0.0, 56.0), (-14.0, -6.0, 105.0), (-18.0, -8.0, 175.0)), 4.5),
    (((-15.0, -10.0, 55.0), (-24.0, -12.0, 105.0), (-60.0, -10.0, 112.0)), 5.0),
    (((-4.0, -33.0, 175.0), (-5.0, -37.0, 60.0), (-6.0, -35.0, -40.0), (-14.0, -24.0, -100.0)), 6.5),  # oesophagus
    (((24.0, 6.0, -60.0), (22.0, -4.0, -110.0), (18.0, -20.0, -170.0)), 11.0),  # inferior vena cava
)
PIECE = 8.0  # mm: large tubes are moved in pieces as long


@dataclass(frozen=True)
class Tree:
    """nodes: `(N, 3)`. parent: `(N,)`, -1 for a root. ends: `(N,)`, end points that the branch from the parent to a node supplies."""

    nodes: np.ndarray
    parent: np.ndarray
    ends: np.ndarray

    def forks(self) -> np.ndarray:
        """The nodes with two daughters, roots left out: indices."""
        daughters = np.bincount(self.parent[self.parent >= 0], minlength=len(self.parent))
        return np.flatnonzero((daughters >= 2) & (self.parent >= 0))


@dataclass(frozen=True)
class Tubes:
    """Straight pieces: starts, ends `(n, 3)`, radii `(n,)`."""

    starts: np.ndarray
    ends: np.ndarray
    radii: np.ndarray


def end_points(organs: Organs, spacing: float, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points that fill the lungs, one in a jittered cell of `spacing` mm: `(n, 3)`, and their lobes `(n,)`."""
    tube = organs.tube
    low, high = np.array([-tube.width, -100.0, -165.0]), np.array([tube.width, 105.0, tube.apex])
    corners = np.stack(
        np.meshgrid(*(np.arange(a, b, spacing) for a, b in zip(low, high, strict=True)), indexing="ij"), -1
    )
    points = corners.reshape(-1, 3) + spacing * generator.random((corners.size // 3, 3))
    points = points[organs.lungs(*points.T) < -MARGIN]
    return points, organs.lobes(*points.T)


def grow(
    organs: Organs, points: np.ndarray, lobes: np.ndarray, roots: Mapping[int, Sequence[float]],
    generator: np.random.Generator,
) -> Tree:  # fmt: skip
    """The tree that supplies `points` `(n, 3)` from the root of each point's lobe. All branches of a generation grow at once."""
    present, group = np.unique(lobes, return_inverse=True)
    nodes = np.array([roots[lobe] for lobe in present])
    parents = [np.full(len(nodes), -1)]
    starts = np.arange(len(nodes))  # the node at which each group's branch ends
    while len(points):
        side = _halves(points, group, nodes[starts])
        key, group = np.unique(2 * group + side, return_inverse=True)
        starts = starts[key // 2]
        count = np.bincount(group)
        centres = np.stack([np.bincount(group, c) for c in points.T], 1) / count[:, None]
        share = np.where(count > 1, ADVANCE * np.exp(0.12 * generator.standard_normal(len(count))), 1.0)
        fresh = _into_the_lung(organs, nodes[starts] + share[:, None] * (centres - nodes[starts]))
        parents.append(starts)
        starts = len(nodes) + np.arange(len(count))
        nodes = np.concatenate([nodes, fresh])
        going = count > 1
        keep = going[group]
        points, group, starts = points[keep], (np.cumsum(going) - 1)[group[keep]], starts[going]
    return Tree(nodes, np.concatenate(parents), _supplied(parents))


def _into_the_lung(organs: Organs, nodes: np.ndarray) -> np.ndarray:
    """Nodes `(n, 3)` that a straight way would lead out of the lung, round the heart for one, moved back into it."""
    nodes = nodes.copy()
    for _ in range(3):
        distance = organs.lungs(*nodes.T)
        astray = distance > -MARGIN
        if not astray.any():
            break
        moves = 0.5 * np.eye(3)[:, :, None]
        slope = np.stack(
            [organs.lungs(*(nodes[astray].T + m)) - organs.lungs(*(nodes[astray].T - m)) for m in moves], 1
        )
        slope /= np.maximum((slope**2).sum(1, keepdims=True), 0.25)
        nodes[astray] -= np.minimum(distance[astray] + MARGIN + 0.5, 12.0)[:, None] * slope
    return nodes


def _halves(points: np.ndarray, group: np.ndarray, origins: np.ndarray) -> np.ndarray:
    """0 or 1 for each point: on which side of its group's dividing plane it lies. A group of one stays whole.

    The plane goes through the centre, across the direction of greatest spread; spread along the branch counts less.
    """
    groups = len(origins)
    count = np.bincount(group)
    centres = np.stack([np.bincount(group, c) for c in points.T], 1) / count[:, None]
    course = centres - origins
    course /= np.maximum(np.linalg.norm(course, axis=1, keepdims=True), 1e-9)
    offset = points - centres[group]
    offset = offset - (1 - ALONG) * (offset * course[group]).sum(1, keepdims=True) * course[group]
    spread = np.empty((groups, 3, 3))
    for i in range(3):
        for j in range(i + 1):
            spread[:, i, j] = spread[:, j, i] = np.bincount(group, offset[:, i] * offset[:, j])
    axis = np.linalg.eigh(spread)[1][:, :, -1]
    axis *= np.where(axis[np.arange(groups), np.abs(axis).argmax(1)] < 0, -1.0, 1.0)[:, None]
    return ((offset * axis[group]).sum(1) > 1e-12 * (count[group] > 1)).astype(int)


def _supplied(parents: list[np.ndarray]) -> np.ndarray:
    parent = np.concatenate(parents)
    daughters = np.bincount(parent[parent >= 0], minlength=len(parent))
    ends = (daughters == 0).astype(np.int64)
    last = len(parent)
    for generation in reversed(parents[1:]):  # daughters come after parents
        first = last - len(generation)
        np.add.at(ends, generation, ends[first:last])
        last = first
    return ends


def vessel_tubes(tree: Tree) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of start and end nodes, and the radii (mm) by Murray's law."""
    to = np.flatnonzero(tree.parent >= 0)
    return tree.parent[to], to, VESSEL_END * np.cbrt(tree.ends[to])


def airways(arteries: Tree) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The airways beside the arteries: nodes `(N, 3)`, start and end indices and radii of those wide enough to see."""
    radius = AIRWAY_END * np.cbrt(arteries.ends)
    course = arteries.nodes - arteries.nodes[np.maximum(arteries.parent, 0)]
    course /= np.maximum(np.linalg.norm(course, axis=1, keepdims=True), 1e-9)
    side = np.array(AIRWAY_SIDE) - (course @ np.array(AIRWAY_SIDE))[:, None] * course
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    away = VESSEL_END * np.cbrt(arteries.ends) + 1.25 * radius + 0.4
    nodes = arteries.nodes + np.where(arteries.parent >= 0, away, 0.0)[:, None] * side
    to = np.flatnonzero((arteries.parent >= 0) & (radius >= THINNEST_AIRWAY))
    return nodes, arteries.parent[to], to, radius[to]


def pieces(paths: Sequence[tuple[Sequence[Sequence[float]], float]]) -> Tubes:
    """Paths of known radius cut into pieces of at most PIECE mm."""
    starts, ends, radii = [], [], []
    for path, radius in paths:
        for a, b in zip(np.array(path[:-1]), np.array(path[1:]), strict=True):
            cuts = np.linspace(0, 1, int(np.ceil(np.linalg.norm(b - a) / PIECE)) + 1)[:, None]
            points = a + cuts * (b - a)
            starts.append(points[:-1])
            ends.append(points[1:])
            radii.append(np.full(len(points) - 1, radius))
    return Tubes(np.concatenate(starts), np.concatenate(ends), np.concatenate(radii))
