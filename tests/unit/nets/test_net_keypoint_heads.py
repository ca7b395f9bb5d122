"""Paper 10's network and heads: the printed numbers of parameters, the displacement mesh, peaked heat maps, units."""

from __future__ import annotations

import pytest
import torch

from wbir.errors import InputError
from wbir.nets import build
from wbir.nets.backbone import features_at
from wbir.nets.heatmap import displacement_mesh


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def test_the_printed_numbers_of_parameters() -> None:
    assert count(build("backbone")) == 901_888
    assert count(build("heatmap")) == 462_417


def test_backbone_gives_features_at_half_resolution() -> None:
    net = build("backbone", width=0.25)
    assert net.channels == 16
    assert net(torch.rand(1, 2, 33, 16, 18)).shape == (1, 16, 17, 8, 9)
    assert build("backbone", dim=2, in_channels=3, width=0.1)(torch.rand(2, 3, 40, 32)).shape == (2, 6, 20, 16)


def test_features_are_read_where_their_voxels_lie() -> None:
    half = torch.arange(6.0).view(1, 1, 6, 1).expand(1, 2, 6, 5)
    read = features_at(half, torch.tensor([[0.5, 3.0], [2.5, 0.0], [3.5, 2.0], [10.5, 9.0]]))
    torch.testing.assert_close(read, torch.tensor([0.0, 1.0, 1.5, 5.0])[:, None].expand(4, 2))
    with pytest.raises(InputError, match="one pair at a time"):
        features_at(half.expand(2, 2, 6, 5), torch.zeros(1, 2))


@pytest.mark.parametrize("dim", [2, 3])
def test_mesh_is_that_of_affine_grid(dim: int) -> None:
    """PyTorch's grid of a scaled identity, its components turned from last-axis-first to array order."""
    shape = (20, 40, 60)[:dim]
    affine = torch.cat([0.3 * torch.eye(dim), torch.zeros(dim, 1)], 1)[None]
    grid = torch.nn.functional.affine_grid(affine, [1, 1, *(11,) * dim], align_corners=False)
    expected = grid.view(-1, dim).flip(1) * torch.tensor(shape) / 2
    mesh = displacement_mesh(11, 0.3, shape)
    torch.testing.assert_close(mesh, expected)
    torch.testing.assert_close(mesh.amax(0), 0.3 * 10 / 11 * torch.tensor(shape) / 2)


def test_a_peaked_heat_map_is_its_displacement(monkeypatch: pytest.MonkeyPatch) -> None:
    head, shape = build("heatmap", dim=2, channels=4, width=0.25), (30, 50)
    peaks = torch.tensor([0, 7, 120])
    logits = torch.zeros(3, 121).index_put((torch.arange(3), peaks), torch.tensor(1e4))
    monkeypatch.setattr(head, "logits", lambda features: logits)
    maps = head(torch.zeros(3, 4), shape)
    torch.testing.assert_close(maps.displacement, head.mesh(shape)[peaks])
    logits = torch.zeros(3, 121)
    torch.testing.assert_close(head(torch.zeros(3, 4), shape).displacement, torch.zeros(3, 2), atol=1e-5, rtol=0)


def test_heads_treat_keypoints_as_they_say() -> None:
    torch.manual_seed(0)
    features, shape = torch.randn(5, 8), (32, 24, 20)
    head = build("heatmap", channels=8, width=0.1)
    with torch.no_grad():
        maps = head(features, shape)
        torch.testing.assert_close(head(features[:2], shape).displacement, maps.displacement[:2])
    assert maps.probabilities.shape == (5, 1331)
    torch.testing.assert_close(maps.probabilities.sum(1), torch.ones(5))

    small = build("regression_head", channels=8)
    assert count(small) == 2 * (8 * 8 + 8) + 8 * 3 + 3
    assert 0 < float(small(features, shape).displacement.detach().abs().max()) < 1e-2
    with torch.no_grad():
        small.layers[-1].bias.copy_(torch.tensor([1.0, 0.0, -1.0]))
    reach = small(features, shape).displacement[0]
    torch.testing.assert_close(reach, torch.tensor([0.3 * 16, 0.0, -0.3 * 10]), atol=1e-2, rtol=0)


def test_unfit_input_is_named() -> None:
    with pytest.raises(InputError, match=r"features \(K, 64\)"):
        build("heatmap")(torch.zeros(2, 3), (8, 8, 8))
    with pytest.raises(InputError, match="two or more keypoints"):
        build("regression_head")(torch.zeros(1, 64), (8, 8, 8))
    with pytest.raises(InputError, match="a width above 0"):
        build("backbone", width=0)
