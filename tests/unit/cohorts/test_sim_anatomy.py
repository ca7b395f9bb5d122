"""Anatomy and imaging against closed forms, scipy and known volumes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, stats

from wbir.anatomy import ageing, deformation, head, hippocampus, modalities, noise, template
from wbir.anatomy.seeds import named_generator
from wbir.errors import InputError
from wbir.geometry.frames import Frame


def test_template_volumes_survive_resampling() -> None:
    whole = template.load()
    assert 1.8e6 < whole.brain.sum() < 2.0e6  # mm^3, an adult brain with its sulci
    np.testing.assert_allclose(whole.white + whole.grey + whole.fluid, whole.brain, atol=1e-5)
    maps = template.brain_maps(template.brain_frame(8.0))
    for name in template.TISSUES:
        assert maps[name].sum() * 8.0**3 == pytest.approx(getattr(whole, name).sum(), rel=2e-3)


def test_resampling_to_a_finer_grid_is_linear_interpolation() -> None:
    source, target = Frame.of((9, 8, 7), 2.0), Frame((12, 11, 10), np.diag([1.3, 1.3, 1.3, 1.0]))
    image = np.random.default_rng(0).random(source.shape).astype(np.float32)
    expected = ndimage.affine_transform(image, np.diag([0.65] * 3), output_shape=target.shape, order=1)
    np.testing.assert_allclose(template.resample(image, source, target), expected, atol=1e-5)


def test_random_fields_have_their_variance_and_smoothness_and_do_not_depend_on_the_grid() -> None:
    coarse, fine = (template.centred_frame((0, 0, 0), (size,) * 3, s) for size, s in ((200, 8.0), (196, 4.0)))
    rough = deformation.smooth_field(coarse, 8.0, np.random.default_rng(1), 2)
    assert rough.shape == (2, 25, 25, 25) and rough.var() == pytest.approx(1.0, rel=0.15)
    correlation = (rough[:, 1:] * rough[:, :-1]).mean() / rough.var()
    assert correlation == pytest.approx(np.exp(-0.25), abs=0.05)  # at one sigma, of noise through a Gaussian
    again = deformation.smooth_field(fine, 8.0, np.random.default_rng(1), 2)
    np.testing.assert_allclose(again[:, ::2, ::2, ::2], rough, atol=1e-9)  # every second voxel is a voxel of the other


def test_correspondence_solves_phi_m_of_y_equals_phi_f() -> None:
    frame = template.brain_frame(6.0)
    fields = [deformation.random_velocity(frame, [(30, 3.0), (10, 1.5)], named_generator(0, n)) for n in "mf"]
    moving, fixed = (deformation.exponential(v) for v in fields)
    truth, residual = deformation.correspondence(moving, fixed, deformation.exponential(-fields[0]))
    grid = np.indices(frame.shape)
    points = grid + truth.astype(np.float64)
    reached = points + np.stack([ndimage.map_coordinates(c, points, order=1, mode="nearest") for c in moving])
    worst = np.sqrt(((reached - grid - fixed) ** 2).sum(0)).max()
    assert residual < 0.05 and worst == pytest.approx(residual, abs=5e-3) and np.abs(truth).max() > 1


def test_exponential_of_the_negative_is_nearly_the_inverse() -> None:
    frame = template.brain_frame(4.0)
    velocity = deformation.random_velocity(frame, [(30.0, 2.5), (8.0, 1.2)], named_generator(0, "v"))
    loop = deformation.compose(deformation.exponential(velocity), deformation.exponential(-velocity))
    error = np.sqrt((loop[:, 3:-3, 3:-3, 3:-3] ** 2).sum(0))  # voxels; correspondence() takes it as a start and refines
    assert error.mean() < 0.03 and error.max() < 0.15


def test_a_displacement_moves_to_another_frame() -> None:
    source, target = template.brain_frame(8.0), template.brain_frame(5.0)
    x, y, z = np.broadcast_arrays(*template.coordinates(source))
    moved = deformation.move_displacement(np.stack([x, y, z]) * 0.1 / 8.0, source, target)
    expected = np.stack(np.broadcast_arrays(*template.coordinates(target))) * 0.1 / 5.0
    np.testing.assert_allclose(moved[:, 2:-2, 2:-2, 2:-2], expected[:, 2:-2, 2:-2, 2:-2], atol=1e-4)


def test_divergence_flow_has_the_divergence_asked_for() -> None:
    frame = Frame.of((24, 20, 18), (2.0, 2.5, 3.0))
    x, y, z = (2 * np.pi * np.arange(n) / n for n in frame.shape)
    rate = np.sin(x)[:, None, None] * np.cos(2 * y)[:, None] * np.cos(z) + 5.0
    flow = ageing.divergence_flow(rate, frame, 0.0)
    divergence = sum(
        np.gradient(np.pad(f, 2, mode="wrap"), s, axis=a)
        for a, (f, s) in enumerate(zip(flow, frame.spacing, strict=True))
    )
    assert np.abs(divergence[2:-2, 2:-2, 2:-2] - (rate - 5.0)).max() < 0.06  # central differences


def test_mixed_voxels_keep_the_rates_of_their_tissues() -> None:
    frame = template.brain_frame(8.0)
    maps = ageing.age_maps(frame)
    volumes = {name: float(m.sum()) for name, m in maps.items()}
    rates = ageing.volume_rates(40.0, 60.0, volumes)
    assert rates["grey"] == pytest.approx(-0.06) and rates["white"] == pytest.approx(-0.03)
    assert sum(rates[n] * volumes[n] for n in rates) == pytest.approx(0.0, abs=1e-6)
    rate = ageing.separated_rate(maps, rates, frame)
    for name, image in maps.items():
        assert (rate * image).sum() == pytest.approx(rates[name] * volumes[name], rel=1e-6)


def test_ageing_shrinks_tissue_and_widens_fluid() -> None:
    frame = template.brain_frame(8.0)
    path = ageing.AgeingPath(frame)
    assert np.abs(path.at(20.0)[0]).max() == 0
    maps = {**ageing.age_maps(frame), "brain": template.brain_maps(frame)["brain"]}
    change = []
    for age in (50.0, 80.0):
        forth, back = path.at(age)
        change.append({n: np.log(deformation.see_through(m, forth, order=1).sum() / m.sum()) for n, m in maps.items()})
        loop = deformation.compose(forth, back)
        assert np.square(loop).sum() < 0.05 * np.square(forth).sum()
        jacobian = np.stack([np.stack(np.gradient(c)) for c in forth]) + np.eye(3)[:, :, None, None, None]
        assert np.linalg.det(np.moveaxis(jacobian, (0, 1), (-2, -1))).min() > 0
    for name, sign in (("grey", -1), ("white", -1), ("ventricles", 1), ("sulci", 1)):
        assert sign * change[1][name] > sign * change[0][name] > -0.01
        assert sign * change[1][name] > 0.03
    assert 0.25 < change[1]["ventricles"] < 0.9 and abs(change[1]["brain"]) < 0.04


def test_tissues_of_a_head_fill_every_voxel_in_order_from_inside() -> None:
    frame = template.centred_frame(head.HEAD_CENTRE, (207, 243, 226), 5.0)
    maps = head.head_tissues(frame)
    total = sum(maps.values())
    np.testing.assert_allclose(total, 1.0, atol=1e-4)
    line = [round(float(i)) for i in frame.to_voxel(np.array([[0.0, -30.0, 40.0]]))[0]]
    column = {name: image[line[0], line[1], line[2] :] for name, image in maps.items()}
    heights = [int(np.argmax(column[name])) for name in ("bone", "fat", "air")]
    assert heights == sorted(heights) and maps["air"][0, 0, -1] == 1


def test_hull_distance_of_a_ball() -> None:
    frame = template.centred_frame((0, 0, 0), (120, 120, 120), 3.0)
    radius = np.sqrt(sum(x**2 for x in template.coordinates(frame)))
    np.testing.assert_allclose(
        head.hull_distance(radius < 40, frame)[radius > 44], (radius - 40)[radius > 44], atol=3.0
    )


@pytest.mark.parametrize("sigma", [0.05, 1.0])
def test_rician_noise_has_the_moments_of_the_distribution(sigma: float) -> None:
    seen = noise.rician(np.full(200_000, 0.5, np.float32), sigma, np.random.default_rng(0))
    expected = stats.rice(0.5 / sigma, scale=sigma)
    assert seen.mean() == pytest.approx(expected.mean(), rel=5e-3) and seen.std() == pytest.approx(
        expected.std(), rel=1e-2
    )


def test_correlated_noise_has_unit_variance() -> None:
    texture = noise.correlated_noise(Frame.of((48, 48, 48), (1.0, 1.0, 2.0)), 3.0, np.random.default_rng(0))
    assert texture.std() == pytest.approx(1.0, rel=0.05)


def test_pet_point_spread_is_six_millimetres_and_its_noise_follows_counting() -> None:
    frame = Frame.of((41, 41, 41), 1.0)
    line = np.zeros(frame.shape, np.float32)
    line[20, 20] = 60.0  # a line source, averaged along its length against the noise
    seen = modalities.acquire("PET", line, frame, np.random.default_rng(0))[:, 20, 8:-8].mean(1)
    assert 0 < seen.max() < 1
    half = np.interp(0.5 * seen[20], seen[20:30][::-1], np.arange(10)[::-1])
    assert 2 * half == pytest.approx(6.0, rel=0.06)
    white = modalities.acquire(
        "PET", np.ones((40, 40, 40), np.float32), Frame.of((40, 40, 40), 1.0), np.random.default_rng(1)
    )
    core = white[8:-8, 8:-8, 8:-8]
    sigma = modalities.PET_FILTER / noise.FWHM
    assert core.mean() * modalities.PET_SCALE == pytest.approx(1.0, rel=0.02)
    assert core.std() / core.mean() == pytest.approx((2 * np.sqrt(np.pi) * sigma) ** -1.5, rel=0.15)


def test_modalities_order_the_tissues_as_physics_does() -> None:
    tissues = {name: (np.arange(8) == i).astype(np.float32) for i, name in enumerate(head.HEAD_TISSUES)}
    seen = {
        m: dict(zip(head.HEAD_TISSUES, modalities.ideal_image(m, tissues), strict=True)) for m in modalities.CONTRASTS
    }
    t1, flair, ct, pet = (seen[m] for m in ("T1", "FLAIR", "CT", "PET"))
    assert t1["fat"] > t1["white"] > t1["grey"] > t1["fluid"] > t1["bone"]
    assert flair["grey"] > flair["white"] > flair["fluid"]
    assert ct["bone"] > ct["marrow"] > ct["grey"] > ct["white"] > ct["fluid"] > ct["fat"] > ct["air"]
    assert pet["grey"] == 4 * pet["white"]
    with pytest.raises(InputError):
        modalities.ideal_image("ultrasound", tissues)


def test_hippocampal_volumes_are_those_of_adults() -> None:
    left, right = hippocampus.hippocampi(template.load().frame)
    for side in (left, right):
        assert 2500 < side.sum() < 4500  # mm^3
    half = round(float(template.load().frame.to_voxel(np.zeros((1, 3)))[0, 0]))
    assert left[half:].sum() == 0 == right[:half].sum()
