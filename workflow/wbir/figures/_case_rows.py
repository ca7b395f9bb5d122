"""Cases in rows under each other: pictures side by side in true proportions, a line of numbers above each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wbir.figures._drawing import PALETTE, bare, show_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches
WIDTH, MARGIN, TALLEST = 13.0, 0.25, 2.6
GAP, GROUP_GAP, ROW_GAP, CASE_GAP = 0.05, 0.2, 0.12, 0.16  # between pictures, groups, rows, and cases
TITLE, WORDS, HEAD, FOOT = 0.72, 0.42, 0.2, 0.72  # heights of what is written
LETTER = 0.075  # width of one, about

FINE = 110  # voxels an inch: what has more is smoothed as it is drawn small
GREY, LANDMARK = "#444444", "#F0E442"
EDGES = ((0.02, 0.5, "left", "center"), (0.98, 0.5, "right", "center"), (0.5, 0.02, "center", "bottom"),
         (0.5, 0.98, "center", "top"))  # fmt: skip


@dataclass(frozen=True)
class Outline:
    """Closed lines `(N, 2)` in indices of a slice."""

    lines: Sequence[np.ndarray]
    colour: str
    style: str = "solid"


@dataclass(frozen=True)
class Picture:
    """A slice `(w, h)` or `(w, h, 3)` in [0, 1], first axis to the right, second upwards, and what is drawn on it.

    size: millimetres, width and height. letters: what lies at the left, right, bottom and top, where that is written. landmarks:
    `(N, 2, 2)` in indices of the slice, each drawn as a line from its first place to a circle at its second.
    """

    head: str
    values: np.ndarray
    size: tuple[float, float]
    letters: str = ""
    outlines: Sequence[Outline] = ()
    landmarks: np.ndarray = field(default_factory=lambda: np.zeros((0, 2, 2)))


@dataclass(frozen=True)
class Row:
    """A case: its pictures in groups."""

    title: str
    words: str
    groups: Sequence[Sequence[Picture]]

    @property
    def scale(self) -> float:
        """Inches of a millimetre: the row is as wide as the page, but not too tall."""
        gaps = sum(GAP * (len(group) - 1) for group in self.groups) + GROUP_GAP * (len(self.groups) - 1)
        pictures = [picture for group in self.groups for picture in group]
        wide, tall = sum(p.size[0] for p in pictures), max(p.size[1] for p in pictures)
        return min((WIDTH - 2 * MARGIN - gaps) / wide, TALLEST / tall)

    @property
    def height(self) -> float:
        """Of the whole row, inches."""
        return WORDS + HEAD + self.scale * max(p.size[1] for group in self.groups for p in group)

    def places(self) -> Iterator[tuple[Picture, float]]:
        """Its pictures, each with its left edge in inches."""
        left = MARGIN
        for group in self.groups:
            for picture in group:
                yield picture, left
                left += picture.size[0] * self.scale + GAP
            left += GROUP_GAP - GAP


def draw_rows(cases: Sequence[Sequence[Row]], title: str, about: str, key: str, colours: Mapping[str, str]) -> Figure:
    """A page of cases, each in one row or several; `colours`: what is named below it, with its colour."""
    from matplotlib.figure import Figure

    rows = sum(CASE_GAP + sum(row.height + ROW_GAP for row in case) for case in cases)
    height = TITLE + rows + FOOT
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    page = figure.add_axes((0.0, 0.0, 1.0, 1.0))  # one for all pictures, in inches: axes of their own take their time
    page.set(xlim=(0, WIDTH), ylim=(0, height), autoscale_on=False)
    bare(page)
    page.text(MARGIN, height - 0.32, title, fontsize=13, fontweight="bold")
    page.text(MARGIN, height - 0.55, about, fontsize=9, color=GREY)
    top = height - TITLE
    for case in cases:
        page.plot([MARGIN, WIDTH - MARGIN], [top, top], color="#BBBBBB", linewidth=0.8)
        top -= CASE_GAP / 2
        for row in case:
            _draw_row(page, row, top)
            top -= row.height + ROW_GAP
        top -= CASE_GAP / 2
    page.text(MARGIN, 0.15, key, fontsize=7.5, color=GREY, linespacing=1.4)
    left = MARGIN
    for name, colour in colours.items():
        page.plot([left, left + 0.2], [0.57, 0.57], color=colour, linewidth=2)
        page.text(left + 0.27, 0.53, name, fontsize=8)
        left += 0.55 + LETTER * len(name)
    return figure


def _draw_row(page: Axes, row: Row, top: float) -> None:
    page.text(MARGIN, top - 0.17, row.title, fontsize=9.5, fontweight="bold")
    page.text(MARGIN, top - 0.34, row.words, fontsize=8)
    top -= WORDS + HEAD
    for picture, left in row.places():
        width, height = (row.scale * length for length in picture.size)
        page.text(left, top + 0.05, picture.head, fontsize=7.5, color=GREY)
        _draw(page, picture, left, top - height, width, height)


def _draw(page: Axes, picture: Picture, left: float, bottom: float, width: float, height: float) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    corner, size, voxels = np.array([left, bottom]), np.array([width, height]), np.array(picture.values.shape[:2])
    fine = voxels[0] > width * FINE
    show_image(
        page, picture.values, cmap="gray", vmin=0, vmax=1, extent=(left, left + width, bottom, bottom + height),
        aspect="auto", interpolation="antialiased" if fine else "nearest",
    )  # fmt: skip
    frame = Rectangle((left, bottom), width, height, transform=page.transData)

    def place(indices: np.ndarray) -> np.ndarray:
        return corner + (indices + 0.5) / voxels * size

    for found in picture.outlines:
        lines = [place(line) for line in found.lines]
        drawn = LineCollection(lines, colors=found.colour, linewidths=0.7, linestyles=found.style)
        page.add_collection(drawn, autolim=False).set_clip_path(frame)
    if len(picture.landmarks):
        pairs = place(picture.landmarks)
        page.add_collection(LineCollection(list(pairs), colors=LANDMARK, linewidths=0.8), autolim=False).set_clip_path(
            frame
        )
        (circles,) = page.plot(
            *pairs[:, 1].T, "o", markersize=2.2, markerfacecolor="none", color=LANDMARK, markeredgewidth=0.7
        )
        circles.set_clip_path(frame)
    effects = [withStroke(linewidth=1.8, foreground="black")]
    for letter, (x, y, ha, va) in zip(picture.letters, EDGES, strict=False):
        page.text(
            left + x * width,
            bottom + y * height,
            letter,
            ha=ha,
            va=va,
            color="white",
            fontsize=7.5,
            path_effects=effects,
        )


def save_small(figure: Figure, path: Path, dpi: float) -> None:
    """Write a page as a PNG of 256 colours: less than half the bytes, and hardly to be told from the full one.

    The colours of lines are kept as they are: their pixels are too few to be found among those of the images.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import to_rgb
    from PIL import Image
    from scipy.spatial import cKDTree

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    lines = np.array([to_rgb(colour) for colour in (*PALETTE, LANDMARK, "white")])
    kept = np.rint(255 * np.concatenate([lines, 0.6 * lines])).astype(np.uint8)  # whole, and at their edges on black
    room = 256 - len(kept)
    some = Image.fromarray(np.ascontiguousarray(pixels[::2, ::2, :3]))
    found = some.quantize(room, Image.Quantize.MEDIANCUT).getpalette() or []
    palette = np.concatenate([kept, np.reshape(found[: 3 * room], (-1, 3)).astype(np.uint8)])
    codes, places = np.unique(pixels.view(np.uint32), return_inverse=True)  # many pixels, few colours
    nearest = cKDTree(palette).query(codes.view(np.uint8).reshape(-1, 4)[:, :3])[1]
    small = Image.fromarray(nearest.astype(np.uint8)[places].reshape(pixels.shape[:2]))
    small.putpalette(palette.ravel().tolist())
    small.save(path)
