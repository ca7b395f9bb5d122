"""Keypoints, inference on a tree, and correspondences."""

import itertools

import numpy as np
import pytest
import torch

from wbir.errors import InputError
from wbir.geometry.kernels import gaussian_smooth
from wbir.geometry.warping import sample, warp
from wbir.registration.adam_refinement import masked_mind
from wbir.registration.discrete_correspondence import Search, correspondences, patch_costs
from wbir.registration.keypoints import distinctiveness, foerstner_keypoints, random_subset, spread
from wbir.registration.tree_matching import min_marginals, soft_displacement, spanning_tree


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_distinctiveness_of_a_wave_against_its_closed_form():
    # sum of waves along both axes: S is diagonal with the mean squared slopes; 1 / trace(S^-1) = ab / (a + b)
    x = torch.arange(64.0)
    image = torch.sin(x)[:, None] + 2 * torch.sin(0.5 * x)[None]
    found = distinctiveness(image[None, None], sigma=8.0)[32, 32]
    a, b = 0.5 * np.sin(1) ** 2, 0.5 * (2 * np.sin(0.5)) ** 2  # central differences: sin(w) in place of w
    assert float(found) == pytest.approx(a * b / (a + b), rel=0.02)


def test_an_edge_is_not_distinct_and_a_corner_is():
    image = torch.zeros(1, 1, 24, 24)
    image[..., 8:, 8:] = 1.0
    strength = distinctiveness(image)
    assert strength[8, 8] > 50 * strength[8, 18]


@pytest.mark.parametrize("dim", [2, 3])
def test_keypoints_are_the_corners_of_a_box(dim):
    image = torch.zeros(1, 1, *(24,) * dim)
    image[(slice(None), slice(None), *(slice(8, 16),) * dim)] = 1.0
    points = foerstner_keypoints(image, torch.ones(image.shape[2:], dtype=torch.bool), 2**dim, distance=4)
    corners = {tuple(min((8, 15), key=lambda c, v=v: abs(c - v)) for v in p) for p in points.tolist()}
    assert len(corners) == 2**dim
    assert float((points - 11.5).abs().max() - 3.5) <= 1


def test_keypoints_lie_in_the_mask_apart_and_are_as_many_as_asked_for():
    image, mask = draw(1, 1, 30, 30, 30), torch.zeros(30, 30, 30, dtype=torch.bool)
    mask[5:25, 5:25, 5:25] = True
    points = foerstner_keypoints(image, mask, 40, sigma=0.7)
    assert points.shape == (40, 3)
    assert mask[tuple(points.long().T)].all()
    gaps = (points[:, None] - points[None]).abs().amax(2) + 99 * torch.eye(40)
    assert gaps.min() > 2
    assert 40 < len(foerstner_keypoints(image, mask, 10**6, sigma=0.7)) < 20**3 / 8


def test_spread_takes_the_farthest_next():
    points = torch.tensor([[0.0, 0], [1, 0], [5, 0], [9, 0]])
    assert spread(points, 3).tolist() == [0, 3, 2]
    assert len(set(random_subset(20, 8, torch.Generator().manual_seed(0)).tolist())) == 8
    assert random_subset(3, 8).tolist() == [0, 1, 2]


def test_the_tree_spans_the_points_at_least_length():
    points = torch.tensor([[0.0, 0], [1, 0], [2, 0], [2, 1], [10, 10]])
    tree = spanning_tree(points, neighbours=2)
    assert sorted(tree.length.tolist()) == pytest.approx([0, 1, 1, 1, np.hypot(8, 9)])
    assert sum(len(level) for level in tree.levels) == 5
    assert (tree.parent == -1).sum() == 1


def test_min_marginals_against_all_combinations():
    points, n, step = draw(4, 2, seed=1) * 3, 3, 0.5
    costs, offsets = draw(4, n, n, seed=2), draw(4, 2, seed=3)
    tree, weights = spanning_tree(points), torch.tensor([0.3, 0.7, 0.2, 0.5])
    found = min_marginals(costs, offsets, tree, step=step, weights=weights)
    mesh = [((a - 1) * step, (b - 1) * step) for a in range(n) for b in range(n)]
    best = torch.full((4, n * n), torch.inf)
    for choice in itertools.product(range(n * n), repeat=4):
        d = offsets + torch.tensor([mesh[c] for c in choice])
        energy = sum(float(costs[i].flatten()[c]) for i, c in enumerate(choice))
        for i, parent in enumerate(tree.parent.tolist()):
            if parent >= 0:
                energy += float(weights[i] * (d[i] - d[parent]).square().sum())
        for i, c in enumerate(choice):
            best[i, c] = min(float(best[i, c]), energy)
    best -= best.amin(1, keepdim=True)
    assert torch.allclose(found.flatten(1), best, atol=1e-5)


def test_soft_displacement():
    marginals = torch.tensor([[0.0, 1.0, 0.0]])
    offsets = torch.tensor([[0.25]])
    assert soft_displacement(marginals, offsets, step=2.0, sharpness=9.0).tolist() == [[0.25]]
    assert soft_displacement(marginals, offsets, step=2.0, sharpness=float("inf")).tolist() == [[-1.75]]


@pytest.mark.parametrize("dim", [2, 3])
def test_patch_costs_against_their_definition(dim):
    fixed, moving = draw(1, 2, *(9,) * dim, seed=4), draw(1, 2, *(9,) * dim, seed=5)
    points, offsets = torch.full((1, dim), 4.0), torch.full((1, dim), 0.5)
    costs = patch_costs(fixed, moving, points, offsets, radius=1.0, step=1.0, patch=1)
    assert costs.shape == (1, *(3,) * dim)
    for d in itertools.product((-1, 0, 1), repeat=dim):
        total = 0.0
        for p in itertools.product((-1, 0, 1), repeat=dim):
            x = points + torch.tensor(p, dtype=torch.float32)
            y = x + offsets + torch.tensor(d, dtype=torch.float32)
            a, b = (sample(f, q.T[None], padding="border")[0] for f, q in ((fixed, x), (moving, y)))
            total += float((a - b).square().sum()) / 3**dim
        assert float(costs[(0, *(1 + k for k in d))]) == pytest.approx(total, rel=1e-4)


def smooth_motion(shape, size, seed):
    u = gaussian_smooth(draw(1, len(shape), *shape, seed=seed), 12.0)
    inside = (slice(None), slice(None), *(slice(5, -5),) * len(shape))
    return u * (size / u[inside].norm(dim=1).mean())


@pytest.mark.parametrize("shape", [(48, 48), (28, 30, 32)])
def test_correspondences_follow_a_smooth_motion(shape):
    moving = gaussian_smooth(draw(1, 1, *shape, seed=6), 1.2)
    truth = smooth_motion(shape, 1.6, 7)
    fixed = warp(moving, truth)
    inside = torch.zeros(shape, dtype=torch.bool)
    inside[(slice(5, -5),) * len(shape)] = True
    points = foerstner_keypoints(fixed, inside, 120, sigma=0.7, distance=1)
    features = [masked_mind(x / moving.std(), None, dilation=1) for x in (fixed, moving)]
    search = Search(radii=(5.0, 1.5), steps=(1.0, 0.5), patches=(1, 1), smoothness=0.05)
    found = correspondences(*features, points, search)
    true = sample(truth, found.points.T[None], padding="border")[0].T
    assert len(found.points) > 0.7 * len(points)
    assert float((found.displacement - true).norm(dim=1).mean()) < 0.6
    assert float(true.norm(dim=1).mean()) > 1
    assert found.gap.max() <= 2
    assert found.displacement.shape == found.points.shape


def test_bad_input():
    image, mask = draw(1, 1, 8, 8), torch.zeros(8, 8, dtype=torch.bool)
    with pytest.raises(InputError, match="mask with voxels"):
        foerstner_keypoints(image, mask, 5)
    with pytest.raises(InputError, match="positive number"):
        foerstner_keypoints(image, ~mask, 0)
    with pytest.raises(InputError, match="from 1 to 3"):
        spread(torch.zeros(3, 2), 4)
    with pytest.raises(InputError, match="two or more"):
        spanning_tree(torch.zeros(1, 2))
    with pytest.raises(InputError, match="as many radii"):
        Search(radii=(3.0,), steps=(1.0, 1.0), patches=(1, 1))
    with pytest.raises(InputError, match="not above"):
        Search(radii=(1.0,), steps=(2.0,), patches=(1,))
    with pytest.raises(InputError, match="at least 4 keypoints"):
        correspondences(draw(1, 4, 8, 8), draw(1, 4, 8, 8), torch.zeros(3, 2), Search())
