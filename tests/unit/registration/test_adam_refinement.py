"""Instance optimisation by Adam, and the discrete search that may precede it."""

import itertools

import numpy as np
import pytest
import torch

from wbir.cases import Case
from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.geometry.kernels import gaussian_smooth
from wbir.geometry.warping import warp
from wbir.methods import adam_instance, convex_adam
from wbir.registration.adam_refinement import Refinement, coarse, fine, masked_mind, refine, smoothed
from wbir.registration.coupled_convex import cost_volume, coupled_convex, displacement_window, inverse_consistent

SETTINGS = {"iterations": 30, "weight": 0.65, "spacing": 2, "rate": 1.0, "smoothings": 3}


def texture(shape, seed=0, sigma=2.0):
    noise = torch.randn(1, 1, *shape, generator=torch.Generator().manual_seed(seed))
    smooth = gaussian_smooth(noise, sigma)
    return smooth / smooth.std()


def shifted(image, shift):
    u = torch.tensor(shift, dtype=torch.float32).view(1, -1, *(1,) * len(shift)).expand(1, -1, *image.shape[2:])
    return warp(image, u)


def test_coarse_and_fine_keep_a_linear_displacement():
    x = torch.arange(8.0).view(1, 1, 8, 1).expand(1, 2, 8, 6) * 0.25
    again = fine(coarse(x, 2) / 2, 2, (8, 6))
    assert torch.allclose(again[:, :, 1:-1], x[:, :, 1:-1])


def test_smoothing_keeps_a_constant_and_spreads_a_point():
    assert torch.equal(smoothed(torch.ones(1, 2, 5, 5), 3), torch.ones(1, 2, 5, 5))
    point = torch.zeros(1, 1, 5, 5)
    point[0, 0, 2, 2] = 9.0
    assert torch.allclose(smoothed(point, 1)[0, 0, 1:4, 1:4], torch.ones(3, 3))


@pytest.mark.parametrize("shape", [(28, 30), (21, 20, 22)])
def test_refinement_finds_a_shift(shape):
    image = texture(shape)
    shift = (1.5, -1.0, 0.8)[: len(shape)]
    fixed, moving = image, shifted(image, shift)
    features = [masked_mind(x, None, dilation=1) for x in (fixed, moving)]
    zero = torch.zeros(1, len(shape), *shape)
    found = refine(*features, zero, Refinement.of(SETTINGS))
    inner = found[(slice(None), slice(None), *(slice(6, -6),) * len(shape))].flatten(2).mean(2)[0]
    assert torch.allclose(inner, -torch.tensor(shift), atol=0.25)


def test_refinement_lowers_its_own_cost_and_keeps_the_start_at_no_step():
    image = texture((24, 24))
    features = [masked_mind(x, None, dilation=1) for x in (image, shifted(image, (1.0, 1.0)))]
    zero = torch.zeros(1, 2, 24, 24)
    found = refine(*features, zero, Refinement.of(SETTINGS))
    cost = [(warp(features[1], u) - features[0]).square().mean() for u in (zero, found)]
    assert cost[1] < 0.3 * cost[0]
    assert refine(*features, zero + 1, Refinement.of({**SETTINGS, "iterations": 0})) is not None
    assert torch.equal(refine(*features, zero + 1, Refinement.of({**SETTINGS, "iterations": 0})), zero + 1)


def test_masked_features_are_zero_outside():
    mask = torch.zeros(1, 1, 12, 12, dtype=torch.bool)
    mask[..., 3:9, 3:9] = True
    features = masked_mind(texture((12, 12)), mask)
    assert features.shape == (1, 4, 12, 12)
    assert not features[:, :, :3].any()
    assert (features[:, :, 3:9, 3:9] > 0).all()


def test_cost_volume_against_its_definition():
    fixed, moving = (torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(n)) for n in (0, 1))
    costs = cost_volume(fixed, moving, 1)
    for m, (a, b) in enumerate(itertools.product((-1, 0, 1), repeat=2)):
        for x, y in itertools.product(range(4), range(5)):
            inside = 0 <= x + a < 4 and 0 <= y + b < 5
            other = moving[0, :, x + a, y + b] if inside else torch.zeros(3)
            assert costs[0, m, x, y] == pytest.approx(float((fixed[0, :, x, y] - other).square().sum()), rel=1e-5)


def test_the_window_is_last_axis_fastest():
    assert displacement_window(1, 2)[:4].tolist() == [[-1, -1], [-1, 0], [-1, 1], [0, -1]]


@pytest.mark.parametrize("shape", [(20, 22), (14, 15, 16)])
def test_the_search_finds_a_whole_shift(shape):
    image = texture(shape, sigma=1.0)
    shift = (2, -1, 1)[: len(shape)]
    moving = shifted(image, tuple(float(s) for s in shift))
    u = coupled_convex(*(masked_mind(x, None, dilation=1) for x in (image, moving)), radius=3)
    inner = u[(slice(None), slice(None), *(slice(5, -5),) * len(shape))].flatten(2)
    assert torch.allclose(inner.mean(2)[0], -torch.tensor(shift, dtype=torch.float32), atol=0.1)


def test_inverse_consistency_keeps_inverse_shifts_and_averages_unequal_ones():
    one = torch.ones(1, 2, 6, 6)
    forward, backward = inverse_consistent(one, -one)
    assert torch.allclose(forward, one)
    assert torch.allclose(backward, -one)
    forward, backward = inverse_consistent(2 * one, -one)
    assert torch.allclose(forward, -backward, atol=1e-4)
    assert torch.allclose(forward, 1.5 * one, atol=1e-4)


@pytest.mark.parametrize("module", [adam_instance, convex_adam])
def test_methods_register_a_textured_cube(module):
    shape = (18, 18, 18)
    image = texture(shape, sigma=1.5)
    moving = shifted(image, (1.0, 1.0, -1.0))
    case = Case("c", Frame(shape, np.eye(4)), image[0, 0].numpy(), moving[0, 0].numpy())
    parameters = {**module.SPEC["parameters"], "dilation": 1}
    if module is convex_adam:
        parameters |= {"spacing": 2, "search": 2}
    found = module.predict(case, seed=0, device="cpu", **parameters)
    again = module.predict(case, seed=0, device="cpu", **parameters)
    assert np.array_equal(found.displacement, again.displacement)
    assert found.arrays["start"].shape == (3, *shape)
    inner = found.displacement[:, 5:-5, 5:-5, 5:-5].reshape(3, -1).mean(1)
    assert inner == pytest.approx([-1, -1, 1], abs=0.25)


def test_bad_settings_and_shapes():
    with pytest.raises(InputError, match="adam with the keys"):
        Refinement.of({"iterations": 3})
    with pytest.raises(InputError, match="adam spacing"):
        Refinement.of({**SETTINGS, "spacing": 0})
    with pytest.raises(InputError, match="positive rate"):
        Refinement.of({**SETTINGS, "rate": 0.0})
    with pytest.raises(InputError, match="one grid"):
        refine(torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 8, 8), torch.zeros(1, 2, 6, 6), Refinement.of(SETTINGS))
    with pytest.raises(InputError, match="one shape"):
        coupled_convex(torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 8, 7), radius=1)
    with pytest.raises(InputError, match="radius"):
        displacement_window(0, 2)
