"""The list of layers beside a network counted by hand, on tensors with and without data."""

from __future__ import annotations

import torch

from wbir.nets import build
from wbir.nets.summary import layers, parameter_count


def test_leaves_and_blocks_of_a_unet() -> None:
    net = build("unet", dim=2, encoder=(4, 6), decoder=(8, 5), extra=(3,))
    leaves = layers(net, torch.zeros(1, 2, 16, 12))
    convolutions = [layer for layer in leaves if layer.kind == "Conv2d"]
    assert [(c.in_shapes[0][1], c.out_shape[1]) for c in convolutions] == [(2, 4), (4, 6), (6, 8), (14, 5), (9, 3)]
    assert [c.out_shape[2:] for c in convolutions] == [(16, 12), (8, 6), (4, 3), (8, 6), (16, 12)]
    assert sum(layer.parameters for layer in leaves) == parameter_count(net)
    assert [layer.kind for layer in leaves].count("MaxPool2d") == 2

    blocks = layers(net, torch.zeros(1, 2, 16, 12), depth=2)
    assert [b.name for b in blocks if b.parameters] == ["encoder.0", "encoder.1", "decoder.0", "decoder.1", "extra.0"]
    assert blocks[0].parameters == 9 * 2 * 4 + 4
    assert not any(part._forward_hooks for part in net.modules())


def test_a_shared_module_is_listed_once_a_call_and_counted_once() -> None:
    net = build("two_stream", dim=2, features=2, encoder=(2, 2, 2), decoder=(2, 2, 2, 2))
    found = layers(net, torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 32, 32), depth=1)
    assert [layer.name for layer in found] == ["stream", "stream", "joint", "head"]
    assert parameter_count(net) == sum(p.numel() for p in net.parameters())


def test_shapes_without_data() -> None:
    """On the meta device a large network costs nothing; what returns several tensors is known by its first."""
    with torch.device("meta"):
        net = build("transmorph")
        images = torch.zeros(2, 1, 1, 160, 192, 224)
        found = layers(net, *images, depth=2)
    by_name = {layer.name: layer for layer in found}
    assert by_name["trunk.transformer"].out_shape == (1, 96, 40, 48, 56)
    assert by_name["trunk.transformer"].in_shapes == ((1, 2, 160, 192, 224),)
    assert by_name["blocks.1"].out_shape == (1, 16, 160, 192, 224)
    assert by_name["head"].out_shape == (1, 3, 160, 192, 224)
