"""VoxelMorph: parameters of the published plan, near no motion at the start, units at half resolution, the inverse."""

from __future__ import annotations

import pytest
import torch

from wbir.geometry.flows import compose, exponential
from wbir.nets import build


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_default_has_the_parameters_of_the_plan() -> None:
    plan = [(2, 16), (16, 32), (32, 32), (32, 32), (32, 32), (64, 32), (64, 32), (64, 32), (48, 32), (32, 16), (16, 16)]
    assert count(build("voxelmorph")) == sum(27 * i * o + o for i, o in [*plan, (16, 3)])


@pytest.mark.parametrize("shape", [(33, 20), (17, 18, 20)])
@pytest.mark.parametrize("options", [{}, {"half_output": True}, {"diffeomorphic": True}])
def test_starts_near_no_motion(shape: tuple[int, ...], options: dict) -> None:
    torch.manual_seed(0)
    net = build("voxelmorph", dim=len(shape), **options)
    fixed, moving = torch.rand(2, 2, 1, *shape)
    maps = net(fixed, moving)
    assert maps.displacement.shape == (2, len(shape), *shape)
    assert 0 < float(maps.displacement.detach().abs().max()) < 1e-3
    assert (maps.inverse is not None) == (maps.velocity is not None) == options.get("diffeomorphic", False)


@pytest.mark.parametrize("half", [False, True])
def test_diffeomorphic_maps_are_the_exponential_at_half_resolution(half: bool) -> None:
    torch.manual_seed(0)
    net = build("voxelmorph", dim=2, diffeomorphic=True, half_output=half, head_std=0.0)
    with torch.no_grad():
        net.head.bias.copy_(torch.tensor([1.5, -2.0]))
        maps = net(torch.rand(1, 1, 21, 24), torch.rand(1, 1, 21, 24))
    scale = 2 if half else 1  # a bias at half resolution is in voxels of the half grid
    expected = scale * torch.tensor([1.5, -2.0]).view(1, 2, 1, 1).expand(1, 2, 21, 24)
    torch.testing.assert_close(maps.displacement, expected)
    torch.testing.assert_close(maps.inverse, -expected)
    assert maps.velocity.shape == (1, 2, 11, 12)


def test_the_inverse_undoes_the_displacement() -> None:
    torch.manual_seed(2)
    net = build("voxelmorph", dim=2, diffeomorphic=True, half_output=True, head_std=0.3)
    x = torch.nn.functional.interpolate(torch.rand(2, 1, 5, 5), size=(48, 48), mode="bicubic") * 20
    with torch.no_grad():
        maps = net(x[:1], x[1:])
    assert float(maps.displacement.abs().max()) > 0.2
    inner = (..., slice(4, -4), slice(4, -4))
    both = compose(exponential(maps.velocity), exponential(-maps.velocity))
    assert float(both[inner].abs().max()) < 0.02
    assert float(compose(maps.displacement, maps.inverse)[inner].abs().max()) < 0.05


def test_deepreg_of_paper_24() -> None:
    net = build(
        "voxelmorph",
        encoder=[8, 16],
        decoder=[32, 16],
        extra=[8],
        block="residual",
        norm="batch",
        activation="relu",
        skips="add",
        upsampling="transposed",
        head_std=0.0,
    )

    def stage(i: int, o: int) -> int:
        return 27 * (i * o + 2 * o * o) + 3 * 2 * o  # no bias before a batch norm, which has two parameters a channel

    stages = [(2, 8), (8, 16), (16, 32), (16, 16), (8, 8)]
    transposed = sum(27 * i * o + 2 * o for i, o in [(32, 16), (16, 8)])
    assert count(net) == sum(stage(*s) for s in stages) + transposed + 27 * 8 * 3 + 3
    maps = net(torch.rand(1, 1, 9, 10, 11), torch.rand(1, 1, 9, 10, 11))
    assert torch.equal(maps.displacement, torch.zeros(1, 3, 9, 10, 11))
    torch.autograd.backward(maps.displacement.sum())
    assert float(net.head.weight.grad.abs().max()) > 0


@pytest.mark.parametrize("name", ["voxelmorph", "transmorph", "velocity_transmorph", "laplacian_pyramid"])
def test_fields_are_full_numbers_where_the_network_runs_in_short_ones(name: str) -> None:
    """In bfloat16 voxel 40 is followed by 40.25: a field would not be what it says."""
    small = {} if name in ("voxelmorph", "laplacian_pyramid") else {"embed_dim": 8, "depths": [1, 1], "heads": [2, 2]}
    small |= {"window": [4, 4]} if small else {}
    net = build(name, dim=2, **small)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        maps = net(torch.rand(1, 1, 32, 32), torch.rand(1, 1, 32, 32))
    assert maps.displacement.dtype == torch.float32
