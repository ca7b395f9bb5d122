"""Thin-plate splines against scipy's, and the dense displacement made with them."""

import numpy as np
import pytest
import torch
from scipy.interpolate import RBFInterpolator

from wbir.errors import InputError
from wbir.geometry.thin_plate import ThinPlate, dense_displacement


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_against_scipy(dim, smoothing):
    rng = np.random.default_rng(dim)
    points, values, places = rng.uniform(-1, 1, (30, dim)), rng.normal(size=(30, 2)), rng.uniform(-1, 1, (50, dim))
    spline = ThinPlate(torch.from_numpy(points), torch.from_numpy(values), smoothing)
    expected = RBFInterpolator(points, values, kernel="thin_plate_spline", smoothing=smoothing, degree=1)(places)
    assert spline(torch.from_numpy(places)).numpy() == pytest.approx(expected, abs=1e-8)
    met = np.abs(spline(torch.from_numpy(points)).numpy() - values).max()
    assert met < 1e-9 if smoothing == 0 else met > 1e-3


def test_an_affine_displacement_is_met_everywhere_whatever_lambda():
    shape = (9, 13, 10)
    points = torch.rand(20, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([8.0, 12, 9])
    matrix, shift = torch.tensor([[0.1, 0, 0.02], [0, -0.1, 0], [0.05, 0, 0]]), torch.tensor([1.0, -2, 0.5])
    field = dense_displacement(points, points @ matrix.T + shift, shape, smoothing=0.1)
    grid = torch.stack(torch.meshgrid(*[torch.arange(float(n)) for n in shape], indexing="ij"), -1)
    assert torch.allclose(field[0].movedim(0, -1), grid @ matrix.T + shift, atol=1e-4)


def test_bad_points():
    line = torch.stack([torch.arange(5.0), torch.arange(5.0)], 1)
    with pytest.raises(InputError, match="span"):
        ThinPlate(line, torch.zeros(5, 2))
    with pytest.raises(InputError, match="more than 2 points"):
        ThinPlate(line[:2], torch.zeros(2, 2))
    twice = torch.tensor([[0.0, 0], [0, 0], [1, 0], [0, 1]])
    with pytest.raises(InputError, match="differ"):
        ThinPlate(twice, torch.zeros(4, 1))
