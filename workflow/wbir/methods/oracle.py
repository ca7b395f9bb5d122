"""Oracle: the case's own truth as the answer. The positive control: no method can do better on simulated cases.

A true displacement comes with its inverse (fixed-point iteration, geometry.flows.invert), a true matrix as a matrix.
"""

from __future__ import annotations

import numpy as np

from wbir.cases import Case, Prediction
from wbir.errors import InputError

SPEC = {
    "title": "Oracle",
    "reference": "positive control",
    "kind": "control",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 2000,
    "runtime": 10,
    "gpu": 0,
    "parameters": {},
    "tiny": {},
    "dims": [2, 3],
    "registers": False,
    "needs": ["truth|truth_matrix"],  # of a case; one without has no answer, which is no failure
}


def predict(case: Case, *, seed: int, device: str = "cpu") -> Prediction:
    """The truth of a case: `displacement` and `inverse`, or `matrix`, or all. Raises InputError where it has none."""
    if case.truth is None and case.truth_matrix is None:
        raise InputError(
            f"a true displacement or matrix in case {case.id}", "none", "leave the oracle out of this experiment"
        )
    matrix = None if case.truth_matrix is None else np.array(case.truth_matrix, dtype=np.float64)
    if case.truth is None:
        return Prediction(matrix=matrix)
    from wbir.registration.inverse import inverse_displacement

    truth = np.array(case.truth, dtype=np.float32)
    return Prediction(displacement=truth, inverse=inverse_displacement(truth), matrix=matrix)
