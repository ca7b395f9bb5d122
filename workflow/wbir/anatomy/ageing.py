"""Ageing as an atrophy flow: tissue shrinks, fluid takes its place, the skull stays.

A velocity `w` with a prescribed divergence changes the volume of each tissue by a known factor: `w = grad psi`,
`Lap psi = rate`, where the rate is the tissue's log volume change. The sulcal fluid takes what the others leave, so the
intracranial volume is constant (Monro and Kellie). The rates belong to the tissue, not to the place, so the flow is
followed in steps of some years, each on the anatomy that the step before left. Rates are rounded general knowledge of
cross-sectional MRI; both sexes and all cortex alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wbir.anatomy.deformation import compose, exponential, move_displacement, see_through
from wbir.anatomy.template import brain_frame, coordinates, load, resample
from wbir.geometry.frames import Frame

TEMPLATE_AGE = 20.0  # years: the age at which nothing is added (the template's own age is taken as young)
GREY_RATE = -0.003  # log volume per year from 20
WHITE_RATE, WHITE_ONSET = -0.002, 45.0  # log volume per year from 45
VENTRICLE_RATE = 0.015  # log volume per year from 20: a factor 2.5 at 80
SMOOTHING = 2.0  # mm, standard deviation: the flow does not follow single voxels
NEIGHBOURHOOD = 5.0  # mm, standard deviation: the cortex that a sulcus widens by
FLOW_SPACING = 2.5  # mm
STEP = 20.0  # years of one step
SQUARINGS = 4  # of a step's exponential
VENTRICLE_BOX = ((-38.0, 38.0), (-58.0, 32.0), (-22.0, 32.0))  # MNI mm about lateral and third ventricles
CISTERN_BOX = ((-17.0, 17.0), (-58.0, -20.0), (-22.0, 32.0))  # the midline fluid behind them, open to the surface
VENTRICLE_DEPTH = 18.0  # mm from the brain's surface


def ventricles(maps: Mapping[str, np.ndarray], frame: Frame) -> np.ndarray:
    """Fraction of ventricular fluid: fluid deep in the brain, inside VENTRICLE_BOX and outside CISTERN_BOX."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(maps["brain"] > 0.5, 1), sampling=frame.spacing)[1:-1, 1:-1, 1:-1]
    place = (depth > VENTRICLE_DEPTH) & _inside(VENTRICLE_BOX, frame) & ~_inside(CISTERN_BOX, frame)
    return (maps["fluid"] * place).astype(np.float32)


def _inside(box: Sequence[tuple[float, float]], frame: Frame) -> np.ndarray:
    within = np.ones(frame.shape, bool)
    for x, (low, high) in zip(coordinates(frame), box, strict=True):
        within = within & (x > low) & (x < high)
    return within


def age_maps(frame: Frame) -> dict[str, np.ndarray]:
    """The tissues that age apart on `frame`: fractions of white, grey, ventricles, sulci.

    Each 1 mm voxel of the template counts as its likeliest tissue: where probabilities overlap, a flow could not part
    what shrinks from what grows.
    """
    template = load()
    likeliest = np.argmax([template.white, template.grey, template.fluid], axis=0)
    white, grey, fluid = (resample((likeliest == i) * template.brain, template.frame, frame) for i in range(3))
    brain = resample(template.brain, template.frame, frame)
    inner = ventricles({"brain": brain, "fluid": fluid}, frame)
    return {"white": white, "grey": grey, "ventricles": inner, "sulci": fluid - inner}


def volume_rates(start: float, end: float, volumes: Mapping[str, float]) -> dict[str, float]:
    """Log volume change of each tissue between two ages (years); volume times rate sums to zero over the tissues.

    volumes: of white, grey, ventricles and sulci at `start`, in any one unit.
    """
    years = max(end, TEMPLATE_AGE) - max(start, TEMPLATE_AGE)
    late = max(end, WHITE_ONSET) - max(start, WHITE_ONSET)
    rates = {"white": WHITE_RATE * late, "grey": GREY_RATE * years, "ventricles": VENTRICLE_RATE * years}
    return {**rates, "sulci": -sum(rate * volumes[name] for name, rate in rates.items()) / volumes["sulci"]}


class AgeingPath:
    """The template's way through the ages, seen on `frame`; whole steps are computed once and kept.

    The flow is computed on a grid of its own, FLOW_SPACING or half the frame's spacing, so that a subject ages alike
    on all fine frames.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.grid = brain_frame(max(FLOW_SPACING, min(frame.spacing) / 2))
        self.maps = age_maps(self.grid)
        still = np.zeros((3, *self.grid.shape), np.float32)
        self.steps = [(still, still)]

    def at(self, age: float) -> tuple[np.ndarray, np.ndarray]:
        """The displacement that shows the template at `age`, `aged(x) = template(x + u(x))`; and its inverse, nearly.

        Both are `(3, *frame.shape)` in voxels of the frame; zero up to TEMPLATE_AGE, linear in age within a step.
        """
        whole, rest = divmod(max(age - TEMPLATE_AGE, 0.0), STEP)
        before, after = int(whole), int(whole) + (rest > 0)
        while len(self.steps) <= after:
            start = TEMPLATE_AGE + STEP * (len(self.steps) - 1)
            self.steps.append(self._step(*self.steps[-1], start, start + STEP))
        part = np.float32(rest / STEP)
        return tuple(
            move_displacement((1 - part) * early + part * late, self.grid, self.frame)
            for early, late in zip(self.steps[before], self.steps[after], strict=True)
        )  # type: ignore[return-value]

    def _step(self, forth: np.ndarray, back: np.ndarray, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
        now = {name: see_through(image, forth, order=1) for name, image in self.maps.items()}
        volumes = {name: float(image.sum(dtype=np.float64)) for name, image in now.items()}
        velocity = volume_velocity(now, volume_rates(start, end, volumes), self.grid)
        return (
            compose(forth, exponential(-velocity, squarings=SQUARINGS)),
            compose(exponential(velocity, squarings=SQUARINGS), back),
        )


def volume_velocity(maps: Mapping[str, np.ndarray], rates: Mapping[str, float], frame: Frame) -> np.ndarray:
    """The velocity, `(3, *shape)` voxels, under which the volume of each tissue of `maps` grows at its log rate."""
    flow = divergence_flow(separated_rate(maps, rates, frame), frame, SMOOTHING)
    return flow / np.reshape(frame.spacing, (-1, 1, 1, 1))


def separated_rate(maps: Mapping[str, np.ndarray], rates: Mapping[str, float], frame: Frame) -> np.ndarray:
    """The divergence under which each tissue's volume changes at its own rate although voxels are mixed.

    The volume of a fraction map m_t changes by `sum m_t div w`. With `div w = sum_s r_s b_s` that is a linear system
    in r. The shapes b are the maps; only the sulci grow by the square of the grey part of what is grey or fluid
    around them, because the fluid fills what the cortex beside it leaves (the wide cisterns do not balloon).
    """
    from scipy.ndimage import gaussian_filter

    names = list(maps)
    sigma = [NEIGHBOURHOOD / s for s in frame.spacing]
    grey, fluid = (gaussian_filter(maps[name], sigma) for name in ("grey", "sulci"))
    shapes = {**maps, "sulci": maps["sulci"] * (grey / (grey + fluid + 1e-6)) ** 2}
    tissue, shape = (np.stack([m[n].ravel() for n in names]).astype(np.float64) for m in (maps, shapes))
    weights = np.linalg.solve(tissue @ shape.T, np.array([rates[n] for n in names]) * tissue.sum(1))
    return np.tensordot(weights, shape, axes=1).reshape(maps["sulci"].shape)


def divergence_flow(rate: np.ndarray, frame: Frame, smoothing: float) -> np.ndarray:
    """The curl-free velocity (mm) whose divergence is `rate` less its mean, smoothed by `smoothing` mm; periodic."""
    from scipy.fft import irfftn, rfftn

    shape = rate.shape
    waves = [2 * np.pi * np.fft.fftfreq(n, s) for n, s in zip(shape, frame.spacing, strict=True)]
    waves[-1] = 2 * np.pi * np.fft.rfftfreq(shape[-1], frame.spacing[-1])
    grids = np.meshgrid(*waves, indexing="ij", sparse=True)
    square = sum(k * k for k in grids)
    spectrum = rfftn(rate.astype(np.float64)) * np.exp(-0.5 * smoothing**2 * square)
    spectrum *= -1.0 / np.where(square > 0, square, np.inf)
    velocity = np.empty((len(shape), *shape))
    for axis, (k, n) in enumerate(zip(grids, shape, strict=True)):
        nyquist = (n % 2 == 0) & np.isclose(np.abs(k), np.pi / frame.spacing[axis])  # there a real derivative is zero
        velocity[axis] = irfftn(1j * np.where(nyquist, 0.0, k) * spectrum, s=shape)
    return velocity
