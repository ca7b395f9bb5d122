"""A network as it is built: its blocks by resolution and channels, and what goes between them, found by running it."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wbir.errors import InputError
from wbir.figures._drawing import PALETTE
from wbir.results import PaperResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from wbir.figures._network_layout import Box, Drawing
    from wbir.nets.graph import Graph, Node

KIND = {
    "shows": "the blocks of a network by resolution and channels, its skips and warps, and its number of parameters",
    "options": {
        "network": "its name in wbir.nets and its keywords",
        "method": "instead: a method of the paper, whose parameter `network` is drawn as it is at this scale",
        "input": "voxels along each axis of the input",
        "head": "a network on features of keypoints that follows, drawn beside it",
    },
}
WARP = "#D55E00"
COLOURS = [PALETTE[i] for i in (5, 4, 2, 3, 0, 7, 1)]


def draw(
    subfigure: SubFigure,
    results: PaperResults,
    *,
    input: Sequence[int],
    network: Mapping[str, Any] | None = None,
    method: str | None = None,
    head: Mapping[str, Any] | None = None,
) -> None:
    """Build the network, run it on tensors without data, and draw what was seen.

    A network that only applies another (`network` among its keywords) is drawn as that one.
    Raises InputError where neither `network` nor a `method` with one is given, or a name is unknown.
    """
    if network is None:
        network = _network_of(results, method or "")
    while isinstance(network.get("network"), Mapping):
        network = network["network"]
    graphs = [(trace_network(network, input), f"input {' × '.join(map(str, input))}")]
    if head is not None:
        graphs.append((trace_head(head, graphs[0][0].nodes[-1].shape[0], input), "for each keypoint"))
    spans = [len(graph.nodes) for graph, _ in graphs]
    axes = subfigure.subplots(1, len(graphs), squeeze=False, width_ratios=spans)[0]
    names = [network, head]
    for place, (graph, what), entry in zip(axes, graphs, names, strict=False):
        show(place, graph)
        title = f"{(entry or {})['name'].replace('_', ' ')}: {graph.parameters:,} parameters, {what}"
        place.set_title(title, loc="left")


def _network_of(results: PaperResults, method: str) -> Mapping[str, Any]:
    """The `network` of a method's parameters."""
    paper = results.paper
    for name, experiment in paper.spec["experiments"].items():
        if method in experiment["methods"]:
            found = paper.unit(name, method, paper.seeds(name)[0]).parameters.get("network")
            if isinstance(found, Mapping):
                return found
    raise InputError("`network`, or a `method` of the paper that has one", repr(method), "give one of the two")


def trace_network(network: Mapping[str, Any], input: Sequence[int]) -> Graph:
    """The graph of a network on images of a size; one with a single input takes the pair as its channels."""
    import torch

    from wbir.nets import build
    from wbir.nets.graph import trace

    with torch.device("meta"):
        module = build(**{"dim": len(input), **network})
        names = _arguments(module.forward)
        channels = network.get("channels", 1) if len(names) > 1 else network.get("in_channels", 2)
        images = [torch.zeros(1, channels, *input) for _ in names]
        return trace(module, images, names if len(names) > 1 else ["fixed, moving"])


def trace_head(head: Mapping[str, Any], channels: int, input: Sequence[int]) -> Graph:
    """The graph of a head on the features of keypoints; it takes them and the size of the image."""
    import torch

    from wbir.nets import build
    from wbir.nets.graph import trace

    with torch.device("meta"):
        module = build(**{"dim": len(input), "channels": channels, **head})
        return trace(module, [torch.zeros(4, channels)], ["features"], extra=[tuple(input)])


def _arguments(forward: Any) -> list[str]:
    parameters = inspect.signature(forward).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]


def show(axes: Axes, graph: Graph) -> None:
    """Draw a graph: a block's height is its resolution, its width the root of its channels."""
    from wbir.figures._network_layout import lay_out

    finest = max(node.shape[1] for node in graph.nodes if len(node.shape) > 1)
    drawing = lay_out(graph, finest)
    relative = len(graph.nodes[0].shape) > 1
    dim = max(len(node.shape) for node in graph.nodes) - 1
    colours = dict(zip(groups(graph), COLOURS * 3, strict=False))
    for points, warped in sorted(drawing.lines, key=lambda line: not line[1]):  # what is plain lies on top
        _arrow(axes, points, warped)
    for box in drawing.boxes.values():
        _box(axes, box, colours.get(group_of(box.node), "#DDDDDD"), _grid(box.node, finest, relative), dim)
    _frame(axes, drawing)
    _legend(axes, graph, colours)


def group_of(node: Node) -> str:
    """The part that a block belongs to: the last word of its name that is no number."""
    return "" if node.kind in ("input", "output") else [w for w in node.name.split(".") if not w.isdigit()][-1]


def groups(graph: Graph) -> list[str]:
    return list(dict.fromkeys(group for node in graph.nodes if (group := group_of(node))))


def _grid(node: Node, finest: int, relative: bool) -> str:
    """Resolution as a fraction of the input's, or voxels where the input is no image."""
    if len(node.shape) < 2:
        return ""
    if not relative:
        return str(node.shape[1]) + {2: "²", 3: "³"}[len(node.shape) - 1]
    ratio = round(finest / node.shape[1])
    return "1" if ratio == 1 else f"1/{ratio}"


def _arrow(axes: Axes, points: Sequence[tuple[float, float]], warped: bool) -> None:
    line: dict[str, Any] = {"color": WARP if warped else "#555555", "linewidth": 0.8}
    xs, ys = zip(*points[:-1], strict=True)
    axes.plot(xs, ys, **line, solid_joinstyle="round", zorder=1)
    arrow = {"arrowstyle": "-|>", "mutation_scale": 6, "shrinkA": 0, "shrinkB": 0, **line}
    axes.annotate("", points[-1], points[-2], arrowprops=arrow, zorder=2)


def _box(axes: Axes, box: Box, colour: str, grid: str, dim: int) -> None:
    from matplotlib.patches import Rectangle

    patch = Rectangle(
        (box.left, box.bottom), box.width, box.height, facecolor=colour, edgecolor="#333333", linewidth=0.6
    )
    axes.add_patch(patch).set_zorder(3)
    text: dict[str, Any] = {"ha": "center", "fontsize": 6.5, "linespacing": 1.1, "zorder": 4}
    axes.text(box.x, box.bottom - 0.04, f"{box.node.shape[0]}\n{grid}", va="top", **text)
    if box.node.kind in ("input", "output"):
        found = "u" if box.node.shape[0] == dim else "features"
        name = found if box.node.kind == "output" else box.node.name.replace(", ", ",\n")
        axes.text(box.x, box.top + 0.04, name, va="bottom", **text)


def _frame(axes: Axes, drawing: Drawing) -> None:
    boxes = drawing.boxes.values()
    ys = [y for points, _ in drawing.lines for _, y in points]
    axes.set_xlim(min(b.left for b in boxes) - 0.5, max(b.right for b in boxes) + 0.5)
    axes.set_ylim(min([b.bottom - 0.4 for b in boxes] + ys) - 0.05, max([b.top + 0.3 for b in boxes] + ys) + 0.05)
    axes.axis("off")


def _legend(axes: Axes, graph: Graph, colours: Mapping[str, str]) -> None:
    """What a block of each part holds, and what the colours of lines mean."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(
            facecolor=colour,
            edgecolor="#333333",
            linewidth=0.6,
            label=f"{_title(graph, group)}: {_insides(graph, group)}",
        )
        for group, colour in colours.items()
    ]
    if any(edge.warped for edge in graph.edges):
        handles.append(Line2D([], [], color=WARP, linewidth=0.8, label="by way of a warp"))
    size = "height: resolution, width: root of channels; below: channels, resolution"
    handles.append(Line2D([], [], linestyle="none", label=size))
    columns = 2 if len(handles) > 3 and len(graph.nodes) > 14 else 1
    options: dict[str, Any] = {"fontsize": 6.5, "handlelength": 1.2, "labelspacing": 0.3, "columnspacing": 1.5}
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, 0), ncol=columns, borderaxespad=0, **options)


def _title(graph: Graph, group: str) -> str:
    """The name of a group, and how often it runs if it runs more than once with the same weights."""
    calls = Counter(node.name for node in graph.nodes if group_of(node) == group)
    times = max(calls.values())
    return group.replace("_", " ") + (f" ({times} times with the same weights)" if times > 1 else "")


def _insides(graph: Graph, group: str) -> str:
    """The different contents of a group's blocks, the first two of them."""
    found = list(dict.fromkeys(node.inside for node in graph.nodes if group_of(node) == group))
    return " | ".join(found[:2] + ["…"] * (len(found) > 2))
