"""Drawings of networks: columns and lanes of small graphs made by hand, and that every network can be drawn."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import matplotlib
import pytest
from matplotlib.figure import Figure

from wbir.errors import InputError
from wbir.figures import architecture
from wbir.figures._network_layout import lay_out, place_in_columns, without_twins
from wbir.nets.graph import Edge, Graph, Node

matplotlib.use("Agg")


def node(name: str, channels: int = 4, size: int = 8, kind: str = "convolution") -> Node:
    return Node(name, kind, (channels, size, size))


PAIR = [node("fixed", 1, kind="input"), node("moving", 2, kind="input")]


def test_inputs_that_go_together_become_one() -> None:
    nodes = [*PAIR, node("a"), node("b")]
    edges = [Edge(0, 2), Edge(1, 2), Edge(2, 3), Edge(0, 3), Edge(1, 3, True)]
    kept, left = without_twins(nodes, edges)
    assert list(kept) == [0, 2, 3] and kept[0].name == "fixed, moving" and kept[0].shape == (3, 8, 8)
    assert set(left) == {Edge(0, 2), Edge(2, 3), Edge(0, 3, True)}
    apart = [Edge(0, 2), Edge(1, 3), Edge(2, 3)]
    assert without_twins(nodes, apart) == (dict(enumerate(nodes)), apart)


def test_columns_follow_the_longest_way_and_side_blocks_wait() -> None:
    nodes = dict(enumerate([PAIR[0], node("a"), node("b"), node("c"), node("side"), node("d")]))
    edges = [Edge(0, 1), Edge(1, 2), Edge(2, 3), Edge(1, 3), Edge(0, 4), Edge(3, 5), Edge(4, 5)]
    columns, beside = place_in_columns(nodes, edges)
    assert columns == {0: 0, 1: 1, 2: 2, 3: 3, 4: 3, 5: 4}
    assert beside == {4}


def test_no_boxes_overlap_and_skips_pass_over_them() -> None:
    nodes = [PAIR[0], node("a", 4, 8), node("b", 16, 4), node("c", 4, 8)]
    drawing = lay_out(Graph(nodes, [Edge(0, 1), Edge(1, 2), Edge(2, 3), Edge(1, 3)]), 8)
    boxes = list(drawing.boxes.values())
    assert [b.height for b in boxes] == [1, 1, 0.5, 1]
    assert all(a.right < b.left for a, b in itertools.pairwise(boxes))
    assert boxes[2].width > boxes[1].width == boxes[3].width
    skip = next(points for points, _ in drawing.lines if len(points) == 4)
    assert min(y for _, y in skip[1:3]) > max(b.top for b in boxes)


@pytest.mark.parametrize(
    ("network", "size"),
    [
        ({"name": "backbone", "width": 0.1}, [32, 32, 32]),
        ({"name": "two_stream"}, [144, 112, 144]),
        ({"name": "velocity_transmorph", "embed_dim": 8, "heads": [1, 1, 2, 2], "steps": 3}, [64, 64]),
        ({"name": "laplacian_pyramid", "width": 4}, [32, 48]),
    ],
)
def test_networks_are_drawn_with_their_numbers(network: dict[str, Any], size: list[int]) -> None:
    figure = Figure()
    head = {"name": "heatmap", "width": 0.5} if network["name"] == "backbone" else None
    architecture.draw(figure, None, network=network, input=size, head=head)  # type: ignore[arg-type]
    parameters = architecture.trace_network(network, size).parameters
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert f"{parameters:,} parameters, input {' × '.join(map(str, size))}" in titles[0]
    assert len(titles) == (2 if head else 1)


def test_the_network_of_a_method_is_found() -> None:
    inner = {"name": "unet", "dim": 2, "encoder": [4, 4], "decoder": [4, 4], "extra": [4]}
    repeated = {"name": "repeated", "network": inner, "times": 2}
    units = SimpleNamespace(parameters={"network": repeated})
    paper = SimpleNamespace(
        spec={"experiments": {"main": {"methods": ["ours"]}}}, unit=lambda *_: units, seeds=lambda _: [0]
    )
    results: Any = SimpleNamespace(paper=paper)
    assert architecture._network_of(results, "ours") == repeated
    figure = Figure()
    architecture.draw(figure, results, method="ours", input=[16, 16])  # type: ignore[arg-type]
    assert figure.axes[0].get_title(loc="left").startswith("unet: ")
    with pytest.raises(InputError, match="a `method` of the paper that has one"):
        architecture._network_of(results, "other")
