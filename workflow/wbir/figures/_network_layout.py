"""Where the blocks of a network stand on a drawing, and the lines between them.

Blocks stand in columns by their distance from the input. The main lane lies at y = 0; blocks that run beside it (streams of
two images, convolutions of the images that are passed across) have lanes above or below. A block of full resolution is 1
high.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from wbir.nets.graph import Edge, Graph, Node

GAP, LANE = 0.16, 0.42  # between a bus and what it passes; between lanes (room for two lines of text)
SPACE = 0.6  # between columns
LOWEST = 0.06  # height of a block of hardly any resolution


@dataclass
class Box:
    """A block: centre, size, the column, the node it shows."""

    node: Node
    column: int
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        return self.y + self.height / 2

    @property
    def bottom(self) -> float:
        return self.y - self.height / 2


@dataclass
class Drawing:
    """Boxes by node number; lines as points, and whether a warp lies on them."""

    boxes: dict[int, Box] = field(default_factory=dict)
    lines: list[tuple[list[tuple[float, float]], bool]] = field(default_factory=list)


def lay_out(graph: Graph, finest: int) -> Drawing:
    """The drawing of a graph. finest: voxels along the first axis of a block that is 1 high."""
    nodes, edges = without_twins(graph.nodes, graph.edges)
    columns, beside = place_in_columns(nodes, edges)
    drawing = Drawing()
    widest = max(node.shape[0] for node in nodes.values())
    for number, node in nodes.items():
        extent = node.shape[1] / finest if len(node.shape) > 1 else 0
        box = Box(node, columns[number], width=0.14 + 0.8 * math.sqrt(node.shape[0] / widest))
        box.height = max(extent, LOWEST)
        drawing.boxes[number] = box
    _place(drawing.boxes, beside)
    _draw_lines(drawing, edges)
    return drawing


def without_twins(nodes: Sequence[Node], edges: Sequence[Edge]) -> tuple[dict[int, Node], list[Edge]]:
    """Inputs that always go together become one: their names joined, their channels added."""
    inputs = [i for i, node in enumerate(nodes) if node.kind == "input"]
    ends = [{e.end for e in edges if e.start == i} for i in inputs]
    kept = dict(enumerate(nodes))
    if len(inputs) < 2 or any(e != ends[0] for e in ends):
        return kept, list(edges)
    first, *others = inputs
    together = [kept.pop(i) for i in others]
    name = ", ".join([nodes[first].name, *(n.name for n in together)])
    channels = nodes[first].shape[0] + sum(n.shape[0] for n in together)
    kept[first] = Node(name, "input", (channels, *nodes[first].shape[1:]))
    warped = {e.end for e in edges if e.start in inputs and e.warped}
    own = [Edge(first, end, end in warped) for end in sorted(ends[0])]
    return kept, [*own, *(e for e in edges if e.start not in inputs)]


def place_in_columns(nodes: dict[int, Node], edges: Sequence[Edge]) -> tuple[dict[int, int], set[int]]:
    """The column of each node, and those nodes that run beside the main lane.

    A column is the longest way from an input. A block that sees inputs alone waits until just before it is needed.
    """
    columns = dict.fromkeys(nodes, 0)
    for number in nodes:  # a node follows all that lead to it
        columns[number] = max((columns[e.start] + 1 for e in edges if e.end == number), default=0)
    beside = set()
    for number in nodes:
        needed = min((columns[e.end] for e in edges if e.start == number), default=0)
        if columns[number] == 1 and needed > 2:
            columns[number] = needed - 1
            beside.add(number)
    return columns, beside


def _place(boxes: dict[int, Box], beside: set[int]) -> None:
    """Set the centres of boxes that have sizes."""
    x = 0.0
    tallest = max(box.height for box in boxes.values())
    for column in range(max(box.column for box in boxes.values()) + 1):
        members = [number for number, box in boxes.items() if box.column == column]
        width = max(boxes[number].width for number in members)
        lanes = [number for number in members if number not in beside]
        pitch = tallest + LANE
        for number in members:
            boxes[number].x = x + width / 2
        for lane, number in enumerate(lanes):
            boxes[number].y = ((len(lanes) - 1) / 2 - lane) * pitch
        lower = -tallest / 2 - LANE
        for number in (n for n in members if n in beside):
            boxes[number].y = lower - boxes[number].height / 2
            lower -= boxes[number].height + LANE
        x += width + SPACE


def _draw_lines(drawing: Drawing, edges: Sequence[Edge]) -> None:
    boxes = drawing.boxes
    far: dict[int, list[Edge]] = {}
    for edge in edges:
        start, end = boxes[edge.start], boxes[edge.end]
        if end.column - start.column == 1:
            drawing.lines.append((_straight(start, end), edge.warped))
        else:
            far.setdefault(edge.start, []).append(edge)
    upper: list[tuple[float, float, float]] = []
    floor = min(box.bottom for box in boxes.values()) - LANE
    by_length = sorted(far.values(), key=lambda es: max(boxes[e.end].column for e in es) - boxes[es[0].start].column)
    for group in by_length:
        start = boxes[group[0].start]
        below = start.node.kind == "input" or start.y < 0
        level = floor if below else _free_level(start, group, boxes, upper)
        for edge in group:
            drawing.lines.append((_round(start, boxes[edge.end], level, below), edge.warped))
        floor -= GAP if below else 0


def _free_level(
    start: Box, group: Sequence[Edge], boxes: dict[int, Box], taken: list[tuple[float, float, float]]
) -> float:
    """The height of a line over all boxes from the start to the furthest end, clear of the lines that are there."""
    last = max((boxes[e.end] for e in group), key=lambda box: box.x)
    level = GAP + max(box.top for box in boxes.values() if start.column <= box.column <= last.column)
    crossed = sorted(y for left, right, y in taken if left < last.x and start.x < right)
    for y in crossed:
        if abs(y - level) < GAP * 0.9:
            level = y + GAP
    taken.append((start.x, last.x, level))
    return level


def _straight(start: Box, end: Box) -> list[tuple[float, float]]:
    """From a box to one in the next column; with a bend where they stand in different lanes."""
    if start.y == end.y:
        return [(start.right, start.y), (end.left, end.y)]
    y = end.y + math.copysign(end.height / 4, start.y - end.y)
    bend = end.left - SPACE / 2
    return [(start.right, start.y), (bend, start.y), (bend, y), (end.left, y)]


def _round(start: Box, end: Box, level: float, below: bool) -> list[tuple[float, float]]:
    """Over the boxes, or below them through the gaps between columns, where no text stands."""
    if not below:
        up, down = start.x + start.width / 4, end.x - end.width / 4
        return [(up, start.top), (up, level), (down, level), (down, end.top)]
    out, into = start.right + SPACE * 0.3, end.left - SPACE * 0.3
    y = end.y - end.height / 4
    return [(start.right, start.y), (out, start.y), (out, level), (into, level), (into, y), (end.left, y)]
