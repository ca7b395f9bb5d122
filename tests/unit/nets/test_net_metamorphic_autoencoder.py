"""The metamorphic auto-encoder: the template for zero codes, its definition, the inverse, learning one pair."""

from __future__ import annotations

import pytest
import torch

from wbir.errors import InputError
from wbir.geometry.flows import compose, exponential
from wbir.geometry.warping import warp
from wbir.nets import build
from wbir.nets.metamorphic_autoencoder import MetamorphicAutoencoder


def make(grid: list[int], **options: object) -> MetamorphicAutoencoder:
    torch.manual_seed(0)
    small = {"widths": [4, 8, 8], "shape_size": 4, "appearance_size": 2}
    return build("metamorphic_autoencoder", dim=len(grid), grid=grid, **{**small, **options})


@pytest.mark.parametrize("grid", [[33, 20], [18, 12, 9]])
def test_zero_codes_leave_the_template_as_it_is(grid: list[int]) -> None:
    net = make(grid, head_std=1.0).eval()
    with torch.no_grad():
        for layer in (net.shape_code, net.appearance_code):
            layer.weight.zero_()
            layer.bias.zero_()
        fixed, template = torch.rand(2, 3, 1, *grid)
        found = net(fixed, template)
    torch.testing.assert_close(found.reconstruction, template)
    assert not found.displacement.any() and not found.increment.any()


def test_reconstruction_is_the_warped_sum_and_the_flow_has_its_inverse() -> None:
    net = make([48, 40], head_std=3.0).eval()
    with torch.no_grad():
        net.shape_code.weight.mul_(100)
        fixed, template = torch.rand(2, 2, 1, 48, 40)
        found = net(fixed, template)
    torch.testing.assert_close(found.reconstruction, warp(template + found.increment, found.displacement))
    assert found.velocity.shape == (2, 2, 24, 20)
    assert float(found.displacement.abs().max()) > 0.5
    there, back = exponential(found.velocity), exponential(-found.velocity)
    inside = (..., slice(5, -5), slice(5, -5))
    assert float(compose(there, back)[inside].abs().max()) < 0.05
    assert found.shape.mean.shape == (2, 4) and found.appearance.log_variance.shape == (2, 2)


def test_codes_are_drawn_in_training_only_if_asked() -> None:
    fixed, template = torch.rand(2, 1, 1, 24, 24)
    for variational in (True, False):
        net = make([24, 24], variational=variational, head_std=0.5)
        one, two = (net(fixed, template).reconstruction for _ in range(2))
        assert torch.equal(one, two) != variational
        net.eval()
        assert torch.equal(net(fixed, template).reconstruction, net(fixed, template).reconstruction)


def test_it_learns_to_move_and_to_add() -> None:
    """A square that is shifted and brighter: the error falls to a fifth of that of the template."""
    template, fixed = torch.zeros(2, 1, 1, 24, 24)
    template[..., 8:16, 8:16] = 0.5
    fixed[..., 10:18, 8:16] = 1.0
    net = make([24, 24], variational=False, smoothing=1.0)
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        loss = torch.nn.functional.mse_loss(net(fixed, template).reconstruction, fixed)
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.2 * float(torch.nn.functional.mse_loss(template, fixed))
    assert all(p.grad is not None for name, p in net.named_parameters() if "code" not in name)


def test_other_sizes_are_named() -> None:
    with pytest.raises(InputError, match="an image of"):
        make([24, 24])(*torch.rand(2, 1, 1, 24, 25))
    with pytest.raises(InputError, match="a grid of 2 sizes"):
        build("metamorphic_autoencoder", grid=[4, 4, 4])
