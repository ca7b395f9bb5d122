"""Cross-similarity maps against the definitions: Eq. 5 of paper 17 in plain loops, scikit-learn's mutual
information."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from wbir.errors import InputError

torch = pytest.importorskip("torch")

from wbir.registration import cross_similarity as cs  # noqa: E402
from wbir.registration.cross_mutual_information import CrossMutualInformation, quantised  # noqa: E402

SHAPES = [((7, 8, 9), (7, 8, 9)), ((9, 6, 5), (4, 7, 8)), ((6, 6, 6), (6, 6, 6)), ((11, 8), (6, 13))]


def fields(shape: tuple[int, ...], seed: int, holes: bool) -> tuple:
    generator = torch.Generator().manual_seed(seed)
    field = torch.randn(1, len(shape), *shape, generator=generator, dtype=torch.float64)
    mask = (torch.rand(1, 1, *shape, generator=generator) > 0.3).double()
    return torch.nn.functional.normalize(field, dim=1), mask if holes else None


def by_definition(a, ma, b, mb, chi, squared: bool) -> tuple[float, float]:
    """Eq. 5 voxel by voxel: similarity and N at one displacement."""
    total = number = 0.0
    for x in itertools.product(*(range(n) for n in a.shape[2:])):
        y = tuple(p + c for p, c in zip(x, chi, strict=True))
        if all(0 <= p < n for p, n in zip(y, b.shape[2:], strict=True)):
            both = float(ma[(0, 0, *x)] * mb[(0, 0, *y)])
            dot = float(a[(0, slice(None), *x)] @ b[(0, slice(None), *y)])
            number += both
            total += both * (dot**2 if squared else dot)
    return total / max(number, 1.0), number


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("holes", [True, False])
@pytest.mark.parametrize("shapes", SHAPES)
def test_fft_equals_the_direct_loop(shapes, holes, squared) -> None:
    (a, ma), (b, mb) = fields(shapes[0], 1, holes), fields(shapes[1], 2, holes)
    fast = cs.CrossSimilarity(a, ma, shapes[1], squared=squared)(b, mb)
    slow = cs.direct_map(a, ma, b, mb, squared=squared)
    assert torch.equal(fast.counts, slow.counts)
    assert torch.equal(fast.allowed(), slow.allowed())
    assert (fast.values - slow.values)[slow.allowed()].abs().max() < 1e-10
    assert 0 < slow.allowed().sum() < slow.values.numel()


@pytest.mark.parametrize("squared", [True, False])
def test_maps_equal_the_definition(squared) -> None:
    (a, ma), (b, mb) = fields((4, 5, 3), 3, True), fields((3, 4, 5), 4, True)
    fast = cs.CrossSimilarity(a, ma, (3, 4, 5), overlap=0.4, squared=squared)(b, mb)
    for k, chi in enumerate(fast.window.shifts().tolist()):
        value, number = by_definition(a, ma, b, mb, chi, squared)
        assert fast.counts.flatten()[k] == number
        if fast.allowed().flatten()[k]:
            assert fast.values.flatten()[k] == pytest.approx(value, abs=1e-12)
        else:
            assert number < 0.4 * fast.counts.max() or number == 0


def test_every_displacement_with_enough_overlap_is_in_the_window() -> None:
    a, b = 9, 6
    counts = {chi: min(a, b - chi) - max(0, -chi) for chi in range(-a + 1, b)}
    wanted = {chi for chi, n in counts.items() if n >= 0.5 * max(counts.values())}
    window = cs.ShiftWindow.between((a,), (b,), 0.5)
    assert {int(chi) for chi in window.shifts()} == wanted


@pytest.mark.parametrize("shift", [(2, -3, 1), (0, 3, -2), (-1, 0, 0)])
@pytest.mark.parametrize("squared", [True, False])
def test_a_voxel_x_of_the_fixed_image_meets_x_plus_chi(shift, squared) -> None:
    whole, _ = fields((20, 20, 20), 5, False)
    fixed = whole[:, :, 5:15, 5:15, 5:15]
    moving = whole[(..., *(slice(5 - s, 15 - s) for s in shift))]  # moving(x + shift) = fixed(x)
    value, chi = cs.CrossSimilarity(fixed, None, (10, 10, 10), squared=squared)(moving).best()
    assert tuple(chi[0].tolist()) == shift
    assert value[0] == pytest.approx(1.0, abs=1e-12)


def test_a_batch_is_its_items() -> None:
    (a, ma), (b, mb), (c, mc) = (fields((6, 7, 5), seed, True) for seed in (1, 2, 3))
    similarity = cs.CrossSimilarity(a, ma, (6, 7, 5))
    both = similarity(torch.cat([b, c]), torch.cat([mb, mc]))
    for k, (field, mask) in enumerate(((b, mb), (c, mc))):
        alone = similarity(field, mask)
        assert torch.allclose(both.values[k], alone.values[0], atol=1e-12)
        assert torch.equal(both.best()[1][k], alone.best()[1][0])


def test_reversed_gradients_negate_the_unsquared_map_only() -> None:
    (a, _), (b, _) = fields((6, 6, 6), 1, False), fields((6, 6, 6), 2, False)
    for squared, sign in ((True, 1), (False, -1)):
        similarity = cs.CrossSimilarity(a, None, (6, 6, 6), squared=squared)
        plain, reverse = similarity(b), similarity(-b)
        assert torch.allclose(reverse.values[plain.allowed()], sign * plain.values[plain.allowed()], atol=1e-12)


def test_average_similarity_is_the_map_at_no_displacement() -> None:
    (a, ma), (b, mb) = fields((6, 7, 8), 1, True), fields((6, 7, 8), 2, True)
    slow = cs.direct_map(a, ma, b, mb)
    centre = tuple(-low for low in slow.window.lower)
    assert float(cs.average_similarity(a, b, ma, mb)[0]) == pytest.approx(float(slow.values[(0, *centre)]), abs=1e-12)


def test_fast_lengths_are_the_least_even_smooth_numbers() -> None:
    smooth = sorted(
        2**p * 3**q * 5**r * 7**s for p in range(1, 9) for q in range(6) for r in range(4) for s in range(3)
    )
    for n in range(1, 250):
        assert cs.fast_length(n) == next(m for m in smooth if m >= n)


@pytest.mark.parametrize("overlap", [0.0, 1.5])
def test_an_impossible_overlap_is_refused(overlap) -> None:
    with pytest.raises(InputError, match="overlap"):
        cs.ShiftWindow.between((4, 4), (4, 4), overlap)


def test_a_mask_of_another_grid_is_refused() -> None:
    field, _ = fields((4, 4, 4), 1, False)
    with pytest.raises(InputError, match="mask"):
        cs.CrossSimilarity(field, torch.ones(1, 1, 4, 4, 5), (4, 4, 4))


def test_cross_mutual_information_equals_scikit_learn_on_the_overlap() -> None:
    mutual_info_score = pytest.importorskip("sklearn.metrics").mutual_info_score
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, (6, 5, 7)), rng.integers(0, 4, (6, 6, 5))
    ma, mb = rng.random(a.shape) > 0.2, rng.random(b.shape) > 0.2
    tensors = [torch.from_numpy(x.astype(np.float64))[None, None] for x in (a, ma, b, mb)]
    found = CrossMutualInformation(tensors[0], tensors[1], b.shape, 4)(tensors[2], tensors[3])
    seen = 0
    for k, chi in enumerate(found.window.shifts().tolist()):
        ours = tuple(slice(max(0, -c), min(n, m - c)) for n, m, c in zip(a.shape, b.shape, chi, strict=True))
        theirs = tuple(slice(s.start + c, s.stop + c) for s, c in zip(ours, chi, strict=True))
        both = ma[ours] & mb[theirs]
        assert found.counts.flatten()[k] == both.sum()
        if found.allowed().flatten()[k]:
            seen += 1
            wanted = mutual_info_score(a[ours][both], b[theirs][both])
            assert float(found.values.flatten()[k]) == pytest.approx(wanted, abs=1e-10)
    assert seen > 50


def test_clusters_are_intervals_of_intensity() -> None:
    pytest.importorskip("sklearn")
    image = torch.rand(1, 1, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = quantised(image, torch.ones_like(image), 5, samples=200, seed=1)
    assert labels.unique().tolist() == [0, 1, 2, 3, 4]
    order = image.flatten().argsort()
    assert (labels.flatten()[order].diff() >= 0).all()
    two = (image > 0.5).float()
    assert torch.equal(quantised(two, torch.ones_like(two), 5), two)
