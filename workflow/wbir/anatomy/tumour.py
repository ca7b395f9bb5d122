"""A tumour in an axial slice of a brain: mass effect, oedema, necrosis. Rounded general knowledge; nothing is fitted to a result.

Mass effect. A small core of destroyed tissue swells in steps inside an elastic brain (anatomy/elasticity.py) that the skull holds:
the core pushes, the ventricles give way because their fluid can leave, the rest is nearly incompressible. The materials are carried
along, so that large growth is a chain of small ones.
Oedema. Fluid leaks from the core, spreads ten times as easily in white as in grey matter, is taken up on its way, and hardly
enters ventricles and sulci: `c - div(reach^2 d grad c) = 0` with c = 1 in the core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wbir.anatomy.deformation import compose, exponential, move_displacement, see_through
from wbir.anatomy.elasticity import grow
from wbir.geometry.frames import Frame

STIFFNESS = {"tissue": 1.0, "tumour": 2.0, "fluid": 0.05}  # Young's modulus relative to healthy tissue
POISSON = {"tissue": 0.45, "tumour": 0.45, "fluid": 0.1}  # fluid is pressed out of the slice: compressible
STEPS = 8  # of the growth
SWELLING = 0.45  # the largest free relative growth of length in one step: a core that is held fast stays smaller
MECHANICS_SPACING = 2.0  # mm, of the elastic problem
SPREAD = {"white": 1.0, "grey": 0.1, "fluid": 0.02}  # how easily oedema spreads, relative to white matter
OEDEMA_LEVEL = 0.3  # concentration above which a segmentation calls it oedema


@dataclass(frozen=True)
class Tumour:
    """centre: mm of the world. seed, radius: mm of the core before and after growth. reach: mm of the oedema in white matter."""

    centre: tuple[float, float]
    seed: float
    radius: float
    reach: float


def disc(frame: Frame, centre: tuple[float, float], radius: float | np.ndarray) -> np.ndarray:
    """The part of each pixel inside a disc of `radius` mm (nearly), float32; a radius for each pixel makes its edge uneven."""
    x, y = (frame.affine[a, -1] + frame.affine[a, a] * np.arange(frame.shape[a]) for a in range(2))
    distance = np.hypot(x[:, None] - centre[0], y[None, :] - centre[1])
    return np.clip((radius - distance) / frame.spacing[0] + 0.5, 0.0, 1.0).astype(np.float32)


def mass_effect(maps: Mapping[str, np.ndarray], frame: Frame, tumour: Tumour) -> np.ndarray:
    """The pull-back `(2, *shape)` in voxels from the brain with the grown core to the one before: `after(x) = before(x + u(x))`.

    maps: `brain` and `ventricles`, fractions on `frame` before the growth. Each of the STEPS swells the core alike, by as much as brings
    its area to that of a disc of `tumour.radius`, as far as the brain lets it.
    """
    grid = _mechanics_frame(frame)
    seen = {name: _on(maps[name], frame, grid) for name in ("brain", "ventricles")}
    seen["core"] = disc(grid, tumour.centre, tumour.seed)
    target = np.pi * tumour.radius**2 / grid.spacing[0] ** 2
    total = np.zeros((2, *grid.shape), np.float32)
    for step in range(STEPS):
        now = {name: see_through(image, total, order=1) for name, image in seen.items()}
        area = float(now["core"].sum())
        wanted = (target / area) ** (1 / (STEPS - step))  # factor of area in this step
        unit = _response(now, seen["brain"] > 0.5, grid)
        reached = (
            float((now["core"] * _divergence(unit)).sum()) / area
        )  # relative growth of area for a unit of swelling
        swelling = min(np.log(wanted) / max(reached, 1e-6), SWELLING)
        total = compose(total, exponential(-swelling * unit))
    return move_displacement(total, grid, frame)


def _response(now: Mapping[str, np.ndarray], body: np.ndarray, grid: Frame) -> np.ndarray:
    """The displacement (voxels) for a unit of swelling of the core in the brain as it is."""
    fluid = now["ventricles"] * (1 - now["core"])
    tissue = 1 - fluid - now["core"]
    stiffness = tissue * STIFFNESS["tissue"] + fluid * STIFFNESS["fluid"] + now["core"] * STIFFNESS["tumour"]
    poisson = tissue * POISSON["tissue"] + fluid * POISSON["fluid"] + now["core"] * POISSON["tumour"]
    return grow(stiffness, poisson, now["core"], body, grid.spacing[0]) / grid.spacing[0]


def oedema(maps: Mapping[str, np.ndarray], core: np.ndarray, frame: Frame, reach: float) -> np.ndarray:
    """Concentration in [0, 1], float32: `maps` (white, grey, fluid) and `core` are those of the grown brain, on `frame`."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import spsolve

    ease = np.sum([SPREAD[name] * maps[name] for name in SPREAD], axis=0) + 1e-3
    index = np.arange(ease.size).reshape(ease.shape)
    rows, columns, values = [index.ravel()], [index.ravel()], [np.ones(ease.size)]
    for axis in range(2):
        low, high = (np.take(index, range(k, ease.shape[axis] - 1 + k), axis).ravel() for k in (0, 1))
        first, second = ease.ravel()[low], ease.ravel()[high]
        flow = (reach / frame.spacing[axis]) ** 2 * 2 * first * second / (first + second)  # harmonic mean of the two
        rows += [low, high, low, high]
        columns += [low, high, high, low]
        values += [flow, flow, -flow, -flow]
    source = 1e4 * (core > 0.5).ravel()  # holds the core at 1
    rows, columns, values = [*rows, index.ravel()], [*columns, index.ravel()], [*values, source]
    matrix = coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))).tocsc()
    return np.clip(spsolve(matrix, source), 0.0, 1.0).reshape(ease.shape).astype(np.float32)


def _mechanics_frame(frame: Frame) -> Frame:
    """The grid of the elastic problem: `frame` itself, or a coarser one over the same field."""
    factor = max(round(MECHANICS_SPACING / frame.spacing[0]), 1)
    shape = tuple(-(-n // factor) for n in frame.shape)
    affine = frame.affine.copy()
    affine[:2, :2] *= factor
    return Frame(shape, affine)


def _on(image: np.ndarray, source: Frame, target: Frame) -> np.ndarray:
    from wbir.anatomy.template import resample

    return image if source.shape == target.shape else resample(image, source, target)


def _divergence(field: np.ndarray) -> np.ndarray:
    return np.gradient(field[0], axis=0) + np.gradient(field[1], axis=1)
