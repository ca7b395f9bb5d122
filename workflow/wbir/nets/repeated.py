"""A registration network applied several times: each time it sees the moving image as warped so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from wbir import nets
from wbir.errors import InputError, require_known
from wbir.geometry.flows import compose
from wbir.geometry.warping import warp
from wbir.nets.maps import Maps

GRADIENTS = ("all", "last")


class Repeated(nn.Module):
    """`network(fixed, moving)`, then `network(fixed, moving warped by what was found)`, composed; one set of weights.

    gradient: `all` reaches through every application, `last` through the last one alone (the others are as inputs).
    """

    def __init__(self, network: nn.Module, times: int, gradient: str) -> None:
        super().__init__()
        self.network, self.times, self.gradient = network, times, gradient

    def forward(self, fixed: Tensor, moving: Tensor) -> Maps:
        total: Tensor | None = None
        for number in range(1, self.times + 1):
            seen = moving if total is None else warp(moving, total)
            through = torch.is_grad_enabled() and (self.gradient == "all" or number == self.times)
            with torch.set_grad_enabled(through):
                found = self.network(fixed, seen).displacement.float()
            total = found if total is None else compose(total, found)
        assert total is not None
        return Maps(total)


def architecture(network: Mapping[str, Any], times: int, gradient: str) -> dict[str, Any]:
    """The plain values by which `nets.build` makes such a network."""
    return {"name": "repeated", "network": dict(network), "times": times, "gradient": gradient}


def build(network: Mapping[str, Any], dim: int = 3, times: int = 2, gradient: str = "all") -> Repeated:
    """network: a name of this room with its keywords, which returns Maps. Raises InputError for unfit values."""
    require_known({"gradient": (gradient, GRADIENTS)}, "of a repeated network")
    if times < 1:
        raise InputError("a network applied at least once", f"times {times}", "correct it")
    return Repeated(nets.build(**network, dim=dim), times, gradient)
