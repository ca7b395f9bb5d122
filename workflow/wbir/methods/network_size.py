"""Counting the trainable parameters of networks as they are built: no data are looked at and nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wbir.cases import Case, Prediction, Reading

SPEC = {
    "title": "number of parameters",
    "reference": "WBIR 2022 paper 10, Sect. 2",
    "kind": "iterative",
    "registers": False,
    "stack": "torch",
    "threads": 1,
    "mem_mb": 1000,
    "runtime": 5,
    "gpu": 0,
    "parameters": {"networks": [["backbone", {"name": "backbone"}], ["head", {"name": "heatmap"}]]},  # label, network
    "tiny": {},
    "dims": [2, 3],
}


def predict(case: Case, *, seed: int, device: str, networks: list[tuple[str, Mapping[str, Any]]]) -> Prediction:
    """The identity, with a reading `trainable_parameters` for each network."""
    from wbir.nets import build
    from wbir.training.models import parameter_count

    counts = {label: parameter_count(build(**network)) for label, network in networks}
    return Prediction(readings=[Reading("trainable_parameters", float(n), "1", label=k) for k, n in counts.items()])
