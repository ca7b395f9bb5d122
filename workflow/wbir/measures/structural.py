"""Likeness of structure: SSIM, and FSIM with the phase congruency that it rests on."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from wbir.measures.base import Evaluation, metric

SSIM_WINDOW = 11  # voxels across the Gaussian of sigma 1.5
GREY_LEVELS = 255.0  # FSIM's constants are for images from 0 to 255
LONGEST = 256  # FSIM looks at images whose shorter side is about this long
T_CONGRUENCY, T_GRADIENT = 0.85, 160.0


@metric(
    unit="1",
    direction="higher",
    range=(-1, 1),
    reference="Wang et al. 2004, IEEE TIP 13: Gaussian window of sigma 1.5, K1 0.01, K2 0.03; intensities of range 1",
)
def ssim(evaluation: Evaluation) -> float:
    """Structural similarity of fixed and warped, its mean over the image. NaN for a side below 11 voxels."""
    from skimage.metrics import structural_similarity

    if min(evaluation.case.frame.shape) < SSIM_WINDOW:
        return math.nan
    images = [image.astype(np.float64) for image in (evaluation.case.fixed, evaluation.warped)]
    return float(
        structural_similarity(*images, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    )


@metric(
    unit="1",
    direction="higher",
    range=(0, 1),
    reference="Zhang et al. 2011, IEEE TIP 20: phase congruency and Scharr gradient, T1 0.85, T2 160; intensities of range 1",
)
def fsim(evaluation: Evaluation) -> float:
    """Feature similarity of fixed and warped. NaN in 3D, for which it is not defined, and where neither has a feature."""
    fixed, warped = evaluation.case.fixed, evaluation.warped
    return feature_similarity(fixed, warped) if fixed.ndim == 2 else math.nan


def feature_similarity(first: np.ndarray, second: np.ndarray) -> float:
    """FSIM of two images `(X, Y)` with intensities of range 1; symmetric. NaN where neither has a feature.

    Images much longer than 256 pixels are averaged and thinned first, as the authors' program does.
    """
    from scipy.ndimage import convolve, uniform_filter

    factor = max(1, round(min(first.shape) / LONGEST))
    images = [np.asarray(image, dtype=np.float64) * GREY_LEVELS for image in (first, second)]
    if factor > 1:
        images = [uniform_filter(image, factor, mode="constant")[::factor, ::factor] for image in images]
    scharr = np.outer([3.0, 10.0, 3.0], [1.0, 0.0, -1.0]) / 16
    pc1, pc2 = (phase_congruency(image) for image in images)
    g1, g2 = (np.hypot(*(convolve(i, kernel, mode="constant") for kernel in (scharr, scharr.T))) for i in images)
    weight = np.maximum(pc1, pc2)
    likeness = _alike(pc1, pc2, T_CONGRUENCY) * _alike(g1, g2, T_GRADIENT)
    total = float(weight.sum())
    return float((likeness * weight).sum() / total) if total > 0 else math.nan


def _alike(a: np.ndarray, b: np.ndarray, constant: float) -> np.ndarray:
    return (2 * a * b + constant) / (a**2 + b**2 + constant)


class Bank(NamedTuple):
    """Log-Gabor filters in the frequency domain, DC first: radial `(scales, X, Y)`, angular `(orientations, X, Y)`."""

    radial: np.ndarray
    angular: np.ndarray


def log_gabor_bank(
    shape: tuple[int, int], *, scales: int = 4, orientations: int = 4, shortest: float = 6.0, ratio: float = 2.0
) -> Bank:
    """Kovesi's filters: wavelengths `shortest * ratio^n` pixels, bandwidth 0.55, orientations a spread of pi / 4 / 1.2.

    They vanish at frequency zero, and a Butterworth low-pass (0.45 of the sampling rate, order 15) rounds their corners.
    Each angular filter covers one half plane, so that the inverse transform is an even and, as imaginary part, an odd filter.
    """
    x, y = np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")
    radius = np.hypot(x, y)
    low_pass = 1 / (1 + (radius / 0.45) ** 30)
    radius[0, 0] = 1.0
    radial = []
    for n in range(scales):
        wave = np.log(radius * shortest * ratio**n)
        radial.append(np.exp(-(wave**2) / (2 * np.log(0.55) ** 2)) * low_pass)
        radial[-1][0, 0] = 0.0
    theta, spread = np.arctan2(y, x), np.pi / orientations / 1.2
    angular = []
    for n in range(orientations):
        turned = theta - n * np.pi / orientations
        distance = np.abs(np.arctan2(np.sin(turned), np.cos(turned)))
        angular.append(np.exp(-(distance**2) / (2 * spread**2)))
    return Bank(np.stack(radial), np.stack(angular))


def phase_congruency(image: np.ndarray, *, noise: float = 2.0) -> np.ndarray:
    """Kovesi's phase congruency (Videre 1, 1999) of `(X, Y)`, as FSIM takes it: in [0, 1], whatever the contrast.

    noise: standard deviations of the noise's energy that are taken off; the noise is estimated at the finest scale.
    The transform is periodic: opposite borders touch.
    """
    bank = log_gabor_bank(image.shape)
    spectrum = np.fft.fft2(image)
    energy, amplitude = np.zeros(image.shape), np.zeros(image.shape)
    tiny = 1e-4
    for angular in bank.angular:
        filters = bank.radial * angular
        responses = np.fft.ifft2(spectrum * filters)
        total = responses.sum(0)
        mean = total / (np.abs(total) + tiny)
        product = responses * mean.conj()
        found = (product.real - np.abs(product.imag)).sum(0)
        energy += np.maximum(found - _noise_energy(filters, responses[0], noise), 0.0)
        amplitude += np.abs(responses).sum(0)
    return energy / (amplitude + tiny)


def _noise_energy(filters: np.ndarray, finest: np.ndarray, deviations: float) -> float:
    """The energy that noise alone would give at one orientation: mean and some deviations of a Rayleigh distribution.

    Its power is that of the finest filter's response, whose squared amplitude has a median of ln 2 times its mean. What
    the filters pass of it together follows from their inverse transforms. The 1.7 is Kovesi's own correction.
    """
    power = np.median(np.abs(finest) ** 2) / np.log(2) / (filters[0] ** 2).sum()
    kernels = np.fft.ifft2(filters).real * np.sqrt(finest.size)
    expected = 2 * power * (kernels.sum(0) ** 2).sum()
    tau = np.sqrt(expected / 2)
    return float((tau * np.sqrt(np.pi / 2) + deviations * tau * np.sqrt(2 - np.pi / 2)) / 1.7)
