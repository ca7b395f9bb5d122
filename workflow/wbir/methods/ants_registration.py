"""ANTs: rigid, affine and symmetric normalisation (SyN) by antspyx.

SyN maximises a similarity over a pair of time-varying velocity fields that meet half way (Avants et al. 2008, Med
Image Anal 12). Paper 06 (Sect. 3.1) runs it with the mean squared error ("ANTs symmetric, MSE metric") and names no
further setting; paper 24 (Sect. 2) pre-aligns by rigid, and by rigid and affine, with Mattes mutual information.
Steps and smoothing are the ANTs defaults, the four levels are those of its script antsRegistrationSyN.

Each stage is a run of its own. Level l of n shrinks by `2^(n-1-l)` and smooths by `n-1-l` voxels. An initial rigid or
affine stage starts at the translation between the images' centres of mass, as `centre_of_mass` does for the last
stage. `metric` is that of the last stage; an initial rigid or affine stage always uses mutual information. Runs on
one ITK thread in single precision; with a seed two runs give the same bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from wbir.cases import Case, Prediction
from wbir.errors import require_known

SPEC = {
    "title": "ANTs (rigid, affine, SyN)",
    "reference": "Avants et al. 2008, Med Image Anal 12; paper 06, Sect. 3.1; paper 24, Sect. 2",
    "kind": "iterative",
    "stack": "ants",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 120,
    "gpu": 0,
    "parameters": {
        "transform": "syn",  # rigid | affine | syn
        "initial": "affine",  # identity | centre_of_mass | rigid | affine: what runs before
        "metric": "mi",  # mi | cc | meansquares
        "iterations": [100, 70, 50, 20],  # of the SyN, coarse to fine
        "linear_iterations": [1000, 500, 250, 100],  # of the rigid and affine stages, coarse to fine
        "bins": 32,  # of mi
        "radius": 4,  # of cc, voxels
        "sampling": 0.25,  # share of the voxels that a linear stage looks at
        "gradient_step": 0.2,
        "update_variance": 3.0,  # smoothing of the update field, squared voxels
        "total_variance": 0.0,  # smoothing of the total field, squared voxels
        "masks": False,  # restrict the metrics to the case's masks
    },
    "tiny": {"initial": "identity", "metric": "meansquares", "iterations": [10, 5], "linear_iterations": [20, 10]},
    "dims": [2, 3],
}

METRICS = {"mi": "mattes", "cc": "CC", "meansquares": "meansquares"}
INITIALS = {
    "rigid": ("identity", "centre_of_mass"),
    "affine": ("identity", "centre_of_mass", "rigid"),
    "syn": ("identity", "rigid", "affine"),
}


def predict(
    case: Case, *, seed: int, device: str = "cpu", transform: str, initial: str, metric: str, iterations: Sequence[int],
    linear_iterations: Sequence[int], bins: int, radius: int, sampling: float, gradient_step: float,
    update_variance: float, total_variance: float, masks: bool,
) -> Prediction:  # fmt: skip
    """A matrix for rigid and affine; a displacement and its inverse for SyN. `warped` is ANTs' own linear resampling.

    Raises InputError for unknown words, and RuntimeError where ANTs fails.
    """
    from wbir.registration.ants_session import AntsSession, linear_options

    known = INITIALS.get(transform, ())
    words = {"transform": (transform, INITIALS), "initial": (initial, known), "metric": (metric, METRICS)}
    require_known(words, f"for transform {transform}")
    deformable = {
        "reg_iterations": tuple(iterations), "grad_step": gradient_step, "flow_sigma": update_variance,
        "total_sigma": total_variance, "syn_metric": METRICS[metric],
        "syn_sampling": radius if metric == "cc" else bins,
    }  # fmt: skip
    mutual = linear_options(linear_iterations, sampling, bins)
    chosen = {"aff_metric": METRICS[metric], "aff_sampling": radius if metric == "cc" else bins}
    with tempfile.TemporaryDirectory(prefix="ants-") as folder:
        session = AntsSession(case, Path(folder), seed, masks)
        first = session.start(initial, mutual)
        result = session.register(transform, first, deformable if transform == "syn" else {**mutual, **chosen})
        if transform == "syn":
            return session.displacements(result)
        return Prediction(matrix=session.matrix(result), warped=session.warped(result))
