"""How the blocks of a network hang together, found by running it: what goes from block to block, and through a warp.

A network says what its blocks are by `parts`, names of attributes; see `blocks_of`. Each tensor is followed through the
functions between blocks (concatenation, upsampling, warping, …), so that skips and shared blocks come out by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from wbir.nets.summary import parameter_count

WARPS = ("grid_sample",)
LAYERS = {
    "InstanceNorm": "instance norm",
    "BatchNorm": "batch norm",
    "LeakyReLU": "leaky ReLU",
    "ReLU": "ReLU",
    "Linear": "linear",
    "SwinBlock": "Swin block",
    "PreActivated": "residual block",
}


@dataclass(frozen=True)
class Node:
    """One call of a block. shape: channels, then the grid. inside: its layers in words.

    kind: `convolution`, `attention`, a class, or `input` and `output`, which are nodes too.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int = 0
    inside: str = ""


@dataclass(frozen=True)
class Edge:
    """From node to node, by number. warped: a warp lies between."""

    start: int
    end: int
    warped: bool = False


@dataclass
class Graph:
    """Nodes in the order in which they end: inputs first, the output last."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    parameters: int = 0


def blocks_of(module: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The blocks of a network by name: each of its `parts`, of a list of blocks its members, of a part with parts those.

    A module without `parts` is one block.
    """
    for part in getattr(module, "parts", ()):
        child, path = getattr(module, part), f"{name}{part}"
        members = [(f"{path}.{key}", member) for key, member in child.named_children()]
        composed = isinstance(child, nn.Sequential) and any(True for _, m in members for _ in m.children())
        if not (composed or isinstance(child, nn.ModuleList)):
            members = [(path, child)]
        for key, member in members:
            inner = list(blocks_of(member, f"{key}."))
            yield from inner or [(key, member)]


def trace(module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str], extra: Sequence[Any] = ()) -> Graph:
    """The graph of a network that runs on `inputs` (called `names`) and on further arguments `extra` that are not drawn.

    On tensors of the meta device it costs no computing.
    """
    graph = Graph(parameters=parameter_count(module))
    ways = _Ways()
    for name, tensor in zip(names, inputs, strict=True):
        graph.nodes.append(Node(name, "input", tuple(tensor.shape[1:])))
        ways.put(tensor, {(len(graph.nodes) - 1, False)})
    blocks: dict[int, tuple[str, nn.Module]] = {}
    for name, block in blocks_of(module):
        blocks.setdefault(id(block), (name, block))
    handles = [handle for name, block in blocks.values() for handle in _watch(name, block, graph, ways)]
    try:
        with torch.no_grad(), ways:
            output = module(*inputs, *extra)
    finally:
        for handle in handles:
            handle.remove()
    tensor = output if isinstance(output, Tensor) else output[0]
    graph.nodes.append(Node("output", "output", tuple(tensor.shape[1:])))
    _connect(graph, ways.of([tensor]))
    graph.edges = without_shortcuts(graph.edges, keep=len(inputs))
    return graph


def without_shortcuts(edges: Iterable[Edge], keep: int = 0) -> list[Edge]:
    """The edges without warps that only sum up: `a -> c` where warps lead from a to c by other nodes.

    keep: those of the first nodes, the inputs, stay.
    """
    kept = sorted(set(edges), key=lambda e: (e.end, e.start, e.warped))
    warps = {(e.start, e.end) for e in kept if e.warped}

    def led(start: int, end: int) -> bool:
        steps = [e for s, e in warps if s == start and e < end]
        return any((step, end) in warps or led(step, end) for step in steps)

    return [e for e in kept if e.start < keep or not (e.warped and led(e.start, e.end))]


class _Ways(TorchFunctionMode):
    """For each tensor, the nodes it comes from with no other between, and whether through a warp."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[int, tuple[Tensor, set[tuple[int, bool]]]] = {}

    def put(self, tensor: Tensor, origins: set[tuple[int, bool]]) -> None:
        self.known[id(tensor)] = (tensor, origins)  # the tensor is held, so that no other takes its id

    def of(self, tensors: Iterable[Tensor]) -> set[tuple[int, bool]]:
        found = [self.known[id(t)][1] for t in tensors if id(t) in self.known]
        return set().union(*found)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        origins = self.of(_tensors((args, kwargs)))
        if origins:
            if getattr(func, "__name__", "") in WARPS:
                origins = {(node, True) for node, _ in origins}
            for tensor in _tensors(result):
                self.put(tensor, origins)
        return result


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)


def _watch(name: str, block: nn.Module, graph: Graph, ways: _Ways) -> list[Any]:
    """Hooks that note where a block's inputs come from, and make its outputs come from it."""
    entered: list[set[tuple[int, bool]]] = []

    def before(_: nn.Module, args: Any, kwargs: Any) -> None:
        entered.append(ways.of(_tensors((args, kwargs))))

    def after(part: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        outputs = list(_tensors(output))
        shape = _shape(part, outputs[0])
        graph.nodes.append(Node(name, _kind(part), shape, parameter_count(part), in_words(part)))
        _connect(graph, entered.pop())
        for tensor in outputs:
            ways.put(tensor, {(len(graph.nodes) - 1, False)})

    return [
        block.register_forward_pre_hook(before, with_kwargs=True),
        block.register_forward_hook(after, with_kwargs=True),
    ]


def _connect(graph: Graph, origins: Iterable[tuple[int, bool]]) -> None:
    """Edges from the origins to the last node, warped where one way is."""
    warped = {node for node, through in origins if through}
    graph.edges += [Edge(n, len(graph.nodes) - 1, n in warped) for n in sorted({node for node, _ in origins})]


def _kind(block: nn.Module) -> str:
    """`attention` or `convolution`; what has neither goes by its class."""
    classes = {type(part).__name__ for part in block.modules()}
    if "WindowAttention" in classes:
        return "attention"
    if any(name.startswith("Conv") for name in classes):
        return "convolution"
    return type(block).__name__


def in_words(block: nn.Module) -> str:
    """The layers of a block in the order in which they are made, as `2 × (conv 3³, instance norm, leaky ReLU), conv 3³`."""
    words, told = _words(block), []
    while words:
        length, times = max(
            ((n, _repeats(words, n)) for n in range(1, len(words) + 1)), key=lambda f: (f[1] > 1) * f[0] * f[1]
        )
        if times == 1:
            length = 1
        unit = ", ".join(words[:length])
        told.append(unit if times == 1 else f"{times} × ({unit})" if length > 1 else f"{times} × {unit}")
        words = words[length * times :]
    return ", ".join(told)


def _repeats(words: list[str], length: int) -> int:
    """How often the first `length` words come one after another."""
    times = 1
    while words[length * times : length * (times + 1)] == words[:length]:
        times += 1
    return times


def _words(part: nn.Module) -> list[str]:
    own = _word(part)
    return [own] if own else [word for child in part.children() for word in _words(child)]


def _word(part: nn.Module) -> str:
    name = type(part).__name__
    if name.startswith("Conv"):
        sizes: Any = part.kernel_size
        power = "²" if len(sizes) == 2 else "³" if len(sizes) == 3 else ""
        size, stride = int(sizes[0]), int(part.stride[0])  # type: ignore[index,arg-type]
        kind = "transposed conv" if "Transpose" in name else "conv"
        return f"{kind} {size}{power}" + (f" / {stride}" if stride > 1 else "")
    return LAYERS.get(name.removesuffix("1d").removesuffix("2d").removesuffix("3d"), "")


def _shape(block: nn.Module, output: Tensor) -> tuple[int, ...]:
    """Channels, then the grid; transformers put the channels last."""
    shape = tuple(output.shape[1:])
    return (shape[-1], *shape[:-1]) if _kind(block) == "attention" else shape
