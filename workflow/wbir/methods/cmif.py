"""CMIF: global rigid registration by mutual information for all displacements, computed by FFTs of cluster masks.

Paper 17's strongest baseline (its reference [10], Sect. 4.2): k-means with k = 16 clusters, sigma (3, 1.5, 1, 0), and
the global search of Sect. 3.1. What the text leaves open is told in registration/cross_mutual_information.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from wbir.cases import Case, Prediction

SPEC = {
    "title": "Cross mutual information (CMIF)",
    "reference": "paper 17, Sect. 4.2 and its reference [10]",
    "kind": "iterative",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 6000,
    "runtime": 600,
    "gpu": 1,
    "parameters": {
        "clusters": 16,  # k of k-means, both images
        "samples": 10000,  # voxels that k-means sees
        "sigmas": [3.0, 1.5, 1.0, 0.0],  # blur of each level, voxels of reference_spacing
        "downsampling": [4, 2, 2, 1],  # factor of each level, voxels of reference_spacing
        "rotations": [5000, 3000, 300, 0],  # random rotations of each level
        "steps": [10.0, 3.0, 0.0],  # largest change of a kept rotation, degrees about each axis
        "kept": [20, 3, 1],  # best rotations that the next level starts from
        "overlap": 0.5,  # gamma
        "sampling": "uniform",  # first level: uniform on SO(3) | euler
        "reference_spacing": 1.0,  # mm per voxel of the sigmas and factors
    },
    "tiny": {
        "clusters": 4,
        "sigmas": [1.0, 0.0],
        "downsampling": [2, 1],
        "rotations": [4, 2],
        "steps": [5.0],
        "kept": [2],
    },
    "dims": [3],
}


def predict(
    case: Case,
    *,
    seed: int,
    device: str = "cpu",
    clusters: int,
    samples: int,
    sigmas: Sequence[float],
    downsampling: Sequence[float],
    rotations: Sequence[int],
    steps: Sequence[float],
    kept: Sequence[int],
    overlap: float,
    sampling: str,
    reference_spacing: float,
) -> Prediction:
    """Prediction.matrix, and the readings best_similarity (nats) and rotations_evaluated."""
    from wbir.registration.cross_mutual_information import MutualInformationMeasure
    from wbir.registration.global_search import SearchPlan
    from wbir.registration.rigid_cases import search_case

    plan = SearchPlan(sigmas, downsampling, rotations, steps, kept, overlap, sampling)
    measure = MutualInformationMeasure(clusters=clusters, samples=samples, seed=seed)
    return search_case(case, plan, measure, seed=seed, device=device, reference_spacing=reference_spacing)
