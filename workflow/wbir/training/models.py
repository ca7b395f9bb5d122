"""Networks on disk: `model.pt` holds weights and what they are weights of; only tensors and plain values are ever loaded."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wbir.errors import InputError
from wbir.files import written_whole

Architecture = Mapping[str, Any]
Build = Callable[..., nn.Module]


def save_model(target: Path, network: nn.Module, architecture: Architecture) -> None:
    """Write weights with their architecture (plain values), whole or not at all."""
    save_state(target, {"architecture": dict(architecture), "weights": weights_of(network)})


def save_state(target: Path, state: Mapping[str, Any]) -> None:
    """Write a dictionary of tensors and plain values, whole or not at all; the same content gives the same bytes."""
    with written_whole(target) as temporary, temporary.open("wb") as stream:  # a stream tells of a full disk
        torch.save(dict(state), stream)


def load_state(path: Path, device: str | torch.device = "cpu") -> dict[str, Any]:
    """Read what `save_state` wrote. Raises InputError for a missing or damaged file and for one with other objects."""
    if not Path(path).is_file():
        raise InputError(f"a trained model at {path}", "no such file", "run `wbir fit` first")
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file; pickles with code are refused here
        reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
        raise InputError(
            f"a file of weights at {path}", reason, "train again: the file is damaged or foreign"
        ) from None
    if not isinstance(state, dict):
        raise InputError(f"a dictionary of weights in {path}", type(state).__name__, "give a model of `wbir fit`")
    return state


def load_model(path: Path, network: nn.Module, architecture: Architecture, device: str = "cpu") -> nn.Module:
    """Fill a network of this architecture with the weights of a file: on `device`, ready to predict.

    Raises InputError where the file's architecture is another one; the message names what differs.
    """
    state = load_state(path, device)
    if not {"architecture", "weights"} <= set(state):
        raise InputError(f"architecture and weights in {path}", f"{sorted(state)}", "give a model of `wbir fit`")
    check_same(dict(state["architecture"]), dict(architecture), f"a model of the architecture asked for in {path}")
    _fill(network, state["weights"], path)
    return network.to(device).eval().requires_grad_(False)


def _fill(network: nn.Module, weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Load weights. Raises InputError where they are not those of the network, or not finite; it names the first of them."""
    wanted = network.state_dict()
    unlike = [name for name in sorted({*weights, *wanted}) if _shape(weights.get(name)) != _shape(wanted.get(name))]
    if unlike:
        got = f"{unlike[0]} of shape {_shape(weights.get(unlike[0]))} for {_shape(wanted.get(unlike[0]))}"
        raise InputError(f"the weights of its architecture in {path}", got, "train again: the file is damaged")
    broken = [name for name, value in weights.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise InputError(f"finite weights in {path}", f"NaN or infinity in {broken[0]}", "train again")
    network.load_state_dict(weights)


def _shape(value: torch.Tensor | None) -> tuple[int, ...] | None:
    return None if value is None else tuple(value.shape)


@functools.lru_cache(maxsize=2)
def _kept(path: Path, stamp: int, build: Build, arguments: str, device: str) -> nn.Module:
    architecture = json.loads(arguments)
    return load_model(path, build(**architecture), architecture, device)


def trained(path: Path, build: Build, architecture: Architecture, device: str = "cpu") -> nn.Module:
    """The network `build(**architecture)` with the weights of a file, read once for all the cases of a job."""
    if not Path(path).is_file():
        raise InputError(f"a trained model at {path}", "no such file", "run `wbir fit` first")
    return _kept(
        Path(path), Path(path).stat().st_mtime_ns, build, json.dumps(dict(architecture), sort_keys=True), device
    )


def check_same(found: Mapping[str, Any], wanted: Mapping[str, Any], what: str) -> None:
    """Raise InputError that names the first keys in which two plain dictionaries differ, groups within them key by key."""
    found, wanted = _flat(found), _flat(wanted)
    different = [key for key in sorted({*found, *wanted}) if found.get(key) != wanted.get(key)]
    if different:
        got = ", ".join(f"{key} {found.get(key)!r} for {wanted.get(key)!r}" for key in different[:3])
        raise InputError(what, f"another: {got}", "train again with these parameters, or give the model's own")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def weights_of(network: nn.Module) -> dict[str, torch.Tensor]:
    """The network's state on the CPU, contiguous and of its own: what is written does not depend on the device."""
    return {name: value.detach().cpu().contiguous().clone() for name, value in network.state_dict().items()}


def parameter_count(network: nn.Module) -> int:
    """Trainable parameters."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
