"""MIND-SSC against its definition in NumPy and scipy, in both forms; finite differences; what it does not change."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter

from wbir.energies import fused_mind
from wbir.energies.mind import PAIRS, mind_ssc
from wbir.errors import InputError


def reference(image: np.ndarray, radius: int, dilation: int) -> np.ndarray:
    """The features of one image `(*spatial)`, one for each unordered pair of neighbours at a right angle."""
    dim = image.ndim
    padded = np.pad(image, dilation, mode="edge")

    def neighbour(axis: int, side: int) -> np.ndarray:
        return np.roll(padded, -side * dilation, axis)[(slice(dilation, -dilation),) * dim]

    pairs = PAIRS if dim == 3 else PAIRS[:4]
    squares = [(neighbour(*a) - neighbour(*b)) ** 2 for a, b in pairs]
    distances = np.stack([uniform_filter(s, 2 * radius + 1, mode="nearest") for s in squares])
    distances -= distances.min(0)
    variance = distances.mean(0)
    return np.exp(-distances / variance.clip(variance.mean() / 1000, variance.mean() * 1000))


@pytest.mark.parametrize(("radius", "dilation"), [(1, 2), (2, 1)])
@pytest.mark.parametrize("shape", [(9, 11, 7), (20, 5, 6), (3, 3, 3), (12, 13)])
def test_both_forms_meet_the_definition(shape: tuple[int, ...], radius: int, dilation: int) -> None:
    image = np.random.default_rng(0).random((2, 1, *shape))
    image[0, 0, ..., :2] = 0.5  # flat: there the bound of the variance rules
    expected = np.stack([reference(one[0], radius, dilation) for one in image])
    tensor = torch.from_numpy(image)
    np.testing.assert_allclose(mind_ssc(tensor, radius, dilation).numpy(), expected, atol=1e-10)
    np.testing.assert_allclose(fused_mind.mind_ssc(tensor.float(), radius, dilation).numpy(), expected, atol=1e-5)


def test_the_pairs_are_all_neighbours_at_a_right_angle() -> None:
    sides = list(itertools.product(range(3), (-1, 1)))
    right = {frozenset(pair) for pair in itertools.combinations(sides, 2) if pair[0][0] != pair[1][0]}
    assert {frozenset(pair) for pair in PAIRS} == right
    assert len(PAIRS) == 12


def test_contrast_changes_nothing_and_slabs_do_not_show() -> None:
    image = torch.rand(1, 1, 40, 90, 90, generator=torch.Generator().manual_seed(0))  # more than one slab
    features = mind_ssc(image)
    torch.testing.assert_close(mind_ssc(5.0 - 3.0 * image), features, atol=1e-4, rtol=0)
    turned = mind_ssc(image.transpose(2, 4))  # other slabs; the same features, the pairs in another order
    torch.testing.assert_close(turned.transpose(2, 4).sum(1), features.sum(1), atol=1e-5, rtol=0)
    torch.testing.assert_close(fused_mind.mind_ssc(image), features, atol=1e-5, rtol=0)


def test_gradient_is_that_of_finite_differences() -> None:
    image = torch.rand(1, 1, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    weights = torch.rand(1, 4, 5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: (mind_ssc(x) * weights).sum(), image)


def test_unfit_images_are_refused() -> None:
    for form in (mind_ssc, fused_mind.mind_ssc):
        with pytest.raises(InputError, match="one channel"):
            form(torch.rand(1, 2, 5, 5))
        with pytest.raises(InputError, match="radius"):
            form(torch.rand(1, 1, 5, 5), 0)
    with pytest.raises(InputError, match="float32"):
        fused_mind.mind_ssc(torch.rand(1, 1, 5, 5).double())
