"""A person's abdomen on a grid: labels of the voxel centres and a CT in Hounsfield units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wbir.anatomy.abdomen_body import SKIN, Body, Paint
from wbir.anatomy.abdomen_bones import bones, muscles
from wbir.anatomy.abdomen_bowel import bowel, thorax
from wbir.anatomy.abdomen_organs import Organs
from wbir.anatomy.abdomen_person import draw_person
from wbir.anatomy.abdomen_solids import Box
from wbir.anatomy.seeds import named_generator
from wbir.anatomy.template import axis_positions
from wbir.geometry.frames import Frame

AIR = -1000.0
FINE = 4.6  # mm: a voxel longer than that is averaged from three along that axis
WARP_STEP = 8.0  # mm of the grid that a person's warp is known on
WINDOW = 9  # points of it about the middle of a small solid
REACH = 330.0  # mm about the world's origin that random fields cover
TEXTURE = 7.0  # mm over which tissue varies
FIELD = (384.0, 320.0, 512.0)  # mm: the grid of Learn2Reg 2020 Task 3
COMPONENTS = (
    (40.0, 3.0),
    (15.0, 1.0),
)  # of a person's warp: smoothness and root mean square of each vector component, mm
ALIGNMENT = (6.0, 2.0, 0.03)  # what a linear pre-registration leaves: mm, degrees, log scale
RANGE = (-1024.0, 3071.0)  # HU of a 12-bit scanner


@dataclass(frozen=True)
class Subject:
    """image: HU, whole numbers, int16; labels: int16, 1 to 13."""

    image: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Warp:
    """Where the points of a coarse grid lie in the person's own frame: displacement `(3, ...)` mm on `frame`."""

    frame: Frame
    displacement: np.ndarray

    def points(self, frame: Frame) -> np.ndarray:
        """The voxel centres of `frame` in the person's frame, `(3, *shape)` float32 mm; linear between the coarse points."""
        result = self.displacement
        for axis in range(3):
            place = (axis_positions(frame, axis) - self.frame.affine[axis, 3]) / self.frame.affine[axis, axis]
            place = np.clip(place, 0, self.frame.shape[axis] - 1.001)
            start = place.astype(int)
            part = (place - start).astype(np.float32).reshape([-1 if b == axis else 1 for b in range(3)])
            below = np.take(result, start, axis + 1)
            result = below + part * (np.take(result, start + 1, axis + 1) - below)
        for axis in range(3):
            ticks = axis_positions(frame, axis).astype(np.float32)
            result[axis] += ticks.reshape([-1 if b == axis else 1 for b in range(3)])
        return result

    def cover(self, low: np.ndarray, high: np.ndarray) -> Box:
        """A box of the grid's world that holds all points which lie between low and high in the person's frame.

        A small box looks up how far points about it are moved, a large one takes what holds for all.
        """
        if np.max(high - low) / 2 + self.furthest + WARP_STEP > WINDOW * WARP_STEP:
            return low - self.displacement.max((1, 2, 3)), high - self.displacement.min((1, 2, 3))
        nearest = np.rint((0.5 * (low + high) - self.frame.affine[:3, 3]) / WARP_STEP).astype(int)
        i, j, k = (min(max(n, 0), size - 1) for n, size in zip(nearest.tolist(), self.frame.shape, strict=True))
        return low - self.most[:, i, j, k], high - self.least[:, i, j, k]

    @cached_property
    def furthest(self) -> float:
        """The largest component of the displacement, mm."""
        return float(np.abs(self.displacement).max())

    @cached_property
    def least(self) -> np.ndarray:
        """The least displacement within `WINDOW` points of each, by component."""
        from scipy.ndimage import minimum_filter

        return minimum_filter(self.displacement, (1, *[2 * WINDOW + 1] * 3), mode="nearest")

    @cached_property
    def most(self) -> np.ndarray:
        """The largest, likewise."""
        from scipy.ndimage import maximum_filter

        return maximum_filter(self.displacement, (1, *[2 * WINDOW + 1] * 3), mode="nearest")


def scan_frame(shape: Sequence[int], field: Sequence[float]) -> Frame:
    """A grid of `shape` voxels that fills a box of `field` mm about the world's origin: axes to right, front, up."""
    spacing = np.array(field, float) / np.array(shape)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -spacing * (np.array(shape) - 1) / 2
    return Frame(tuple(shape), affine)


def make_subject(
    seed: int, name: str, frame: Frame, components: Sequence[Sequence[float]], alignment: Sequence[float], noise: float
) -> Subject:
    """The subject `name` on `frame`: the same person on any grid.

    components: of the warp, as in `deformation.random_velocity`; alignment: standard deviations of what a linear pre-registration
    leaves: shift (mm), turn (degrees), log scale; noise: HU in a voxel of 8 mm3.
    """
    person = draw_person(seed, name)
    warp = draw_warp(components, alignment, named_generator(seed, name, "warp"))
    factors = [_odd_factor(s) for s in frame.spacing]
    fine = _finer(frame, factors)
    body = Body(person)
    hu, labels = render(body, Organs(body), fine, warp, named_generator(seed, name, "bowel"))
    top = body.dome_top + person.scanned[0]
    heights = axis_positions(fine, 2)
    outside = (heights > top) | (heights < top - person.scanned[1])
    hu[:, :, outside], labels[:, :, outside] = AIR, 0
    image = _averaged(hu, factors)
    generator = named_generator(seed, name, "scan")
    image += _grain(image, frame, noise, generator)
    image = np.clip(np.rint(image), *RANGE).astype(np.int16)
    return Subject(image, _at_centres(labels, factors))


def draw_warp(
    components: Sequence[Sequence[float]], alignment: Sequence[float], generator: np.random.Generator
) -> Warp:
    """A smooth diffeomorphism, then a small similarity: what lies at x in the grid's world is the person's x + u(x)."""
    from scipy.spatial.transform import Rotation

    from wbir.anatomy.deformation import exponential, smooth_field

    shift, turn, scale = alignment
    linear = Rotation.from_rotvec(np.deg2rad(turn) * generator.standard_normal(3)).as_matrix()
    linear = linear @ np.diag(np.exp(scale * generator.standard_normal(3)))
    offset = shift * generator.standard_normal(3)
    half = np.ceil(np.array([200.0, 170.0, 265.0]) / WARP_STEP)
    frame = Frame(tuple(int(2 * n + 1) for n in half), _affine(-half * WARP_STEP, WARP_STEP))
    velocity = np.zeros((3, *frame.shape))
    for sigma, amplitude in components:
        velocity += amplitude / WARP_STEP * smooth_field(frame, sigma, generator, 3, reach=REACH)
    displacement = WARP_STEP * exponential(velocity, squarings=5).astype(np.float64)
    points = np.stack(np.meshgrid(*(axis_positions(frame, a) for a in range(3)), indexing="ij"))
    seen = points + displacement
    moved = np.tensordot(linear, seen, 1) + offset[:, None, None, None]
    return Warp(frame, (moved - points).astype(np.float32))


def render(
    body: Body, organs: Organs, frame: Frame, warp: Warp, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """HU (float32, edges of one voxel's width) and labels (int16) at the points of `frame`."""
    canvas = Canvas(frame, warp, body)
    _draw_trunk(canvas, body)
    for paint in (*thorax(organs), *muscles(body), *bowel(organs, generator), *organs.paints(), *bones(body)):
        canvas.draw(paint)
    return canvas.hu, canvas.labels


def _draw_trunk(canvas: Canvas, body: Body) -> None:
    """Skin, fat, muscle, the chest with its lungs, the cavity's fat."""
    hu, points = body.person.hu, canvas.points
    outline = body.outline(points)
    skin = outline + body.under_skin(points)
    canvas.fill(skin, hu["skin"])
    canvas.fill(skin - np.float32(SKIN), hu["fat"])
    canvas.fill(outline, hu["muscle"])
    chest = body.chest(points, outline, canvas.cavity)
    canvas.fill(chest, hu["fat"])
    canvas.fill(np.minimum(chest, body.beside_mediastinum(points)), hu["lung"])
    canvas.fill(canvas.cavity, hu["fat"])


class Canvas:
    """The image and label map in the making; later things lie over earlier ones."""

    def __init__(self, frame: Frame, warp: Warp, body: Body) -> None:
        self.frame, self.warp = frame, warp
        self.points = warp.points(frame)
        self.cavity = body.cavity(self.points)
        self.fat = np.float32(body.person.hu["fat"])
        self.width = np.float32(np.mean(frame.spacing))
        self.hu = np.full(frame.shape, AIR, np.float32)
        self.labels = np.zeros(frame.shape, np.int16)

    def fill(self, depth: np.ndarray, value: float) -> None:
        """One value where `depth` (on the whole grid) is above zero."""
        self._blend((slice(None),) * 3, depth, np.float32(value))

    def draw(self, paint: Paint) -> None:
        """One paint, its halo of fat first."""
        cut = self._cut(paint.solid.box, paint.halo + float(self.width))
        if cut is None:
            return
        depth = np.full([s.stop - s.start for s in cut], -np.inf, np.float32)
        for box, part in paint.solid.parts:
            piece = self._cut(box, paint.halo + float(self.width), cut)
            if piece is not None:
                local = tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(piece, cut, strict=True))
                depth[local] = np.maximum(depth[local], part(self.points[(slice(None), *piece)]))
        if paint.inside is not None:
            depth = np.minimum(depth, self.cavity[cut] - np.float32(paint.inside))
        if paint.over is not None:
            depth[self.labels[cut] != paint.over] = -np.inf
        if paint.halo > 0:
            about = np.minimum(depth + np.float32(paint.halo), self.cavity[cut])
            self._blend(cut, about, self.fat)
            self.labels[cut][about > 0] = 0
        value = paint.value(self.points[(slice(None), *cut)]) if callable(paint.value) else np.float32(paint.value)
        self._blend(cut, depth, value)
        self.labels[cut][depth > 0] = paint.label

    def _blend(self, cut: tuple[slice, ...], depth: np.ndarray, value: np.ndarray | np.float32) -> None:
        part = np.clip(depth / self.width + np.float32(0.5), 0, 1)
        self.hu[cut] += part * (value - self.hu[cut])

    def _cut(self, box: Box, margin: float, limits: tuple[slice, ...] | None = None) -> tuple[slice, ...] | None:
        """The voxels, of those in `limits`, that may lie within `margin` mm of a box of the person's frame; None: none."""
        low, high = self.warp.cover(box[0] - margin, box[1] + margin)
        cut = []
        for axis, count in enumerate(self.frame.shape):
            step, origin = self.frame.affine[axis, axis], self.frame.affine[axis, 3]
            first, last = (limits[axis].start, limits[axis].stop) if limits else (0, count)
            start = max(math.ceil((low[axis] - origin) / step), first)
            stop = min(math.floor((high[axis] - origin) / step) + 1, last)
            if stop <= start:
                return None
            cut.append(slice(start, stop))
        return tuple(cut)


def _affine(origin: np.ndarray, step: float) -> np.ndarray:
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = origin
    return affine


def _odd_factor(spacing: float) -> int:
    """Fine voxels along a voxel: odd, so that one of them lies at its centre."""
    return 3 if spacing > FINE else 1


def _finer(frame: Frame, factors: Sequence[int]) -> Frame:
    affine = frame.affine.copy()
    for a, f in enumerate(factors):
        affine[a, a] /= f
        affine[a, 3] -= affine[a, a] * (f // 2)
    return Frame(tuple(n * f for n, f in zip(frame.shape, factors, strict=True)), affine)


def _at_centres(labels: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """The labels of the voxel centres; an organ that lies at none of them has the voxel that holds most of it."""
    seen = np.ascontiguousarray(labels[tuple(slice(f // 2, None, f) for f in factors)])
    for label in np.setdiff1d(np.flatnonzero(np.bincount(labels.ravel())), np.flatnonzero(np.bincount(seen.ravel()))):
        share = _averaged((labels == label).astype(np.float32), factors)
        seen[np.unravel_index(int(share.argmax()), share.shape)] = label
    return seen


def _averaged(image: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    for axis, f in enumerate(factors):
        shape = image.shape
        image = image.reshape(*shape[:axis], shape[axis] // f, f, *shape[axis + 1 :]).mean(axis + 1)
    return image


def _grain(image: np.ndarray, frame: Frame, noise: float, generator: np.random.Generator) -> np.ndarray:
    """Tissue's own unevenness, and noise with the texture of a reconstruction, less where a voxel averages more of it."""
    from wbir.anatomy.deformation import smooth_field
    from wbir.anatomy.noise import correlated_noise

    uneven = smooth_field(frame, TEXTURE, generator, reach=REACH)[0].astype(np.float32)
    volume = float(np.prod(frame.spacing))
    sigma = np.float32(noise * min(1.0, np.sqrt(8.0 / volume)))
    tissue = (image > -300).astype(np.float32)
    return sigma * correlated_noise(frame, 3.0, generator) + np.float32(4.0) * uneven * tissue
