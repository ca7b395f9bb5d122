"""Imperfections of the scanners: bias field, Rician noise, correlated noise, blur, counting noise."""

from __future__ import annotations

import numpy as np

from wbir.anatomy.deformation import smooth_field
from wbir.geometry.frames import Frame

FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))  # full width at half maximum of a Gaussian of sigma 1


def bias_field(frame: Frame, strength: float, generator: np.random.Generator, sigma: float = 60.0) -> np.ndarray:
    """A smooth receive field: exp of a random field of standard deviation `strength` and smoothness `sigma` mm."""
    return np.exp(strength * smooth_field(frame, sigma, generator)[0]).astype(np.float32)


def rician(signal: np.ndarray, sigma: float, generator: np.random.Generator) -> np.ndarray:
    """The magnitude of a complex signal with Gaussian noise of `sigma` in each channel (Gudbjartsson and Patz 1995)."""
    real = signal + sigma * generator.standard_normal(signal.shape, dtype=np.float32)
    imaginary = sigma * generator.standard_normal(signal.shape, dtype=np.float32)
    return np.hypot(real, imaginary)


def blur(image: np.ndarray, fwhm: float, frame: Frame) -> np.ndarray:
    """Blur by an isotropic Gaussian of `fwhm` mm."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, [fwhm / FWHM / s for s in frame.spacing], truncate=3.0)


def correlated_noise(frame: Frame, fwhm: float, generator: np.random.Generator) -> np.ndarray:
    """White noise through a kernel of `fwhm` mm, scaled to variance 1 (a CT reconstruction's texture)."""
    from scipy.ndimage import gaussian_filter1d

    noise = blur(generator.standard_normal(frame.shape, dtype=np.float32), fwhm, frame)
    gain = 1.0
    for spacing in frame.spacing:
        impulse = np.zeros(2 * int(np.ceil(3 * fwhm / spacing)) + 3)
        impulse[impulse.size // 2] = 1.0
        gain *= float((gaussian_filter1d(impulse, fwhm / FWHM / spacing, truncate=3.0) ** 2).sum())
    return noise / np.float32(np.sqrt(gain))


def counting(activity: np.ndarray, counts: float, generator: np.random.Generator) -> np.ndarray:
    """Poisson noise: `counts` events per voxel at activity 1; the mean stays `activity`."""
    return (generator.poisson(counts * activity) / counts).astype(np.float32)
