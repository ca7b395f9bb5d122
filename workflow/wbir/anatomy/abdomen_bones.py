"""Bones and muscles of the trunk as solids: spine, ribs, pelvis, hips, and the muscles along them (general knowledge)."""

from __future__ import annotations

import numpy as np

from wbir.anatomy.abdomen_body import BACK, Body, Paint
from wbir.anatomy.abdomen_solids import Solid, axes_of, ellipsoid, grown, tube, union

# z of the middle of each vertebral body (mm): L5 up to T3
VERTEBRAE = (-86.0, -50.0, -14.0, 22.0, 57.0, 90.0, 120.0, 148.0, 175.0, 201.0, 226.0, 251.0, 276.0, 300.0, 324.0)
FIRST_RIB = 5  # index in VERTEBRAE of T12
# how far a rib goes about the trunk, from the spine (0) to the breastbone (3.14): the twelfth first
RIB_ENDS = (0.95, 1.5, 2.05, 2.25, 2.4, 2.6, 2.6, 2.6, 2.6, 2.6)
RIB_DROP = 105.0  # mm from the spine to the breastbone
CORTEX = 2.5  # mm of compact bone


def muscles(body: Body) -> list[Paint]:
    """Psoas, quadratus lumborum, erector spinae, the diaphragm's crura, the gluteal and pelvic floor muscles."""
    solids = []
    for side in (-1, 1):
        solids += [
            tube([(22 * side, -37, 50, 6), (38 * side, -33, 0, 15), (48 * side, -29, -60, 21), (60 * side, -4, -130, 18),
                  (84 * side, 32, -200, 14)]),
            tube([(52 * side, -68, 75, 9), (62 * side, -66, 10, 13), (70 * side, -64, -52, 11)]),
            tube([(32 * side, -86, -150, 14), (32 * side, -82, -40, 23), (30 * side, -84, 100, 19), (26 * side, -90, 330, 14)]),
            tube([(9 * side, -6, 10, 3), (12 * side, -8, 70, 5), (20 * side, -6, 120, 5)]),
            ellipsoid((85 * side, -62, -150), (48, 34, 75)),
        ]  # fmt: skip
    solids.append(ellipsoid((0, -10, -212), (75, 70, 14)))
    return [Paint(solid, body.person.hu["muscle"]) for solid in solids]


def bones(body: Body) -> list[Paint]:
    """Spine, ribs with their cartilage, breastbone, pelvis and femora; compact bone about marrow."""
    hu = body.person.hu
    ribs, cartilage = _ribs(body)
    painted = [Paint(cartilage, hu["cartilage"])]
    for solid, marrow in (
        (_arches(body), 0.6), (ribs, 0.7), (ellipsoid((0, 2 * float(body.half_axes(210.0)[1]) + BACK - 10, 225), (19, 6, 52)), 1.0),
        (_pelvis(), 0.8),
    ):  # fmt: skip
        painted += [Paint(solid, hu["cortex"]), Paint(grown(solid, -CORTEX), marrow * hu["marrow"])]
    painted += [*_column(body), Paint(_canal(body), hu["canal"])]
    return painted


def _column(body: Body) -> list[Paint]:
    """Vertebral bodies (one solid, drawn once) and the discs between them."""
    hu = body.person.hu
    middles = np.array(VERTEBRAE)
    heights = np.diff(middles, append=middles[-1] + 24) - 8.0  # a disc is 8 mm high

    def shape(points: np.ndarray) -> np.ndarray:
        y = points[1] - body.spine(points[2]).astype(np.float32)
        radius = np.float32(22.0) - points[2] * np.float32(0.018)
        return (1 - np.sqrt((points[0] / radius) ** 2 + (y / (0.76 * radius)) ** 2)) * (0.88 * radius)

    def value(points: np.ndarray) -> np.ndarray:
        nearest = np.abs(points[2][..., None] - middles.astype(np.float32))
        level = nearest.argmin(-1)
        depth = np.minimum(shape(points), (heights / 2).astype(np.float32)[level] - nearest.min(-1))
        shell = np.clip((CORTEX - depth) / 2 + 0.5, 0, 1)
        bone = hu["marrow"] + (0.7 * hu["cortex"] - hu["marrow"]) * shell
        return np.where(depth > 0, bone, hu["disc"]).astype(np.float32)

    low, high = np.array([-30.0, -85.0, middles[0] - 18]), np.array([30.0, 2.0, middles[-1] + 12])
    return [Paint(Solid((((low, high), shape),)), value)]


def _canal(body: Body) -> Solid:
    return tube([(0, float(body.spine(z)) - 24, z, 8.5) for z in (-105, -60, 0, 60, 120, 180, 250, 320)])


def _arches(body: Body) -> Solid:
    """Spinous and transverse processes, laminae, pedicles."""
    solids = []
    for z in VERTEBRAE:
        y = float(body.spine(z)) - 24
        solids.append(ellipsoid((0, y - 24, z - 10), (3.5, 16, 10)))
        for side in (-1, 1):
            solids += [
                tube([(13 * side, y + 10, z + 4, 5), (14 * side, y - 2, z + 2, 6), (3 * side, y - 13, z - 4, 5)]),
                tube([(14 * side, y - 2, z + 2, 5), (38 * side, y - 6, z + 4, 3.5)]),
            ]
    return union(*solids)


def _ribs(body: Body) -> tuple[Solid, Solid]:
    """The ribs, and the cartilage that joins the sixth to the tenth to the breastbone."""
    ribs, cartilage = [], []
    for number, (start, end) in enumerate(zip(VERTEBRAE[FIRST_RIB:], RIB_ENDS, strict=True)):
        for side in (-1, 1):
            angles = np.linspace(0.28, end, 14)
            path = [_on_chest(body, side, angle, start + 6 - RIB_DROP * angle / np.pi) for angle in angles]
            ribs.append(tube([(*point, 5.0) for point in path], step=16.0))
            if 2 <= number <= 6:
                angles = np.linspace(end, 2.95, 6)
                rise = np.linspace(path[-1][2], 178.0 + 9 * (number - 2), 6)
                line = [_on_chest(body, side, angle, z) for angle, z in zip(angles, rise, strict=True)]
                cartilage.append(tube([(*point, 5.0) for point in line], step=16.0))
    return union(*ribs), union(*cartilage)


def _on_chest(body: Body, side: int, angle: float, z: float) -> tuple[float, float, float]:
    width, depth = (float(a) for a in body.half_axes(z))
    return side * (width - 8) * np.sin(angle), BACK + depth - (depth - 8) * np.cos(angle), z


def _pelvis() -> Solid:
    """Iliac wings, sacrum, pubis, ischium, hip joints and the upper femora."""
    solids = [tube([(0, -50, -112, 24), (0, -68, -140, 21), (0, -84, -175, 13), (0, -80, -205, 6)])]
    for side in (-1, 1):
        solids += [
            ellipsoid((86 * side, -14, -102), (70, 56, 5.5), axes_of((62 * side, 88, 0), (26 * side, 0, 100))),
            tube([(36 * side, -58, -122, 13), (56 * side, -56, -112, 12)]),
            tube([(92 * side, 2, -150, 10), (92 * side, -2, -180, 18), (82 * side, -18, -210, 13), (58 * side, -30, -245, 11)]),
            tube([(84 * side, 14, -184, 10), (48 * side, 42, -198, 7), (10 * side, 52, -212, 9)]),
            tube([(10 * side, 50, -214, 7), (40 * side, 10, -240, 7)]),
            tube([(94 * side, 6, -188, 24), (98 * side, 5, -190, 23)]),
            tube([(104 * side, 4, -196, 15), (136 * side, -6, -222, 17), (140 * side, -4, -330, 14)]),
        ]  # fmt: skip
    return union(*solids)
