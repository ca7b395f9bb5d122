"""CSNGF, USNGF and USNGF-: global rigid registration by normalised gradient fields, all displacements at once.

Paper 17, Sect. 3 and 3.1: the greatest average squared NGF similarity (Eqs. 4 to 6) over random rotations, from coarse
to fine, and all displacements with enough overlap, each map by real FFTs. `similarity: unsquared` is USNGF (Eq. 3), and
with `invert_moving` USNGF- (Sect. 4.2). What the text leaves open is told in registration/global_search.py,
cross_similarity.py and ngf_measure.py. Intensities are scaled to [0, 1] by each image's extremes. Without masks in the
case every voxel counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from wbir.cases import Case, Prediction
from wbir.errors import InputError

SPEC = {
    "title": "Cross-similarity of normalised gradient fields (CSNGF, USNGF)",
    "reference": "paper 17, Sect. 3; Table 1",
    "kind": "iterative",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 240,
    "gpu": 1,
    "parameters": {
        "similarity": "squared",  # squared (Eq. 2) | unsquared (Eq. 3)
        "invert_moving": False,  # register 1 - moving
        "epsilon": 1e-5,  # of Eq. 1, intensity per voxel of a level
        "border": "one-sided",  # gradient at an image's border: one-sided | zeros (as the released code)
        "sigmas": [5.0, 3.0, 2.0, 1.5],  # blur of each level, voxels of reference_spacing
        "downsampling": [4, 2, 2, 1],  # factor of each level, voxels of reference_spacing
        "rotations": [5000, 3000, 300, 0],  # random rotations of each level
        "steps": [10.0, 3.0, 0.0],  # largest change of a kept rotation, degrees about each axis
        "kept": [20, 3, 1],  # best rotations that the next level starts from
        "overlap": 0.5,  # gamma
        "sampling": "uniform",  # first level: uniform on SO(3) | euler (three uniform angles, as the released code)
        "reference_spacing": 1.0,  # mm per voxel of the sigmas and factors
    },
    "tiny": {"sigmas": [1.0, 0.5], "downsampling": [2, 1], "rotations": [4, 2], "steps": [5.0], "kept": [2]},
    "dims": [3],
}

SIMILARITIES = ("squared", "unsquared")


def predict(
    case: Case,
    *,
    seed: int,
    device: str = "cpu",
    similarity: str,
    invert_moving: bool,
    epsilon: float,
    border: str,
    sigmas: Sequence[float],
    downsampling: Sequence[float],
    rotations: Sequence[int],
    steps: Sequence[float],
    kept: Sequence[int],
    overlap: float,
    sampling: str,
    reference_spacing: float,
) -> Prediction:
    """Prediction.matrix, and the readings best_similarity and rotations_evaluated."""
    from wbir.registration.global_search import SearchPlan
    from wbir.registration.ngf_measure import GradientMeasure
    from wbir.registration.rigid_cases import search_case

    if similarity not in SIMILARITIES:
        raise InputError(f"a similarity of {SIMILARITIES}", repr(similarity), "take one of them")
    plan = SearchPlan(sigmas, downsampling, rotations, steps, kept, overlap, sampling)
    measure = GradientMeasure(epsilon=epsilon, squared=similarity == "squared", border=border)
    return search_case(
        case, plan, measure, seed=seed, device=device, reference_spacing=reference_spacing, invert_moving=invert_moving
    )
