"""The U-Net: its parameters counted by hand, every size, every option; blocks and the way from half resolution."""

from __future__ import annotations

import pytest
import torch

from wbir.errors import InputError
from wbir.nets import build, names
from wbir.nets.blocks import block, crop, joined, pad_to_multiple
from wbir.nets.maps import double, halve_field
from wbir.nets.unet import UNet


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def weights(inputs: int, outputs: int, kernel: int, dim: int) -> int:
    return kernel**dim * inputs * outputs + outputs


@pytest.mark.parametrize("dim", [2, 3])
def test_parameters_are_those_of_the_plan(dim: int) -> None:
    net = UNet(dim=dim, encoder=(4, 6), decoder=(8, 5), extra=(7, 3), out_channels=2)
    plan = [(2, 4), (4, 6), (6, 8), (8 + 6, 5), (5 + 4, 7), (7, 3), (3, 2)]
    assert count(net) == sum(weights(i, o, 3, dim) for i, o in plan)
    assert net.channels == 2


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({"dim": 2}, (17, 30)),
        ({"dim": 3}, (17, 5, 9)),
        ({"dim": 2, "norm": "instance", "skips": "add", "decoder": (6, 4)}, (13, 8)),
        ({"dim": 3, "norm": "batch", "upsampling": "transposed", "skips": "add", "block": "residual"}, (5, 6, 7)),
        ({"dim": 2, "block": "pointwise", "activation": "relu"}, (7, 7)),
        ({"dim": 2, "block": "double", "kernel": 5}, (7, 7)),
    ],
)
def test_any_size_and_option(options: dict, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    net = UNet(**{"encoder": (4, 6), "decoder": (8, 5), "extra": (3,), **options})
    x = torch.randn(2, 2, *shape)
    y = net(x)
    assert y.shape == (2, 3, *shape)
    y.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_half_output_leaves_out_the_last_level() -> None:
    net = UNet(dim=2, encoder=(4, 6), decoder=(8, 5), extra=(3,), half_output=True)
    assert net(torch.zeros(1, 2, 9, 12)).shape == (1, 3, 5, 6)
    assert count(net) == sum(weights(i, o, 3, 2) for i, o in [(2, 4), (4, 6), (6, 8), (8 + 6, 5), (5, 3)])


def test_a_shift_by_the_stride_shifts_the_features() -> None:
    """Convolutions, pooling and doubling commute with shifts by the stride: skips meet features of their own place."""
    torch.manual_seed(1)
    net = UNet(dim=2, encoder=(4, 6), decoder=(8, 5), extra=(3,)).double().eval()
    x = torch.zeros(1, 2, 64, 64, dtype=torch.float64)
    x[..., 28:36, 28:36] = torch.randn(1, 2, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        plain, moved = net(x), net(x.roll((4, -4), (2, 3)))
    torch.testing.assert_close(moved[..., 20:44, 20:44], plain.roll((4, -4), (2, 3))[..., 20:44, 20:44])


def test_two_builds_from_one_seed_are_equal() -> None:
    nets = []
    for _ in range(2):
        torch.manual_seed(3)
        nets.append(build("unet", dim=2))
    assert all(torch.equal(a, b) for a, b in zip(*(n.parameters() for n in nets), strict=True))


def test_unfit_options_are_named() -> None:
    with pytest.raises(InputError, match="as many decoder as encoder"):
        UNet(encoder=(4, 4), decoder=(4,))
    with pytest.raises(InputError, match="equal channels to add"):
        UNet(encoder=(4, 6), decoder=(8, 5), skips="add")
    with pytest.raises(InputError, match="norm among"):
        UNet(norm="layer")
    with pytest.raises(InputError, match="dim 2 or 3"):
        UNet(dim=4)
    with pytest.raises(InputError, match="an axis of more than 4"):
        UNet(dim=2, encoder=(4, 6), decoder=(8, 5), norm="instance")(torch.zeros(1, 2, 3, 4))
    with pytest.raises(InputError, match="a network among"):
        build("nothing")
    with pytest.raises(InputError, match="keywords of the network unet"):
        build("unet", wrong=1)
    with pytest.raises(InputError, match="on one grid"):
        joined(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 5))
    assert "unet" in names() and "blocks" not in names()


def test_padding_continues_the_border_and_is_cropped() -> None:
    x = torch.arange(6.0).view(1, 1, 2, 3)
    padded = pad_to_multiple(x, 4)
    assert padded.shape == (1, 1, 4, 4)
    assert torch.equal(padded[0, 0, :, 3], torch.tensor([2.0, 5.0, 5.0, 5.0]))
    assert torch.equal(crop(padded, (2, 3)), x)


def test_blocks_count() -> None:
    assert count(block(3, 2, 4, kind="pointwise", norm="instance")) == weights(2, 4, 3, 3) + weights(4, 4, 1, 3)
    assert count(block(2, 2, 4, kind="single", norm="batch")) == 9 * 8 + 2 * 4


@pytest.mark.parametrize("shape", [(8, 6), (7, 5), (4, 5, 6)])
def test_doubling_keeps_a_translation_and_a_scaling(shape: tuple[int, ...]) -> None:
    dim = len(shape)
    u = torch.ones(1, dim, *shape) * torch.arange(1.0, dim + 1).view(1, dim, *(1,) * dim)
    assert torch.equal(double(halve_field(u), shape), u)
    axes = torch.meshgrid(*(torch.arange(float(n)) for n in shape), indexing="ij")
    scaling = 0.1 * torch.stack(axes).unsqueeze(0)
    inside = (..., *(slice(1, n // 2 * 2 - 1) for n in shape))
    torch.testing.assert_close(double(halve_field(scaling), shape)[inside], scaling[inside])
