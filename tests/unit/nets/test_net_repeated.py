"""A network applied twice: what the second application sees, the composed map, and how far the gradient reaches."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from wbir.errors import InputError
from wbir.geometry.flows import compose
from wbir.geometry.warping import warp
from wbir.nets import build
from wbir.nets.maps import Maps
from wbir.nets.repeated import Repeated


class Recorder(nn.Module):
    """Moves by `size` along the first axis; keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.size = nn.Parameter(torch.tensor(1.0))
        self.seen: list[Tensor] = []

    def forward(self, fixed: Tensor, moving: Tensor) -> Maps:
        self.seen.append(moving)
        axis = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)
        return Maps(self.size * axis * (1 + 0.1 * moving))


def test_the_second_application_sees_the_warped_image_and_warps_add_up() -> None:
    net, (fixed, moving) = Recorder(), torch.rand(2, 1, 1, 9, 8, generator=torch.Generator().manual_seed(0))
    total = Repeated(net, 2, "all")(fixed, moving).displacement
    first, second = (net(fixed, seen).displacement for seen in net.seen[:2])
    torch.testing.assert_close(net.seen[1], warp(moving, first))
    torch.testing.assert_close(total, compose(first, second))
    assert net.seen[0] is moving


@pytest.mark.parametrize(("gradient", "slope"), [("all", 2.0), ("last", 1.0)])
def test_how_far_the_gradient_reaches(gradient: str, slope: float) -> None:
    net = Recorder()
    maps = Repeated(net, 2, gradient)(torch.zeros(1, 1, 9, 8), torch.zeros(1, 1, 9, 8))  # zeros: a shift by `size`
    torch.testing.assert_close(maps.displacement[:, 0], torch.full((1, 9, 8), 2.0))
    maps.displacement[:, 0].mean().backward()
    assert net.size.grad is not None and float(net.size.grad) == pytest.approx(slope)


def test_one_application_is_the_network_itself() -> None:
    torch.manual_seed(0)
    inner = {"name": "voxelmorph", "encoder": [4, 8], "decoder": [8, 8], "extra": [4]}
    net = build("repeated", network=inner, dim=2, times=1)
    fixed, moving = torch.rand(2, 1, 1, 16, 12)
    torch.testing.assert_close(net(fixed, moving).displacement, net.network(fixed, moving).displacement)


@pytest.mark.parametrize("options", [{"times": 0}, {"gradient": "first"}])
def test_unfit_values_are_told(options: dict) -> None:
    with pytest.raises(InputError):
        build("repeated", network={"name": "voxelmorph"}, **options)
