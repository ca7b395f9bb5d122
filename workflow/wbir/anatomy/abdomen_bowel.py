"""What fills the abdomen between the labelled organs, and what lies above and below: bowel, bladder, heart (general knowledge)."""

from __future__ import annotations

import numpy as np

from wbir.anatomy.abdomen_body import Paint
from wbir.anatomy.abdomen_organs import Organs
from wbir.anatomy.abdomen_solids import Solid, ellipsoid, smooth_line, tube, union

LOOPS, NODES = 11, 8  # of small bowel
MESENTERY = (-85, 8, -165), (85, 78, 30)  # mm: how far they reach
WALL = 2.5  # mm
HAUSTRA = 0.14  # of the colon's radius
HAUSTRA_STEP = 34.0  # mm


def thorax(organs: Organs) -> list[Paint]:
    """The heart on the diaphragm, in fat."""
    hu, top = organs.person.hu, organs.body.dome_top
    centre = (-26, 34, top + 38)
    return [Paint(ellipsoid(centre, (66, 50, 46)), hu["fat"]), Paint(ellipsoid(centre, (60, 45, 41)), hu["heart"])]


def bowel(organs: Organs, generator: np.random.Generator) -> list[Paint]:
    """Loops of small bowel, the colon's frame with gas in what lies in front, the duodenum, bladder."""
    hu = organs.person.hu
    bladder = ellipsoid((0, 28, -190), (38, 30, 28))
    return [
        *_small_bowel(organs, generator),
        *_colon(organs, generator),
        *_duodenum(organs),
        Paint(bladder, hu["muscle"], inside=-10.0),
        Paint(ellipsoid((0, 28, -190), (34, 26, 24)), hu["fluid"], inside=-10.0),
    ]


def _small_bowel(organs: Organs, generator: np.random.Generator) -> list[Paint]:
    """Random smooth loops in the mesentery's reach, each with a wall, fluid of its own density, and now and then gas."""
    hu = organs.person.hu
    painted = []
    for _ in range(LOOPS):
        low, high = np.array(MESENTERY)
        steps = generator.standard_normal((NODES, 3)) * (30, 14, 26)
        steps[0] = generator.uniform(low, high)
        nodes = high - np.abs((np.cumsum(steps, 0) - low) % (2 * (high - low)) - (high - low))  # mirrored at the bounds
        radius = generator.uniform(10, 13.5)
        content = float(hu["fluid"] + generator.uniform(0, 35))
        gassy = generator.random() < 0.25
        knots = [[*n, radius] for n in nodes]
        painted.append(Paint(tube(knots, 12.0), hu["wall"], inside=3.0))
        painted.append(Paint(tube([[*k[:3], radius - WALL] for k in knots], 12.0), content, inside=3.0 + WALL))
        if gassy:
            few = [[k[0], k[1] + 0.4 * radius, k[2], 0.5 * radius] for k in knots[2:5]]
            painted.append(Paint(tube(few, 12.0), hu["gas"], inside=3.0 + WALL))
    return painted


def _colon(organs: Organs, generator: np.random.Generator) -> list[Paint]:
    """Caecum, ascending colon, right flexure under the liver, transverse, left flexure under the spleen, descending, sigmoid, rectum."""
    hu, shift = organs.person.hu, organs.person.shifts["colon"]
    sag = 1.5 * shift[2] - 18
    knots = np.array([
        (78, 22, -100, 24), (86, 8, -65, 25), (92, -8, -25, 24), (88, -2, 12, 23), (70, 50, 18, 22), (30, 80, sag + 10, 21),
        (-20, 82, sag + 5, 20), (-66, 68, 0.3 * sag + 40, 20), (-96, 12, 62, 19), (-104, -26, 30, 17), (-104, -26, -30, 15),
        (-96, -2, -90, 15), (-62, 16, -130, 15), (-16, -2, -128, 16), (10, -30, -150, 16), (0, -52, -185, 19), (0, -40, -225, 14),
    ], float)  # fmt: skip
    knots[3:9, :2] += 0.4 * shift[:2]
    line = smooth_line(knots, 8.0)
    along = np.arange(len(line)) * 8.0
    line[:, 3] *= 1 + HAUSTRA * np.cos(2 * np.pi * along / HAUSTRA_STEP)
    outer, inner = tube(line, 1e9), tube(line - [0, 0, 0, WALL], 1e9)
    front = line[line[:, 1] > generator.uniform(-5, 25)]
    gas = front - [0, 0, 0, WALL]
    gas[:, 1] += 0.38 * gas[:, 3]
    gas[:, 3] *= 0.58
    runs = np.flatnonzero(np.linalg.norm(np.diff(gas[:, :3], axis=0), axis=1) > 30) + 1
    pieces = [piece for piece in np.split(gas, runs) if len(piece) > 1]
    painted = [Paint(outer, hu["wall"], inside=2.0), Paint(inner, hu["faeces"], inside=2.0 + WALL)]
    return [
        *painted,
        *(Paint(union(*(tube(p, 1e9) for p in pieces)), hu["gas"], inside=2.0 + WALL) for _ in pieces[:1]),
    ]


def _duodenum(organs: Organs) -> list[Paint]:
    """From the pylorus about the head of the pancreas, across between the aorta and the mesenteric vessels, to the jejunum."""
    hu = organs.person.hu
    path = (
        (42, 44, 61),
        (54, 32, 52),
        (56, 20, 26),
        (44, 17, -4),
        (20, 22, -14),
        (-14, 28, -10),
        (-36, 36, 14),
        (-48, 44, 0),
    )
    knots = [organs.pylorus(), *(organs.place((*p, 12.5), "pancreas", "pancreas") for p in path)]
    wall = Paint(tube(knots), hu["wall"], inside=1.0)
    return [wall, Paint(_lumen(knots), hu["fluid"] + 15.0, inside=1.0 + WALL)]


def _lumen(knots: list[np.ndarray]) -> Solid:
    return tube([[*k[:3], max(k[3] - 4.0, 3.0)] for k in knots])
