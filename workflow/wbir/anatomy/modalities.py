"""How T1, FLAIR, CT and FDG-PET see the tissues of a head. All values are textbook knowledge, rounded; none is fitted
to a result.

An image is linear in the tissue fractions (that is its partial volume), then comes the scanner: bias and Rician noise
in MR, correlated noise in CT, point-spread, counting and post-filter in PET. All images end in [0, 1] by a fixed
scale.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wbir.anatomy.noise import bias_field, blur, correlated_noise, counting, rician
from wbir.errors import InputError
from wbir.geometry.frames import Frame

CONTRASTS: dict[str, dict[str, float]] = {
    # magnetisation-prepared, white matter = 1: short T1 is bright (fat), long is dark (fluid), bone and air are silent
    "T1": {
        "air": 0.0,
        "white": 1.0,
        "grey": 0.68,
        "fluid": 0.18,
        "bone": 0.03,
        "marrow": 0.8,
        "muscle": 0.5,
        "fat": 1.15,
    },
    # T2 weighting with the fluid nulled: grey above white, fluid dark, fat still bright
    "FLAIR": {
        "air": 0.0,
        "white": 0.62,
        "grey": 0.84,
        "fluid": 0.06,
        "bone": 0.03,
        "marrow": 0.45,
        "muscle": 0.36,
        "fat": 0.75,
    },
    # Hounsfield units
    "CT": {
        "air": -1000.0,
        "white": 28.0,
        "grey": 37.0,
        "fluid": 8.0,
        "bone": 1250.0,
        "marrow": 350.0,
        "muscle": 55.0,
        "fat": -90.0,
    },
    # FDG uptake relative to white matter: grey takes up some four times as much
    "PET": {
        "air": 0.0,
        "white": 1.0,
        "grey": 4.0,
        "fluid": 0.15,
        "bone": 0.3,
        "marrow": 0.7,
        "muscle": 0.7,
        "fat": 0.2,
    },
}
MR_SCALE = 1.2  # the signal that becomes 1: above fat, so that nothing saturates but noise
MR_BIAS = 0.08  # standard deviation of the log receive field
MR_NOISE = 0.03  # of white matter in T1: a signal-to-noise ratio of 33
CT_WINDOW = (-1000.0, 1500.0)  # HU that become 0 and 1: air to compact bone, grey and white 0.004 apart
CT_NOISE = 8.0  # HU, standard deviation of a low-dose head scan
CT_KERNEL = 2.0  # mm full width at half maximum of the noise texture
PET_SCALE = 4.5  # the uptake that becomes 1
PET_RESOLUTION = 4.5  # mm full width at half maximum of the scanner's point-spread
PET_FILTER = 4.0  # mm of the post-filter: together 6.0 mm
PET_COUNTS = 1.0  # events per mm^3 at white matter's uptake: some 7 % noise in it after the filter


def ideal_image(modality: str, tissues: Mapping[str, np.ndarray]) -> np.ndarray:
    """The noise-free, unblurred image in the modality's own unit: the contrast's sum over tissue fractions, float32.

    Raises InputError for an unknown modality.
    """
    if modality not in CONTRASTS:
        raise InputError(f"a modality of {sorted(CONTRASTS)}", repr(modality), "correct the cohort's parameters")
    image = np.zeros(next(iter(tissues.values())).shape, np.float32)
    for name, fraction in tissues.items():
        image += np.float32(CONTRASTS[modality][name]) * fraction
    return image


def acquire(modality: str, ideal: np.ndarray, frame: Frame, generator: np.random.Generator) -> np.ndarray:
    """What the scanner makes of an ideal image: float32 in [0, 1]."""
    if modality == "CT":
        low, high = CT_WINDOW
        image = (ideal + CT_NOISE * correlated_noise(frame, CT_KERNEL, generator) - low) / (high - low)
    elif modality == "PET":
        seen = np.maximum(blur(ideal, PET_RESOLUTION, frame), 0.0)
        seen = counting(seen, PET_COUNTS * float(np.prod(frame.spacing)), generator)
        image = blur(seen, PET_FILTER, frame) / PET_SCALE
    else:
        image = magnetic_resonance(ideal, frame, generator, bias=MR_BIAS, noise=MR_NOISE)
    return np.clip(image, 0.0, 1.0).astype(np.float32)


def magnetic_resonance(
    ideal: np.ndarray, frame: Frame, generator: np.random.Generator, *, bias: float, noise: float
) -> np.ndarray:
    """A magnitude image with a bias field (log standard deviation `bias`) and Rician noise (`noise`; white in T1 is 1).

    ideal: non-negative signal. Returns ideal / MR_SCALE where bias and noise are zero.
    """
    field = bias_field(frame, bias, generator)
    return rician(np.maximum(ideal, 0.0) * field, noise, generator) / np.float32(MR_SCALE)
