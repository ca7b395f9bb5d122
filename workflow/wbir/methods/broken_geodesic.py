"""Broken geodesics of stationary velocity fields, paper 06, Algorithm 1 and Sect. 2.1.

Each piece registers the moving image of the piece before to the fixed image by symmetric log-demons (Vercauteren et
al. 2008); the pieces are composed, `gamma = exp(v_1) o ... o exp(v_N)`, and the sum of their norms is the
registration metric `l(gamma)`. The text leaves open the demons settings (we take the usual ones, all sigmas 1), the
levels and iterations (enough that one field comes within about 6 % of its converged residual on
real brains at 4 mm), the stopping rule of pieces
(relative decrease of the mean squared difference) and the norm V (`registration/broken_geodesic.py`). Its energy is
similarity plus `||grad gamma_i||^2` without a weight; demons minimise by alternating, so the smoothing by
`sigma_diffusion` is that regulariser here, and the similarity decides when to stop.

Readings: `path_length` (mm, Sobolev norm), `path_length_l2` (mm), `pieces`; `residual_mse` after piece i (label i; 0
is before), intensities scaled to [0, 1]; `segment_norm`, `segment_displacement` (mean |exp(v_i) - id|),
`segment_max_displacement` (mm, label i).
Arrays: `path_slices` `(pieces + 1, X, Y)`, the middle slices of S_0 ... S_N.
"""

from __future__ import annotations

from collections.abc import Sequence

from wbir.cases import Case, Prediction

SPEC = {
    "title": "Broken geodesic of log-demons",
    "reference": "WBIR 2022, paper 06, Algorithm 1",
    "kind": "iterative",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 3000,
    "runtime": 60,
    "gpu": 0,
    "parameters": {
        "max_pieces": 5,
        "piece_tolerance": 0.01,
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
    "tiny": {"max_pieces": 2, "iterations": [4, 2]},
    "dims": [2, 3],
}


def predict(
    case: Case,
    *,
    seed: int,
    device: str = "cpu",
    max_pieces: int,
    piece_tolerance: float,
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
    return predict_path(
        case, settings, max_pieces=max_pieces, tolerance=piece_tolerance, alpha_mm=alpha_mm, device=device
    )
