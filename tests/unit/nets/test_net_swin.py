"""The Swin transformer: beside MONAI's with equal weights, windows and masks by hand, TransMorph's published sizes."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch

from wbir.errors import InputError
from wbir.nets import build, swin


@pytest.fixture(scope="module")
def peer() -> ModuleType:
    """MONAI's Swin transformer (the versions of the comparison: docs/speed.md)."""
    pytest.importorskip("einops", reason="MONAI's Swin transformer needs it")
    return pytest.importorskip("monai.networks.nets.swin_unetr")


def lend(block: swin.SwinBlock, theirs: torch.nn.Module) -> None:
    """Give a block the weights of MONAI's."""
    pairs = [
        (block.norm1, theirs.norm1),
        (block.norm2, theirs.norm2),
        (block.attention.qkv, theirs.attn.qkv),
        (block.attention.projection, theirs.attn.proj),
        (block.mlp[0], theirs.mlp.linear1),
        (block.mlp[2], theirs.mlp.linear2),
    ]
    for ours, other in pairs:
        ours.load_state_dict(other.state_dict())
    with torch.no_grad():
        block.attention.bias.copy_(theirs.attn.relative_position_bias_table)


@pytest.mark.parametrize(("grid", "window"), [((12, 10), (4, 5)), ((7, 9, 8), (3, 4, 3)), ((6, 6, 6), (3, 3, 3))])
def test_a_stage_is_monais(peer: ModuleType, grid: tuple[int, ...], window: tuple[int, ...]) -> None:
    """Plain and shifted windows, grids that are no multiple of the window, and the merging of patches."""
    torch.manual_seed(0)
    dim = len(grid)
    theirs = peer.BasicLayer(8, 3, 2, window, [0.0] * 3, downsample=peer.PatchMergingV2, qkv_bias=True)
    stage = swin.SwinStage(8, 2, window, [0.0] * 3, mlp_ratio=4.0, qkv_bias=True)
    merging = swin.PatchMerging(dim, 8)
    if dim == 2:
        theirs.downsample = peer.PatchMergingV2(8, spatial_dims=2)
    for ours, other in zip(stage.blocks, theirs.blocks, strict=True):
        lend(ours, other)
    if dim == 3:  # in 2D, MONAI's corners come in another order than in 3D
        merging.load_state_dict(theirs.downsample.state_dict())
    else:
        order = [0, 2, 1, 3]
        merging.norm.load_state_dict(theirs.downsample.norm.state_dict())
        weight = theirs.downsample.reduction.weight.data.unflatten(1, (4, 8))[:, order].flatten(1)
        merging.reduction.weight.data.copy_(weight)
    x = torch.randn(2, *grid, 8)
    result = merging(stage(x)).movedim(-1, 1)
    torch.testing.assert_close(result, theirs(x.movedim(-1, 1)), rtol=1e-4, atol=1e-5)


def test_the_transformer_is_monais(peer: ModuleType) -> None:
    """Embedding and four stages; theirs gives features after the merging, and has no norm of its own at the outputs."""
    torch.manual_seed(0)
    grid, window, depths, heads = (40, 48, 56), (3, 3, 3), (2, 2, 1, 1), (2, 2, 4, 4)
    arguments = {"in_chans": 2, "embed_dim": 8, "window_size": window, "patch_size": (2, 2, 2), "qkv_bias": False}
    theirs = peer.SwinTransformer(depths=depths, num_heads=heads, patch_norm=True, **arguments).eval()
    options = {"dim": 3, "in_channels": 2, "embed_dim": 8, "depths": depths, "heads": heads, "window": window}
    ours = swin.SwinTransformer(**options, patch=2).eval()
    ours.embedding.load_state_dict(theirs.patch_embed.proj.state_dict())
    ours.embedding_norm.load_state_dict(theirs.patch_embed.norm.state_dict())
    for level, stage in enumerate(ours.stages):
        layer = getattr(theirs, f"layers{level + 1}")[0]
        for block, other in zip(stage.blocks, layer.blocks, strict=True):
            lend(block, other)
        if level < 3:
            layer.downsample = peer.PatchMergingV2(8 * 2**level)
            ours.mergings[level].load_state_dict(layer.downsample.state_dict())
    image = torch.randn(1, 2, *grid)
    with torch.no_grad():
        expected = theirs(image, normalize=False)
        x = ours.embedding_norm(ours.embedding(image).movedim(1, -1))
        for level in range(3):
            x = ours.mergings[level](ours.stages[level](x))
            torch.testing.assert_close(x.movedim(-1, 1), expected[level + 1], rtol=1e-4, atol=1e-5)
        last = ours.norms[3](ours.stages[3](x)).movedim(-1, 1)
        torch.testing.assert_close(ours(image)[3], last)


@pytest.mark.parametrize(("grid", "window"), [((6, 8), (3, 2)), ((4, 6, 4), (2, 3, 4))])
def test_windows_are_taken_apart_and_joined(grid: tuple[int, ...], window: tuple[int, ...]) -> None:
    x = torch.arange(float(torch.Size(grid).numel())).view(1, *grid, 1)
    parts = swin.split_windows(x, window)
    first = x[(slice(None), *(slice(n) for n in window))].flatten()
    assert torch.equal(parts[0, 0, :, 0], first)
    assert torch.equal(swin.join_windows(parts, window, grid), x)


def test_relative_positions_of_a_smaller_window() -> None:
    """The entry of the table says by how many tokens two of them lie apart, whatever the window."""
    table = torch.stack(torch.meshgrid(torch.arange(-2, 3), torch.arange(-3, 4), indexing="ij")).flatten(1)
    apart = table[:, swin.relative_index((2, 4), (3, 4))]
    places = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(4), indexing="ij")).flatten(1)
    assert torch.equal(apart, places[:, :, None] - places[:, None, :])


def test_no_window_sees_across_the_border() -> None:
    """Far from it nothing changes when the image is changed beyond the border that a shifted window joins to it."""
    torch.manual_seed(0)
    stage = swin.SwinStage(4, 2, (4, 4), [0.0, 0.0], mlp_ratio=2.0, qkv_bias=False)
    x = torch.randn(1, 12, 12, 4)
    other = x.clone()
    other[:, :2] += 1
    with torch.no_grad():
        change = (stage(other) - stage(x)).abs().amax((0, 2, 3))
    assert float(change[:2].min()) > 0 and float(change[6:].max()) == 0


def test_stochastic_depth_keeps_the_mean() -> None:
    torch.manual_seed(0)
    block = swin.SwinBlock(2, 1, (2, 2), mlp_ratio=1.0, qkv_bias=False, drop_path=0.25)
    x = torch.ones(20000, 1, 1, 2)
    dropped = block._dropped(x)
    assert sorted(set(dropped.flatten().tolist())) == pytest.approx([0, 1 / 0.75])
    assert float(dropped.mean()) == pytest.approx(1, abs=0.02)
    assert torch.equal(block.eval()._dropped(x), x)


@pytest.mark.parametrize(
    ("options", "millions"),
    [
        ({}, 46.77),
        ({"embed_dim": 6, "heads": (2, 2, 4, 4)}, 0.24),
        ({"embed_dim": 48, "heads": (4, 4, 4, 4)}, 11.76),
        ({"embed_dim": 128, "depths": (2, 2, 12, 2), "heads": (4, 4, 8, 16)}, 108.34),
    ],
)
def test_transmorph_has_the_published_number_of_parameters(options: dict, millions: float) -> None:
    """Chen et al. 2022 and the released program's page: TransMorph, Tiny, Small, Large."""
    with torch.device("meta"):
        net = build("transmorph", **options)
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((70, 41), {}),
        ((33, 36, 40), {}),
        ((24, 20), {"patch": 2, "depths": (2, 2, 2), "heads": (1, 2, 2)}),
        ((40, 70), {"patch": 8, "depths": (1, 1), "heads": (2, 2), "window": (3, 4)}),
    ],
)
def test_transmorph_takes_any_size_and_starts_near_no_motion(shape: tuple[int, ...], options: dict) -> None:
    torch.manual_seed(0)
    net = build("transmorph", dim=len(shape), **{"embed_dim": 8, "heads": (1, 1, 2, 2), "head_channels": 4, **options})
    u = net(*torch.rand(2, 2, 1, *shape)).displacement
    assert u.shape == (2, len(shape), *shape)
    assert 0 < float(u.detach().abs().max()) < 1e-3
    torch.nn.functional.mse_loss(u, torch.ones_like(u)).backward()
    assert all(p.grad is not None for p in net.parameters())


def test_unfit_plans_are_named() -> None:
    with pytest.raises(InputError, match="a patch of 2, 4, 8"):
        build("transmorph", patch=3)
    with pytest.raises(InputError, match="as many depths as heads"):
        build("transmorph", depths=(2, 2))
    with pytest.raises(InputError, match="heads divide"):
        build("transmorph", embed_dim=10)
