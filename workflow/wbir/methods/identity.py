"""Identity: no registration. The negative control that every registration method must beat."""

from __future__ import annotations

from wbir.cases import Case, Prediction

SPEC = {
    "title": "Identity",
    "reference": "negative control",
    "kind": "control",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 1000,
    "runtime": 10,
    "gpu": 0,
    "parameters": {},
    "tiny": {},
    "dims": [2, 3],
}


def predict(case: Case, *, seed: int, device: str = "cpu") -> Prediction:
    """An empty prediction, which is the identity."""
    return Prediction()
