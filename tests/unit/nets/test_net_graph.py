"""The blocks of networks and what goes between them, beside drawings made by hand."""

from __future__ import annotations

import itertools

import torch

from wbir.nets import build
from wbir.nets.graph import Edge, Graph, in_words, trace, without_shortcuts


def named(graph: Graph) -> set[tuple[str, str]]:
    names = [node.name for node in graph.nodes]
    return {(names[e.start], names[e.end] + ("*" if e.warped else "")) for e in graph.edges}


def test_a_unets_skips_are_found() -> None:
    net = build("unet", dim=2, encoder=(4, 6), decoder=(8, 5), extra=(3,))
    graph = trace(net, [torch.zeros(1, 2, 16, 12)], ["pair"])
    chain = ["pair", "encoder.0", "encoder.1", "decoder.0", "decoder.1", "extra.0", "output"]
    assert [node.name for node in graph.nodes] == chain
    skips = {("encoder.1", "decoder.1"), ("encoder.0", "extra.0")}
    assert named(graph) == skips | set(itertools.pairwise(chain))
    assert [node.shape for node in graph.nodes][3] == (8, 4, 3)
    assert graph.nodes[1].kind == "convolution"
    assert graph.nodes[1].inside == "conv 3², leaky ReLU"


def test_shared_streams_are_two_calls_of_one_block() -> None:
    net = build("two_stream", dim=2, features=2, encoder=(2, 2, 2), decoder=(2, 2, 2, 2))
    with torch.device("meta"):
        graph = trace(net.to("meta"), [torch.zeros(1, 1, 64, 64) for _ in range(2)], ["fixed", "moving"])
    assert [n.name for n in graph.nodes].count("stream.1") == 2
    calls = {i for i, n in enumerate(graph.nodes) if n.name == "stream.1"}
    first = next(i for i, n in enumerate(graph.nodes) if n.name == "encoder.0")
    assert {e.start for e in graph.edges if e.end == first} == calls
    assert graph.nodes[-1].shape == (2, 64, 64)


def test_velocities_go_from_step_to_step_through_warps() -> None:
    with torch.device("meta"):
        net = build("velocity_transmorph", dim=2, steps=4)
        graph = trace(net, [torch.zeros(1, 1, 64, 64) for _ in range(2)], ["fixed", "moving"])
    steps = {(f"steps.{t}", f"steps.{t + 1}*") for t in range(3)} | {("steps.3", "output*")}
    edges = named(graph)
    assert {e for e in edges if e[0].startswith("steps")} == steps
    assert {("trunk.blocks.2", f"steps.{t}") for t in range(4)} < edges
    assert ("moving", "steps.0") in edges and ("moving", "steps.1*") in edges
    stage = next(n for n in graph.nodes if n.name == "trunk.transformer.stages.3")
    assert (stage.kind, stage.shape) == ("attention", (768, 2, 2))
    assert ("trunk.transformer.stages.2", "trunk.blocks.0") in edges


def test_only_warped_shortcuts_are_left_out() -> None:
    edges = [Edge(0, 1, True), Edge(1, 2, True), Edge(0, 2, True), Edge(0, 3), Edge(2, 3), Edge(1, 3, True)]
    assert set(without_shortcuts(edges)) == set(edges) - {Edge(0, 2, True)}


def test_blocks_in_words() -> None:
    net = build("backbone", dim=2, width=0.1)
    conv = "instance norm, ReLU"
    assert in_words(net.encoder[0]) == f"conv 3², {conv}, conv 1², {conv}"
    two = build("two_stream")
    assert in_words(two.joint) == "3 × (conv 3³, instance norm, leaky ReLU)"
    assert in_words(two.encoder[0]).startswith("conv 3³ / 2, instance norm")
    stage = build("transmorph", dim=2, embed_dim=8).trunk.transformer.stages[2]
    assert in_words(stage) == "4 × Swin block"
