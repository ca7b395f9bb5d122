"""Energies at keypoints: the non-local features (paper 10, Eq. 3) and the graph's diffusion."""

import numpy as np
import pytest
import torch

from wbir.energies.non_local import expected_features, features_at, graph_diffusion, nearest_neighbours
from wbir.errors import InputError
from wbir.geometry.warping import sample


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_expected_features_against_the_sum():
    features, points, window = draw(1, 3, 6, 7, 8), draw(4, 3, seed=1) + 3, draw(5, 3, seed=2)
    probabilities = torch.softmax(draw(4, 5, seed=3), 1)
    found = expected_features(features, points, window, probabilities)
    for k in range(4):
        total = torch.zeros(3)
        for m in range(5):
            place = (points[k] + window[m]).view(1, 3, 1)
            total += probabilities[k, m] * sample(features, place, padding="border")[0, :, 0]
        assert torch.allclose(found[k], total, atol=1e-5)


def test_a_certain_displacement_reads_the_features_there():
    features, points = draw(1, 4, 9, 9), torch.tensor([[4.0, 4.0], [2.0, 5.0]])
    window, certain = torch.tensor([[0.0, 0], [1, -1]]), torch.tensor([[0.0, 1], [1, 0]])
    found = expected_features(features, points, window, certain)
    assert torch.allclose(found, torch.stack([features[0, :, 5, 3], features[0, :, 2, 5]]), atol=1e-6)
    assert torch.allclose(features_at(features, points), features[0, :, [4, 2], [4, 5]].T, atol=1e-6)


def test_the_graph_penalty_is_the_laplacian_s_quadratic_form():
    points, values, k = draw(12, 3, seed=4), draw(12, 3, seed=5), 3
    neighbours = nearest_neighbours(points, k)
    adjacency = np.zeros((12, 12))
    for i, row in enumerate(neighbours.tolist()):
        assert i not in row
        for j in row:
            adjacency[i, j] += 0.5
            adjacency[j, i] += 0.5
    laplacian = np.diag(adjacency.sum(1)) - adjacency
    v = values.double().numpy()
    expected = 2 * np.trace(v.T @ laplacian @ v) / (12 * k)
    assert float(graph_diffusion(values, neighbours)) == pytest.approx(expected, rel=1e-5)
    assert float(graph_diffusion(torch.ones(12, 3), neighbours)) == 0


def test_bad_input():
    with pytest.raises(InputError, match="probabilities"):
        expected_features(draw(1, 2, 5, 5), torch.zeros(3, 2), torch.zeros(4, 2), torch.zeros(3, 5))
    with pytest.raises(InputError, match="two or more"):
        nearest_neighbours(torch.zeros(1, 2), 3)
