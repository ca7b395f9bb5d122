"""LO-NGF: local rigid registration by the squared NGF similarity, with Adam over five levels.

Paper 17's local baseline (Sect. 4.2; AIRLab there): iterations (4096, 4096, 1024, 100, 50), factors (16, 8, 4, 2, 1),
smoothing (15, 9, 5, 3, 1), learning rate 0.01, from the identity. What the text leaves open is told in
registration/rigid_descent.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from wbir.cases import Case, Prediction, Reading

SPEC = {
    "title": "Local optimisation of normalised gradient fields (LO-NGF)",
    "reference": "paper 17, Sect. 4.2; Haber and Modersitzki 2006",
    "kind": "iterative",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 3000,
    "runtime": 240,
    "gpu": 0,
    "parameters": {
        "iterations": [4096, 4096, 1024, 100, 50],  # of each level
        "downsampling": [16, 8, 4, 2, 1],  # factor of each level, voxels of reference_spacing
        "sigmas": [15.0, 9.0, 5.0, 3.0, 1.0],  # smoothing of each level, voxels of reference_spacing
        "learning_rate": 0.01,  # radians, and half extents of the image
        "epsilon": 1e-5,  # of Eq. 1, intensity per voxel of a level
        "border": "one-sided",  # gradient at an image's border: one-sided | zeros
        "patience": 0,  # end a level after so many iterations without a better similarity; 0: never
        "reference_spacing": 1.0,  # mm per voxel of the sigmas and factors
    },
    "tiny": {"iterations": [3, 2], "downsampling": [2, 1], "sigmas": [1.0, 0.5]},
    "dims": [3],
}


def predict(
    case: Case,
    *,
    seed: int,
    device: str = "cpu",
    iterations: Sequence[int],
    downsampling: Sequence[float],
    sigmas: Sequence[float],
    learning_rate: float,
    epsilon: float,
    border: str,
    patience: int,
    reference_spacing: float,
) -> Prediction:
    """Prediction.matrix, and the readings best_similarity and iterations."""
    from wbir.registration.ngf_measure import GradientMeasure
    from wbir.registration.rigid_cases import isotropic_spacing, mask_of, unit_image
    from wbir.registration.rigid_descent import Descent, descend_rigidly

    fixed, moving = unit_image(case.fixed, device=device), unit_image(case.moving, device=device)
    found = descend_rigidly(
        (fixed, moving),
        (mask_of(case.fixed_mask, fixed), mask_of(case.moving_mask, moving)),
        Descent(iterations, sigmas, downsampling, learning_rate, patience),
        GradientMeasure(epsilon=epsilon, border=border),
        scale=reference_spacing / isotropic_spacing(case),
    )
    readings = [Reading("best_similarity", found.value), Reading("iterations", float(found.steps))]
    return Prediction(matrix=found.matrix.numpy(), readings=readings)
