"""SSIM and FSIM: identity, symmetry, order under blur and noise; the filter bank and phase congruency against what is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from wbir.measures.structural import feature_similarity, fsim, log_gabor_bank, phase_congruency, ssim


def picture(shape: tuple[int, int] = (64, 64), seed: int = 0) -> np.ndarray:
    """Blurred noise from 0 to 1."""
    image = gaussian_filter(np.random.default_rng(seed).random(shape), 2)
    return (image - image.min()) / (image.max() - image.min())


def test_equal_images_are_alike_by_one(evaluate) -> None:
    image = picture()
    e = evaluate(image.shape, fixed=image.astype(np.float32), moving=image.astype(np.float32))
    assert ssim(e) == pytest.approx(1.0)
    assert fsim(e) == pytest.approx(1.0)


def test_both_fall_with_blur_and_with_noise(evaluate) -> None:
    image, noise = picture(), np.random.default_rng(5).standard_normal((64, 64))
    blurred = [image, *(gaussian_filter(image, sigma) for sigma in (1.0, 2.0, 4.0))]
    noisy = [np.clip(image + sigma * noise, 0, 1) for sigma in (0.0, 0.02, 0.08, 0.3)]
    for series in (blurred, noisy):
        pairs = [evaluate(image.shape, fixed=image, moving=other) for other in series]
        for values in ([ssim(e) for e in pairs], [fsim(e) for e in pairs]):
            assert np.all(np.diff(values) < 0)


def test_fsim_is_symmetric() -> None:
    a, b = picture(seed=1), picture(seed=2)
    assert feature_similarity(a, b) == pytest.approx(feature_similarity(b, a), abs=1e-12)


@pytest.mark.parametrize(
    ("shape", "expected"), [((64, 64), 0.880310), ((128, 96), 0.879128), ((256, 256), 0.875649), ((300, 700), 0.874316)]
)
def test_fsim_is_that_of_another_program(shape: tuple[int, int], expected: float) -> None:
    """piq 0.8.0 (`fsim(…, chromatic=False, data_range=1)`, double precision) on the same images."""
    rng = np.random.default_rng(0)
    for size in ((64, 64), (128, 96), (256, 256), (300, 700)):
        image = gaussian_filter(rng.random(size), 2)
        image = (image - image.min()) / (image.max() - image.min())
        other = np.clip(gaussian_filter(image, 1.5) + 0.05 * rng.standard_normal(size), 0, 1)
        if size == shape:
            assert feature_similarity(image, other) == pytest.approx(expected, abs=1e-5)


def test_undefined_values_are_nan(evaluate) -> None:
    assert math.isnan(fsim(evaluate((12, 12, 12))))
    assert math.isnan(fsim(evaluate((32, 32))))  # flat: no feature
    assert math.isnan(ssim(evaluate((10, 40))))


def test_the_filters_see_no_constant_and_their_own_wavelength_best() -> None:
    bank = log_gabor_bank((96, 96))
    assert np.all(bank.radial[:, 0, 0] == 0)
    for n, wavelength in enumerate((6.0, 12.0, 24.0, 48.0)):
        assert np.argmax(bank.radial[n, :48, 0]) == 96 / wavelength
    # all orientations together, both half planes, see every direction nearly alike
    both = bank.angular + np.roll(bank.angular[:, ::-1, ::-1], 1, (1, 2))
    seen = np.delete(np.delete(both.sum(0), [0, 48], 0), [0, 48], 1)  # the highest frequency has no partner
    assert seen.max() / seen.min() < 1.05


def test_phase_congruency_does_not_look_at_contrast_or_brightness() -> None:
    image = 255 * picture((65, 63))
    found = phase_congruency(image)
    assert np.all((found >= 0) & (found <= 1))
    assert phase_congruency(0.3 * image + 20) == pytest.approx(found, abs=1e-3)


def test_phase_congruency_turns_with_the_image() -> None:
    """Odd sizes: an even one has a highest frequency without a partner."""
    image = 255 * picture((63, 63))
    assert phase_congruency(np.rot90(image)) == pytest.approx(np.rot90(phase_congruency(image)), abs=1e-9)


def test_a_step_and_a_line_are_where_phases_agree() -> None:
    """A step is one of two (the transform is periodic), so that half a period is looked at."""
    for profile, places in ((np.arange(64) >= 32, (15, 16)), (np.arange(64) == 32, (16,))):
        found = phase_congruency(255.0 * np.repeat(profile[:, None], 64, axis=1))[16:48].mean(1)
        assert int(found.argmax()) in places
        assert found.max() > 0.75 and found[8:12].max() < 0.4
