"""Networks, one architecture a file: `build(name, **kwargs)` finds the file and calls its `build`.

Every network is a `torch.nn.Module` of plain keyword values, so that `{"name": …, **kwargs}` is its stored architecture.
Inputs are `(B, C, *spatial)` of any size; what maps points is a displacement or velocity in voxels of the input grid,
pull-back (docs/conventions.md). Parameters are drawn from torch's global generator.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbir.errors import InputError

if TYPE_CHECKING:
    from torch import nn


def names() -> list[str]:
    """The networks that are there: files of this room with a `build`."""
    return [p.stem for p in sorted(Path(__file__).parent.glob("[!_]*.py")) if "\ndef build(" in p.read_text("utf-8")]


def build(name: str, **kwargs: Any) -> nn.Module:
    """The network `name` with the keywords of its file's `build`. Raises InputError for an unknown name or keyword."""
    if name not in names():
        raise InputError(f"a network among {names()}", repr(name), f"add nets/{name}.py or correct the name")
    maker = importlib.import_module(f"wbir.nets.{name}").build
    try:
        return maker(**kwargs)
    except TypeError as error:
        if "keyword argument" not in str(error):
            raise
        raise InputError(f"keywords of the network {name}", str(error), "correct the key") from error
