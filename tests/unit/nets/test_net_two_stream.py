"""The two-stream network: what the paper states of it, shared weights, the bound of tanh in voxels, any size."""

from __future__ import annotations

import math

import pytest
import torch

from wbir.errors import InputError
from wbir.nets import build


def test_the_maps_that_the_paper_states() -> None:
    net = build("two_stream")
    seen: dict[str, tuple[int, ...]] = {}
    watched = {"stream": net.stream, "encoder": net.encoder[0], "decoder": net.decoder[3], "joint": net.joint}
    for name, module in watched.items():
        module.register_forward_hook(lambda _, x, y, name=name: seen.update({name: (x[0].shape[1], *y.shape[1:])}))
    u = net(torch.rand(1, 1, 32, 16, 48), torch.rand(1, 1, 32, 16, 48)).displacement
    assert seen["stream"] == (1, 16, 16, 8, 24)
    assert seen["encoder"][0] == 32
    assert seen["decoder"][1:] == (32, 32, 16, 48)
    assert seen["joint"] == (32, 32, 32, 16, 48)
    assert (len(net.encoder), len(net.decoder), len(net.joint)) == (3, 4, 3)
    assert u.shape == (1, 3, 32, 16, 48) and 0 < float(u.detach().abs().max()) < 0.1


def test_streams_share_their_weights_or_do_not() -> None:
    one, two = build("two_stream", dim=2), build("two_stream", dim=2, shared=False)
    extra = sum(p.numel() for p in two.parameters()) - sum(p.numel() for p in one.parameters())
    assert extra == sum(p.numel() for p in one.stream.parameters()) == 9 * 16 + 16 + 9 * 256 + 16


@pytest.mark.parametrize("shape", [(33, 50), (17, 24, 19)])
def test_the_output_is_bounded_by_the_reach_in_voxels(shape: tuple[int, ...]) -> None:
    dim = len(shape)
    net = build("two_stream", dim=dim, features=2, encoder=(2, 2, 2), decoder=(2, 2, 2, 2), reach=0.5, head_std=0.0)
    bias = torch.tensor([0.1, -20.0, 20.0])[:dim]
    with torch.no_grad():
        net.head.bias.copy_(bias)
        u = net(*torch.rand(2, 1, 1, *shape)).displacement
    expected = [0.5 * n / 2 * t for n, t in zip(shape, (math.tanh(0.1), -1, 1), strict=False)]
    torch.testing.assert_close(u, torch.tensor(expected).view(1, dim, *(1,) * dim).expand_as(u))


def test_unfit_widths_are_named() -> None:
    with pytest.raises(InputError, match="one decoder block more"):
        build("two_stream", encoder=(2, 2), decoder=(2, 2))
    with pytest.raises(InputError, match="on one grid"):
        build("two_stream", dim=2)(torch.zeros(1, 1, 16, 32), torch.zeros(1, 1, 32, 32))
