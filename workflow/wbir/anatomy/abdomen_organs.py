"""The 13 labelled organs of one person as solids in the trunk of `abdomen_body`, and the vessels that run to them.

Places are by vertebral level as textbooks give them (general knowledge): coeliac trunk T12, transpyloric plane L1 (pylorus, neck of
the pancreas, origin of the portal vein), kidneys T12 to L3, the right lower, bifurcation of the aorta L4. Solids of the abdomen move
with the diaphragm: what breathing carries is given at the mean breath and shifted by `Organs.down`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wbir.anatomy.abdomen_body import BACK, WALL, Body, Paint
from wbir.anatomy.abdomen_solids import (
    Depth,
    Solid,
    axes_of,
    cut,
    ellipsoid,
    grown,
    size_for,
    smooth_maximum,
    smooth_minimum,
    tube,
    union,
    within,
)

# Slopes of the liver's lower face, mm down for each mm to the right and to the front: right and left of the porta hepatis.
LIVER_RIGHT, LIVER_LEFT = (1.2, 0.25), (0.45, 0.35)
SPINE_FRONT = -24.0  # y that girth does not move
PORTA = (40.0, 22.0)  # where both meet: x, y
LIVER_EDGE = 14.0  # mm over which its sharp border is rounded
# Part of an organ's volume that the cavity's wall and neighbours of higher rank leave, so that it ends with the volume meant for it.
KEPT = {1: 0.8, 6: 0.92, 7: 0.75, 11: 0.87}
FOLLOWS = {
    "liver": 1.0,
    "stomach": 0.9,
    "spleen": 0.9,
    "pancreas": 0.6,
    "kidney": 0.6,
    "adrenal": 0.7,
}  # of the diaphragm's way
STOMACH_WALL = 4.0  # mm
STOMACH_GAP, SPLEEN_GAP = 2.0, 1.5  # mm from the wall of the cavity


class Organs:
    """The organs of one person; `paints()` gives them from the lowest to the highest in rank where two would meet."""

    def __init__(self, body: Body) -> None:
        self.body, self.person = body, body.person
        self.down = {organ: -part * self.person.breath for organ, part in FOLLOWS.items()}

    def place(self, point: Sequence[float], follows: str, *shifts: str) -> np.ndarray:
        """A point moved by girth, breath and the named shifts of the person; numbers beyond the third stay as they are."""
        moved = np.array(point, float)
        moved[1] += (self.person.girth - 1) * (moved[1] - SPINE_FRONT)
        moved[2] += self.down[follows]
        for shift in shifts:
            moved[:3] += self.person.shifts[shift]
        return moved

    def paints(self) -> list[Paint]:
        """Stomach, spleen, liver with its vessels, pancreas, kidneys, adrenals, gall bladder, great vessels."""
        liver = self.liver()
        return [
            *self.stomach(),
            Paint(self.spleen(), self.person.hu["spleen"], label=1, halo=1.5, inside=SPLEEN_GAP),
            Paint(liver, self.person.hu["liver"], label=6, halo=1.0, inside=1.0),
            *self.hepatic_veins(),
            *self.pancreas(),
            *self.kidneys(),
            *self.adrenals(),
            *self.gall_bladder(),
            *self.vessels(),
            *self.oesophagus(),
        ]

    def _room(self, label: int) -> float:
        return self.person.volumes[label] / KEPT[label]

    def liver(self) -> Solid:
        """What lies under the domes, above a lower face that is bent at the porta hepatis, and on the left before stomach and gullet.

        The height of the face gives the volume.
        """
        from scipy.optimize import brentq

        box = np.array([-110.0, -90.0, -60.0]), np.array([135.0, 125.0, 175.0 - self.person.breath])

        def make(height: float) -> Solid:
            def depth(points: np.ndarray) -> np.ndarray:
                lobes = smooth_minimum(self._above_face(points, height), _before_fundus(points), LIVER_EDGE)
                return smooth_minimum(self.body.cavity(points) - 1.0, lobes, LIVER_EDGE)

            return Solid(((box, depth),))

        target = self._room(6)
        self.liver_face = float(brentq(lambda h: make(h).volume(7.0) - target, -60.0, 150.0, xtol=0.5))
        return make(self.liver_face)

    def _above_face(self, points: np.ndarray, height: float) -> np.ndarray:
        """mm above the liver's lower face, whose porta hepatis is at `height`."""
        x, y = points[0] - np.float32(PORTA[0]), points[1] - np.float32(PORTA[1])
        right, left = (np.array(slopes) + self.person.tilt for slopes in (LIVER_RIGHT, LIVER_LEFT))
        planes = [
            (points[2] - np.float32(height) + np.float32(s[0]) * x + np.float32(s[1]) * y)
            / np.float32(np.hypot(1, np.hypot(*s)))
            for s in (right, left)
        ]
        return smooth_maximum(planes[0], planes[1], LIVER_EDGE)

    def under_liver(self, x: float, y: float) -> float:
        """z of the liver's lower face at (x, y); after `liver`."""
        slopes = (np.array(s) + self.person.tilt for s in (LIVER_RIGHT, LIVER_LEFT))
        return self.liver_face - max(float(s @ (x - PORTA[0], y - PORTA[1])) for s in slopes)

    def spleen(self) -> Solid:
        """A curved lens under the left dome, hollow towards the stomach, its long axis along the tenth rib."""
        centre = self.place((-97, -34, 126), "spleen", "spleen")
        axes = axes_of((-0.35, 0.72, -0.6), (0.86, 0.5, 0.0))

        def make(s: float) -> Solid:
            lens = ellipsoid(centre, (58 * s, 31 * s, 42 * s), axes)
            return cut(lens, ellipsoid(centre + np.array([54, 32, 4]) * s, (44 * s, 44 * s, 60 * s)))

        return make(size_for(lambda s: within(make(s), self._cavity(SPLEEN_GAP)), self._room(1), 2.4, 3))

    def stomach(self) -> list[Paint]:
        """Fundus under the left dome, body, antrum across the midline, pylorus at L1; gas above its content, the person supine."""
        person = self.person
        antrum = np.array([0.0, *person.shifts["antrum"][1:], 0.0])
        knots = [
            self.place((-66, -20, 140, 24), "stomach", "stomach"),
            self.place((-74, -4, 128, 35), "stomach", "stomach"),
            self.place((-72, 32, 108, 35), "stomach", "stomach"),
            self.place((-60, 60, 80, 29), "stomach", "stomach") + 0.5 * antrum,
            self.place((-28, 76, 52, 22), "stomach", "stomach") + antrum,
            self.place((6, 68, 48, 17), "stomach", "pancreas") + 0.5 * antrum,
            self.pylorus(),
        ]

        def make(s: float) -> Solid:
            return tube([[*knot[:3], knot[3] * (s if n < len(knots) - 1 else 1)] for n, knot in enumerate(knots)])

        solid = make(size_for(lambda s: within(make(s), self._cavity(STOMACH_GAP)), self._room(7), 1.9, 3))
        low, high = (side[1] for side in solid.box)
        level = high - person.gas * (high - low)

        def content(points: np.ndarray) -> np.ndarray:
            gas = np.clip((points[1] - level) / 3 + 0.5, 0, 1)
            return (person.meal + (person.hu["gas"] - person.meal) * gas).astype(np.float32)

        inner = grown(solid, -STOMACH_WALL)
        return [
            Paint(solid, person.hu["wall"], label=7, halo=1.0, inside=STOMACH_GAP),
            Paint(inner, content, label=7, inside=STOMACH_GAP + STOMACH_WALL),
        ]

    def _cavity(self, gap: float) -> Depth:
        return lambda points: self.body.cavity(points) - np.float32(gap)

    def pylorus(self) -> np.ndarray:
        """Where stomach and duodenum meet (x, y, z, radius)."""
        return self.place((28, 50, 54, 11), "pancreas", "pancreas")

    def pancreas(self) -> list[Paint]:
        """Head in the bend of the duodenum, neck before the portal vein, body before the aorta, tail towards the spleen."""
        tail = np.array([*self.person.shifts["tail"], 0])
        knots = [
            self.place((30, 23, 24, 11), "pancreas", "pancreas"),
            self.place((29, 29, 42, 15), "pancreas", "pancreas"),
            self.place((15, 38, 57, 11), "pancreas", "pancreas"),
            self.place((-4, 43, 66, 8.5), "pancreas", "pancreas"),
            self.place((-30, 34, 72, 9.5), "pancreas", "pancreas") + 0.3 * tail,
            self.place((-57, 14, 80, 10.5), "pancreas", "pancreas") + 0.7 * tail,
            self.place((-84, -9, 91, 9), "pancreas", "pancreas") + tail,
        ]
        self.pancreas_line = np.array(knots)
        s = size_for(lambda s: tube([[*k[:3], k[3] * s] for k in knots]), self._room(11), 1.9)
        return [
            Paint(
                tube([[*k[:3], k[3] * s] for k in knots], 6.0),
                self.person.hu["pancreas"],
                label=11,
                halo=0.8,
                inside=1.0,
            )
        ]

    def kidneys(self) -> list[Paint]:
        """Beans with the upper pole inwards and backwards, the hilum inwards and forwards; the sinus is fat with the pelvis in it."""
        painted = []
        for side, label in ((1, 2), (-1, 3)):
            name = "right kidney" if side > 0 else "left kidney"
            centre = self.place((61, -27, 27) if side > 0 else (-73, -27, 42), "kidney", name)
            axes = axes_of((-0.2 * side, -0.22, 1.0), (-0.85 * side, 0.55, 0.0))

            def bean(s: float, centre: np.ndarray = centre, axes: np.ndarray = axes) -> Solid:
                return cut(ellipsoid(centre, (54 * s, 27 * s, 23 * s), axes), self._sinus(centre, axes, s))

            target = self.person.volumes[label]
            size = size_for(bean, target, 3.0, 1)
            inner = np.concatenate([centre + axes[1] * 16 * size, [6 * size]])
            outer = np.concatenate([centre + axes[1] * 34 * size + [0, 0, -6], [4 * size]])
            painted += [
                Paint(
                    ellipsoid(centre, (54 * size, 27 * size, 23 * size), axes),
                    self.person.hu["fat"],
                    halo=self.person.visceral,
                ),
                Paint(bean(size), self.person.hu["kidney"], label=label),
                Paint(tube([inner, outer]), self.person.hu["fluid"]),
            ]
        return painted

    @staticmethod
    def _sinus(centre: np.ndarray, axes: np.ndarray, s: float) -> Solid:
        return ellipsoid(centre + axes[1] * 21 * s, (20 * s, 14 * s, 7 * s), axes)

    def adrenals(self) -> list[Paint]:
        """A body in front with two thin limbs backwards: the right behind the vena cava, the left beside the aorta."""
        painted = []
        for side, label, point in ((1, 12, (26, -15, 92)), (-1, 13, (-40, -4, 90))):
            name = "right adrenal gland" if side > 0 else "left adrenal gland"
            kidney = "right kidney" if side > 0 else "left kidney"
            apex = self.place(point, "adrenal", name) + 0.35 * self.person.shifts[kidney]
            lateral, medial = np.array([0.62 * side, -0.78, -0.12]), np.array([-0.12 * side, -1.0, -0.1])

            def gland(
                s: float, apex: np.ndarray = apex, limbs: tuple[np.ndarray, ...] = (lateral, medial), side: int = side
            ) -> Solid:
                solids = [ellipsoid(apex + np.array([0, 1, -1]), (5 * s, 5 * s, 14 * s))]
                for limb in limbs:
                    axes = axes_of(limb, (0.15 * side, 0.1, 1.0))
                    solids.append(ellipsoid(apex + axes[0] * 10 * s - axes[1] * 2 * s, (13 * s, 17 * s, 2.7 * s), axes))
                return union(*solids)

            solid = gland(size_for(gland, self.person.volumes[label], 3.0))
            painted.append(Paint(solid, self.person.hu["adrenal"], label=label, halo=1.5))
        return painted

    def gall_bladder(self) -> list[Paint]:
        """A pear in the fossa of the liver's lower face, the fundus forwards, outwards and down."""
        dx, dy, dz = self.person.shifts["gall bladder"]
        width, depth = (float(a) - WALL - 4 for a in self.body.half_axes(50.0))
        ends = []
        for x, y, r in ((42, 30, 5), (50, 44, 12), (58, 60, 15), (62, 70, 13)):
            y = SPINE_FRONT + self.person.girth * (y - SPINE_FRONT) + dy
            front = (
                depth * np.sqrt(1 - ((x + dx) / width) ** 2) + depth + WALL + BACK - r
            )  # it does not leave the cavity
            ends.append([x + dx, min(y, front), self.under_liver(x + dx, min(y, front)) + 0.3 * dz, r])
        middle = np.mean(ends, axis=0)[:3]

        def make(s: float) -> Solid:
            return tube([[*(middle + (np.array(end[:3]) - middle) * s), end[3] * s] for end in ends], 6.0)

        solid = make(size_for(make, self.person.volumes[4], 3.0, 1))
        hu = self.person.hu
        return [
            Paint(solid, hu["wall"], label=4, inside=2.0),
            Paint(grown(solid, -2.0), hu["bile"], label=4, inside=2.0),
        ]

    def hepatic_veins(self) -> list[Paint]:
        """Three hepatic veins from the vena cava into the liver; they are part of the liver's label."""
        top = self.body.dome_top - 26
        hu = 0.6 * self.person.hu["portal"] + 0.4 * self.person.hu["liver"]
        painted = []
        for end in ((95, -10, top - 45, 2.0), (60, 52, top - 45, 2.0), (-20, 55, top - 25, 2.0)):
            middle = [0.5 * (19 + end[0]), 0.5 * (10 + end[1]), top - 10, 4.0]
            painted.append(Paint(tube([(19, 10, top, 5.5), middle, end]), hu, label=6, over=6))
        return painted

    def vessels(self) -> list[Paint]:
        """Portal with splenic vein, vena cava, aorta, and (unlabelled) renal, mesenteric, coeliac and iliac vessels."""
        hu, radii = self.person.hu, self.person.radii
        aorta, cava = self._aorta(), self._cava()
        plain = self._branches(aorta, cava)
        return [
            Paint(union(*plain[:3]), hu["cava"]),
            Paint(union(*plain[3:]), hu["aorta"]),
            Paint(self._portal(radii["portal"], radii["splenic"]), hu["portal"], label=10),
            Paint(tube(cava), hu["cava"], label=9, halo=0.5),
            Paint(tube(aorta), hu["aorta"], label=8, halo=0.5),
        ]

    def _aorta(self) -> np.ndarray:
        r, (dx, dy, dz) = self.person.radii["aorta"], self.person.shifts["vessels"]
        ys = [self.body.spine(z) for z in (320, 256, 180, 110, 50, -10, -46)]
        knots = [(-26, 14, 320, 1.2), (-24, 15, 256, 1.18), (-17, 21, 180, 1.12), (-12, 30, 110, 1.0), (-12, 32, 50, 0.9),
                 (-8, 32, -10, 0.8), (-4, 31, -46, 0.75)]  # fmt: skip
        return np.array(
            [[x + dx, y + front + 0.4 * dy, z + dz, r * part] for (x, front, z, part), y in zip(knots, ys, strict=True)]
        )

    def _cava(self) -> np.ndarray:
        r, (dx, dy, dz) = self.person.radii["cava"], self.person.shifts["vessels"]
        top = self.body.dome_top
        return np.array([
            (16 + 0.5 * dx, 20, top + 12, 1.05 * r), (20 + 0.5 * dx, 12, top - 26, 1.05 * r), (18 + 0.5 * dx, 8, 100, r),
            (16 + dx, 10 + 0.4 * dy, 50, 0.95 * r), (16 + dx, 12 + 0.4 * dy, 0, 0.85 * r), (13 + dx, 9, -62 + dz, 0.85 * r),
        ])  # fmt: skip

    def _portal(self, portal: float, splenic: float) -> Solid:
        """Confluence behind the neck of the pancreas, trunk to the porta hepatis, two branches; splenic vein along the pancreas."""
        line = self.pancreas_line[:, :3]
        start = line[2] * 0.6 + line[3] * 0.4 + [2, -15, -4]
        porta = np.array([*PORTA, 0.0])
        porta[2] = self.under_liver(*PORTA) + 10
        middle = 0.5 * (start + porta) + [2, -2, 0]
        fork = [*porta, 0.85 * portal]
        hilum = line[6] + [-10, -6, 8]
        back = np.array([0, -11, 3])
        return union(
            tube([[*start, portal], [*middle, portal], fork]),
            tube([fork, [60, 6, porta[2] + 10, 0.7 * portal], [88, -6, porta[2] + 14, 0.45 * portal]]),
            tube([fork, [22, 38, porta[2] + 18, 0.6 * portal], [0, 52, porta[2] + 38, 0.45 * portal]]),
            tube([[*start, splenic], *([*(line[n] + back), splenic] for n in (3, 4, 5, 6)), [*hilum, 0.8 * splenic]]),
        )

    def _branches(self, aorta: np.ndarray, cava: np.ndarray) -> list[Solid]:
        """Three groups of veins (renal, mesenteric, iliac), then arteries (renal, mesenteric and coeliac, iliac)."""
        right, left = (
            self.place(p, "kidney", n) for p, n in (((40, -12, 24), "right kidney"), ((-50, -12, 39), "left kidney"))
        )
        x, y = aorta[4][:2]
        mesenteric = self.pancreas_line[2][:3] - [6, 10, 8]
        head = cava[3][:3]
        return [
            union(tube([[*left, 4.5], [x, y + 15, 36, 4.5], [*head[:2], 34, 5]]), tube([[*right, 4.5], [*head[:2], 28, 5]])),
            tube([[*mesenteric, 6], [10, 32, 20, 5.5], [12, 38, -20, 5], [22, 40, -60, 3]]),
            union(*(tube([[*cava[-1][:3], 9], [34 * s, -6, -110, 7], [54 * s, 20, -170, 6], [66 * s, 48, -240, 6]]) for s in (-1, 1))),
            union(tube([[x, y, 42, 3], [*left, 3]]), tube([[x, y, 38, 3], [*right, 3]])),
            union(tube([[x, y, 70, 4], [x + 4, y + 20, 50, 4], [4, 34, 10, 3.5], [4, 40, -30, 2.5]]),
                  tube([[x, y, 86, 4], [x + 2, y + 20, 90, 3.5], [20, 26, 92, 3]]),
                  tube([[x + 2, y + 20, 90, 3], [-30, 12, 88, 3], [-70, -16, 92, 2.5]])),
            union(*(tube([[*aorta[-1][:3], 6], [30 * s, 0, -100, 5.5], [50 * s, 30, -170, 5], [62 * s, 54, -240, 4.5]]) for s in (-1, 1))),
        ]  # fmt: skip

    def oesophagus(self) -> list[Paint]:
        """From behind the heart, before the aorta, through its hiatus to the cardia."""
        r = self.person.radii["oesophagus"]
        cardia = self.place((-43, 4, 138), "stomach")
        shift = 0.3 * self.person.shifts["stomach"]
        knots = [(0, -10, 330, r), (-2, -8, 256, r), (-9, -2, 200, r), (-16, 6, 170, r), [*(cardia + shift + [16, 4, 10]), r],
                 [*(cardia + shift), 0.9 * r]]  # fmt: skip
        solid = tube(knots, 6.0)
        hu = self.person.hu
        return [
            Paint(solid, hu["oesophagus"], label=5),
            Paint(tube([[*k[:3], 2.2] for k in knots[:4]]), -400.0, label=5),
        ]


def _before_fundus(points: np.ndarray) -> np.ndarray:
    """mm before the back of the liver's left lobe, which thins out to the left; the right lobe goes back to the ribs."""
    behind = np.float32(0.55) * points[0] + np.float32(0.83) * points[1] + np.float32(12.0)
    return smooth_maximum(behind, points[0] - np.float32(15.0), LIVER_EDGE)
