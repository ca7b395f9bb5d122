"""A grey photograph of a face: where each point of the picture comes from, light on the skin, and what lies around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wbir.anatomy.face import Outline, Person
from wbir.anatomy.face_actions import PARTS, Expression, Points
from wbir.anatomy.face_surface import Skin
from wbir.anatomy.seeds import named_generator

FINEST = 192  # pixels along a side that a picture is painted with at least, before it is averaged down
COARSE_STEPS, FINE_STEPS = 40, 8  # of the search for material points, on a grid of a quarter of the pixels and on all
AMBIENT, DIFFUSE, SHINE = 0.40, 0.66, 0.06
WRAP = 0.25  # of the light around the edge: studio lamps are broad
HOLLOW, HOLLOW_REACH = 1.5, 0.05  # how dark hollows are, and their size
WALL, SHIRT = 0.80, 0.10  # grey values of the background and of the shirt


@dataclass(frozen=True)
class Pose:
    """The small turn (radians), size and shift of a head that has moved between two photographs."""

    turn: float = 0.0
    size: float = 1.0
    x: float = 0.0
    y: float = 0.0

    def to_face(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From the picture to the upright face."""
        c, s = np.cos(self.turn) / self.size, np.sin(self.turn) / self.size
        x, y = x - self.x, y - self.y
        return c * x + s * y, -s * x + c * y

    def to_picture(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        c, s = np.cos(self.turn) * self.size, np.sin(self.turn) * self.size
        return c * x - s * y + self.x, s * x + c * y + self.y


def photograph(person: Person, expression: Expression, pose: Pose, size: int) -> np.ndarray:
    """The picture without noise: float32 `(size, size)` in [0, 1], axis 0 to the right, axis 1 upwards."""
    times = max(2, -(-FINEST // size))
    line = (np.arange(size * times) + 0.5) * 2 / (size * times) - 1
    x, y = pose.to_face(*np.meshgrid(line, line, indexing="ij"))
    picture = Painter(person, expression, x.astype(np.float32), y.astype(np.float32)).paint()
    return picture.reshape(size, times, size, times).mean(axis=(1, 3), dtype=np.float64).astype(np.float32)


class Painter:
    """Paints one face at the points x, y of a picture, `(n, n)`, from back to front."""

    def __init__(self, person: Person, expression: Expression, x: np.ndarray, y: np.ndarray) -> None:
        self.person, self.expression, self.x, self.y = person, expression, x, y
        self.skin, self.outline = Skin(person, expression), Outline(person)
        self.step = float(np.hypot(x[1, 0] - x[0, 0], y[1, 0] - y[0, 0]))
        self.hair_noise = _strands(person.seed)
        light = np.array([person["light_x"], person["light_y"], 1.0])
        self.light = light / np.linalg.norm(light)

    def paint(self) -> np.ndarray:
        (mx, my), side, inside, by_eye = self._seen()
        across = [np.abs(mx - slit.x) < slit.half for slit in self.expression.slits]
        gape = _cover(-inside, self.step) * np.where(by_eye, across[0] | across[1], across[2])
        face = self._skin(mx, my, side, inside, by_eye)
        face = _over(face, np.where(by_eye, self._eyes(), self._mouth(inside)), gape)
        gauge, _ = self.outline.gauge(mx, my)
        picture = _over(self._behind(gauge), face, _cover((1 - gauge) * 0.55, self.step))
        return np.clip(self._hair(picture), 0, 1)

    def _seen(self) -> tuple[Points, np.ndarray, np.ndarray, np.ndarray]:
        """Of each point of the picture: its material point; the side of the nearest slit (1 above, -1 below); its distance from
        that slit, negative where it gapes; whether that is an eye."""
        found = {part: self._material(part) for part in PARTS}
        middle = found["between"]
        eye, mouth = self.expression.eye_line, self.expression.mouth.line
        by_eye = middle[1] > self.expression.divide
        outer = [np.where(by_eye, a, b) for a, b in zip(found["above"], found["below"], strict=True)]
        far = np.where(by_eye, outer[1] - eye(outer[0]), mouth(outer[0]) - outer[1])
        near = np.where(by_eye, eye(middle[0]) - middle[1], middle[1] - mouth(middle[0]))
        out = far >= near  # the skin beyond the slit, seen from the middle of the face
        points = (np.where(out, outer[0], middle[0]), np.where(out, outer[1], middle[1]))
        return points, np.where(out == by_eye, 1, -1), np.where(out, far, near), by_eye

    def _material(self, part: str) -> Points:
        """The material point that is seen at each point of the picture, were there skin of `part` alone."""
        from scipy.ndimage import map_coordinates

        few = self.x[::4, ::4], self.y[::4, ::4]
        coarse = self.expression.find(*few, part, few, COARSE_STEPS)
        between = np.indices(self.x.shape, dtype=np.float32) / 4
        away = [map_coordinates(f - s, between, order=1, mode="nearest") for f, s in zip(coarse, few, strict=True)]
        return self.expression.find(self.x, self.y, part, (self.x + away[0], self.y + away[1]), FINE_STEPS)

    def _skin(
        self, mx: np.ndarray, my: np.ndarray, side: np.ndarray, inside: np.ndarray, by_eye: np.ndarray
    ) -> np.ndarray:
        height, albedo = self.skin.height(mx, my), self.skin.albedo(mx, my)
        for one in (1, -1):
            red, out = self.skin.lips(mx, inside, one)
            here = ~by_eye & (side == one)
            height += np.where(here, out, 0)
            albedo = np.where(here, albedo * (1 - (0.34 if one > 0 else 0.26) * red), albedo)
        shape = self.expression.mouth.shape(mx)
        seam = 0.62 * np.exp(-((np.maximum(inside, 0) / 0.007) ** 2)) * np.clip(shape * 3, 0, 1)
        return self._lit(height, albedo) * (1 - np.where(by_eye, self._lids(mx, side, inside), seam))

    def _lids(self, mx: np.ndarray, side: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """How much darker lashes and the fold of the upper lid make the skin by the eyes."""
        shape = sum(eye.shape(mx) for eye in self.expression.eyes)
        distance = np.maximum(inside, 0)
        lash = np.where(side > 0, 0.80, 0.40) * np.exp(-((distance / np.where(side > 0, 0.010, 0.006)) ** 2))
        fold = 0.38 * np.exp(-(((distance - 0.052) / 0.011) ** 2)) * (side > 0)
        return np.clip(lash * np.clip(3 * shape, 0, 1) + fold * np.sqrt(shape), 0, 0.9)

    def _lit(self, height: np.ndarray, albedo: np.ndarray) -> np.ndarray:
        """Lambert's law under a broad lamp, a little shine, and hollows in the shade."""
        from scipy.ndimage import gaussian_filter

        slope_x, slope_y = np.gradient(height, self.step)
        length = np.sqrt(slope_x**2 + slope_y**2 + 1)
        normal = (-slope_x / length, -slope_y / length, 1 / length)
        towards = sum(n * c for n, c in zip(normal, self.light, strict=True))
        half = self.light + np.array([0.0, 0.0, 1.0])
        shine = np.clip(sum(n * c for n, c in zip(normal, half / np.linalg.norm(half), strict=True)), 0, 1) ** 40
        diffuse = np.clip((towards + WRAP) / (1 + WRAP), 0, 1)
        hollow = gaussian_filter(height, HOLLOW_REACH / self.step) - height
        open_sky = 1 / (1 + HOLLOW * np.maximum(hollow, 0) / HOLLOW_REACH)
        return albedo * (AMBIENT + DIFFUSE * diffuse) * open_sky + SHINE * shine

    def _eyes(self) -> np.ndarray:
        """Eyeballs that look into the camera: white, iris, pupil, a lamp's reflection, the shadow of the lid."""
        p, picture = self.person, np.full(self.x.shape, 0.5)
        for slit in self.expression.eyes:
            dx, dy = self.x - slit.x, self.y - slit.y - 0.45 * p["lid_up"]
            white = 0.80 * (1 - 0.45 * np.clip(np.abs(dx) / slit.half, 0, 1) ** 2.5)
            r = np.hypot(dx, dy)
            rays = 1 + 0.18 * self._strand_look(4.0 * np.arctan2(dy, dx), 0.2 * r)
            iris = p["eyes"] * rays * (0.75 + 0.5 * np.clip(-dy / p["iris"], -0.5, 1))
            iris = iris * (1 - 0.6 * np.clip((r - 0.8 * p["iris"]) / (0.25 * p["iris"]), 0, 1))
            eye = _over(white, iris, _cover(p["iris"] - r, self.step))
            eye = _over(eye, np.full_like(eye, 0.03), _cover(0.42 * p["iris"] - r, self.step))
            gleam = np.hypot(dx - 0.010 - 0.05 * p["light_x"], dy - 0.016)
            eye = _over(eye, np.full_like(eye, 0.95), _cover(0.0085 - gleam, self.step))
            lid = slit.y + slit.slope * dx + slit.up * slit.shape(self.x) - self.y
            eye = eye * (1 - 0.55 * np.exp(-((np.maximum(lid, 0) / 0.022) ** 2)))
            picture = np.where(np.sign(self.x) == np.sign(slit.x), eye, picture)
        return picture

    def _mouth(self, inside: np.ndarray) -> np.ndarray:
        """Teeth that stand still above, those of the jaw below, the tongue, the dark."""
        slit, drop = self.expression.mouth, self.expression.drop
        along = (self.x - slit.x) / slit.half
        middle = slit.y + slit.slope * (self.x - slit.x)
        dim = np.clip(1 - 0.75 * np.abs(along) ** 2.2, 0.12, 1)
        low = self.y - slit.y + 0.92 * drop + 0.075
        tongue = 0.16 * np.exp(-0.5 * ((self.x / 0.10) ** 2 + (low / 0.045) ** 2))
        picture = 0.07 + tongue * float(drop > 0.02)
        for edge, sign, tooth, grey in ((-0.013 - 0.9 * drop, -1, 0.034, 0.66), (-0.016, 1, 0.050, 0.80)):
            cell = self.x / tooth - (0.0 if sign > 0 else 0.5)
            off = np.abs(cell - np.round(cell))
            depth = sign * (self.y - middle - edge) - 0.020 * off**2 - 0.010 * along**2
            teeth = grey * (1 - 0.35 * np.exp(-((off / 0.07) ** 2))) * dim * (0.75 + 0.25 * np.clip(depth / 0.03, 0, 1))
            picture = _over(picture, teeth, _cover(depth, self.step) * _cover(0.075 - depth, self.step))
        return picture * (1 - 0.45 * np.exp(-((np.maximum(-inside, 0) / 0.012) ** 2)))  # the shadow of the lips

    def _behind(self, gauge: np.ndarray) -> np.ndarray:
        """The wall, long hair, neck, shirt and ears."""
        p, x, y = self.person, self.x, self.y
        picture = WALL * (1 - 0.06 * (x**2 + y**2))
        if p.style in ("long", "fringe"):
            wide = 0.60 + 0.06 * np.clip(0.2 - y, 0, 1) + 0.010 * self._strand_look(0.15 * y, np.zeros(1))
            back = _cover(np.minimum(wide - np.abs(x), 0.35 - y), self.step)
            picture = _over(picture, self._hair_grey(x, y) * 0.75, back)
        half = 0.30 + 1.6 * np.clip(-0.80 - y, 0, 1) ** 1.3
        across = np.clip(np.abs(x) / half, 0, 1)
        under = 0.42 + 0.5 * np.clip((gauge - 1) / 0.28, 0, 1)
        neck = p["skin"] * (AMBIENT + DIFFUSE * np.sqrt(np.clip(1 - across**2.5, 0, 1))) * under
        picture = _over(picture, neck, _cover(np.minimum(half - np.abs(x), -0.3 - y), self.step))
        collar = -0.90 - 0.16 * np.sqrt(np.clip(1 - (x / 0.36) ** 2, 0, 1)) + 0.10 * np.clip(1 - np.abs(x), 0, 1)
        picture = _over(picture, np.full_like(picture, SHIRT), _cover(collar - y, self.step))
        if p.style in ("cropped", "short", "tied"):
            picture = self._ears(picture)
        return picture

    def _ears(self, picture: np.ndarray) -> np.ndarray:
        p = self.person
        dx, dy = np.abs(self.x) - (p["width"] + 0.012), self.y - 0.01
        dx = dx - 0.16 * dy
        r = np.sqrt((dx / 0.058) ** 2 + (dy / 0.135) ** 2)
        hollow = np.exp(-(((dx + 0.002) / 0.020) ** 2) - ((dy - 0.005) / 0.062) ** 2)
        rim = np.exp(-(((r - 0.80) / 0.16) ** 2))
        ear = p["skin"] * (0.74 + 0.16 * rim - 0.34 * hollow) * (1 - 0.25 * np.clip(r, 0, 1) ** 6)
        return _over(picture, ear, _cover((1 - r) * 0.058, self.step))

    def _hair(self, picture: np.ndarray) -> np.ndarray:
        """Hair on the head and beside the face, over what is there."""
        p, x, y = self.person, self.x, self.y
        gauge, angle = self.outline.gauge(x, y)
        volume = {"cropped": 0.03, "short": 0.10, "tied": 0.04, "long": 0.12, "fringe": 0.13}[p.style]
        end = {"cropped": 0.10, "short": 0.02, "tied": 0.16, "long": -2.0, "fringe": -2.0}[p.style]
        rough = self._strand_look(1.5 * angle, 0.1 * gauge)
        outer = 1 + volume * np.clip((y + 0.1) / 0.5, 0.25, 1) + 0.006 * rough - gauge
        wide, low = 0.90 * p["temple"] + 0.03, -0.25
        top = p["hairline"] - (0.20 if p.style == "fringe" else 0.0) + 0.02 * rough
        opening = (np.abs(x) / wide) ** 3.2 + (np.abs(y - low) / (top - low)) ** 3.2
        inner = (opening - 1) * 0.2 + 0.006 * rough - 0.10 * np.clip((end + 0.16 - y) / 0.16, 0, 1) ** 2
        beside = {"long": 0.60 + 0.05 * np.clip(0.2 - y, 0, 1), "fringe": 0.59}.get(p.style)
        if beside is not None:
            outer = np.where(y < 0.15, np.maximum(outer, beside - np.abs(x) + 0.004 * rough), outer)
            inner = np.where(y < low, (np.abs(x) - wide) * 0.8 + 0.006 * rough, inner)
        soft = 0.03 if p.style == "cropped" else 0.012
        cover = _smooth(outer / soft) * _smooth(inner / (2 * soft)) * _smooth((y - end) / 0.06)
        shadow = 1 - 0.30 * np.exp(-((np.maximum(-inner, 0) / 0.03) ** 2)) * _smooth((y - end) / 0.1) * (gauge < 1)
        return _over(picture * shadow, self._hair_grey(x, y), cover * (0.75 if p.style == "cropped" else 1.0))

    def _hair_grey(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Strands along the outline of the head, a band of light over the crown."""
        p = self.person
        gauge, angle = self.outline.gauge(x, y)
        flow = np.where(y > 0.2, gauge, np.abs(x) / 0.55)
        strand = self._strand_look(9 * flow, 0.35 * np.where(y > 0.2, angle, y))
        clump = self._strand_look(2.2 * flow + 5, 0.25 * np.where(y > 0.2, angle, y))
        band = np.exp(-(((gauge - 0.98) / 0.10) ** 2)) * np.clip(np.sin(angle), 0, 1)
        return p["hair"] * (1 + 0.28 * strand + 0.20 * clump) * (0.72 + 0.5 * band) + 0.05 * band

    def _strand_look(self, across: np.ndarray, along: np.ndarray) -> np.ndarray:
        from scipy.ndimage import map_coordinates

        across, along = np.broadcast_arrays(across, along)
        points = np.stack([across * 64, along * 64]).astype(np.float32)
        return map_coordinates(self.hair_noise, points, order=1, mode="grid-wrap", output=np.float32)


def _strands(seed: int) -> np.ndarray:
    """Noise of variance 1, `(512, 128)`, that wraps around."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(named_generator(seed, "hair").standard_normal((512, 128)), (1.4, 2.5), mode="wrap")
    return (noise / noise.std()).astype(np.float32)


def _cover(depth: np.ndarray, step: float) -> np.ndarray:
    """The part of a pixel inside an edge, `depth` from it."""
    return np.clip(depth / step + 0.5, 0, 1)


def _smooth(t: np.ndarray) -> np.ndarray:
    t = np.clip(0.5 + t, 0, 1)
    return t * t * (3 - 2 * t)


def _over(below: np.ndarray, above: np.ndarray, cover: np.ndarray) -> np.ndarray:
    return below + (above - below) * cover
