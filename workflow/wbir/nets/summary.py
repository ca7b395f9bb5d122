"""What a network is made of, as seen by running it: its blocks with their shapes and numbers of parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Layer(NamedTuple):
    """One call of a module. Shapes are those of its tensors, `(B, C, *grid)` for most; parameters its own and within."""

    name: str
    kind: str
    in_shapes: tuple[tuple[int, ...], ...]
    out_shape: tuple[int, ...]
    parameters: int


def parameter_count(module: nn.Module) -> int:
    """The number of trainable parameters, shared ones once."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def layers(module: nn.Module, *inputs: Any, depth: int | None = None) -> list[Layer]:
    """The modules of a network in the order in which they end when it runs on `inputs`, one entry a call.

    depth: None lists the leaves; a number lists the modules so many names below the network, and leaves above.
    Lists of modules count as a name but are no module that runs. Nothing is learned, and the training mode stays.
    """
    found: list[Layer] = []
    handles = [
        part.register_forward_hook(_recorder(found, name), with_kwargs=True) for name, part in _chosen(module, depth)
    ]
    try:
        with torch.no_grad():
            module(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


def _chosen(module: nn.Module, depth: int | None) -> Iterator[tuple[str, nn.Module]]:
    for name, part in module.named_modules():
        below = name.count(".") + 1 if name else 0
        leaf = not any(True for _ in part.children())
        wanted = leaf if depth is None else below == depth or (leaf and below < depth)
        if wanted and not isinstance(part, nn.ModuleList):
            yield name, part


def _recorder(found: list[Layer], name: str) -> Any:
    def record(part: nn.Module, args: Sequence[Any], kwargs: dict[str, Any], output: Any) -> None:
        shapes = tuple(tuple(x.shape) for x in (*args, *kwargs.values()) if isinstance(x, Tensor))
        found.append(Layer(name, type(part).__name__, shapes, _shape(output), parameter_count(part)))

    return record


def _shape(output: Any) -> tuple[int, ...]:
    """The shape of a tensor, or of the first tensor of several; empty where there is none."""
    if isinstance(output, Tensor):
        return tuple(output.shape)
    tensors = [x for x in output if isinstance(x, Tensor)] if isinstance(output, (tuple, list)) else []
    return tuple(tensors[0].shape) if tensors else ()
