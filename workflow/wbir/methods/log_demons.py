"""Symmetric log-domain diffeomorphic demons (Vercauteren et al., MICCAI 2008): one stationary velocity field.

The engine of paper 06 (Sect. 2) on its own, that is the broken geodesic of one piece; `registration/log_demons.py`
says what it minimises. The paper does not print its settings: we take the usual ones, all sigmas 1, as in the method
`broken_geodesic`.
Readings and arrays as in `broken_geodesic`.
"""

from __future__ import annotations

from collections.abc import Sequence

from wbir.cases import Case, Prediction

SPEC = {
    "title": "Symmetric log-demons",
    "reference": "Vercauteren et al., MICCAI 2008",
    "kind": "iterative",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 3000,
    "runtime": 30,
    "gpu": 0,
    "parameters": {
        "iterations": [50, 50, 40, 15],
        "sigma_fluid": 1.0,
        "sigma_diffusion": 1.0,
        "sigma_i": 1.0,
        "sigma_x": 1.0,
        "bracket": False,
        "force": "warped",
        "tolerance": 0.001,
        "window": 5,
        "alpha_mm": None,
    },
    "tiny": {"iterations": [4, 2]},
    "dims": [2, 3],
}


def predict(
    case: Case,
    *,
    seed: int,
    device: str = "cpu",
    iterations: Sequence[int],
    sigma_fluid: float,
    sigma_diffusion: float,
    sigma_i: float,
    sigma_x: float,
    bracket: bool,
    force: str,
    tolerance: float,
    window: int,
    alpha_mm: float | None,
) -> Prediction:
    """Register a case. No chance in it: `seed` is not used. Raises InputError for parameters out of range."""
    from wbir.registration.log_demons import DemonsSettings
    from wbir.registration.path_prediction import predict_path

    settings = DemonsSettings(
        tuple(iterations), sigma_fluid, sigma_diffusion, sigma_i, sigma_x, bracket, force, tolerance, window
    )
    return predict_path(case, settings, max_pieces=1, tolerance=0.0, alpha_mm=alpha_mm, device=device)
