"""Demons: diffeomorphic and fast symmetric-forces demons, coarse to fine (SimpleITK).

Each iteration moves every voxel along the image gradient by the intensity difference (optical flow) and smooths with
a Gaussian. `diffeomorphic` composes the exponential of the update with the field (Vercauteren et al. 2009, NeuroImage
45), `symmetric` adds it, with the mean of both images' gradients (Thirion 1998, Med Image Anal 2). Paper 03 compares
with diffeomorphic demons (Sect. 4.1) and states no parameter; these are ours. Demons normalise their force, so that
noise in the background would move voxels as far as anatomy does: `smallest_difference` stops that.

Level l smooths both images by `smoothing[l]` voxels and shrinks them by `factors[l]` (never below 4 voxels along an
axis). The inverse is found by fixed-point iteration on the displacement (geometry.flows.invert).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wbir.cases import Case, Prediction
from wbir.errors import InputError

SPEC = {
    "title": "Demons",
    "reference": "Vercauteren et al. 2009, NeuroImage 45; Thirion 1998, Med Image Anal 2; paper 03, Sect. 4.1",
    "kind": "iterative",
    "stack": "simpleitk",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 60,
    "gpu": 0,
    "parameters": {
        "variant": "diffeomorphic",  # diffeomorphic | symmetric
        "factors": [4, 2, 1],  # shrink factors, coarse to fine
        "smoothing": [2.0, 1.0, 0.0],  # Gaussian of both images at each level, standard deviation in voxels
        "iterations": [100, 100, 50],  # for each level
        "displacement_sigma": 1.0,  # Gaussian of the displacement after each iteration, voxels of the level; 0: none
        "update_sigma": 0.0,  # Gaussian of the update field, voxels of the level; 0: none
        "step": 2.0,  # longest update, voxels of the level
        "smallest_difference": 0.01,  # share of the fixed image's range; a smaller difference is noise and moves nothing
        "histogram_matching": True,  # of the moving image to the fixed one
    },
    "tiny": {"factors": [2, 1], "smoothing": [1.0, 0.0], "iterations": [10, 5]},
    "dims": [2, 3],
}

VARIANTS = {
    "diffeomorphic": "DiffeomorphicDemonsRegistrationFilter",
    "symmetric": "FastSymmetricForcesDemonsRegistrationFilter",
}
HISTOGRAM_LEVELS, MATCH_POINTS, SMALLEST = 256, 16, 4


def predict(
    case: Case, *, seed: int, device: str = "cpu", variant: str, factors: Sequence[int], smoothing: Sequence[float],
    iterations: Sequence[int], displacement_sigma: float, update_sigma: float, step: float, smallest_difference: float,
    histogram_matching: bool,
) -> Prediction:  # fmt: skip
    """A displacement and its inverse. Raises InputError for an unknown variant or lists of unequal length."""
    import SimpleITK

    from wbir.registration.inverse import inverse_displacement
    from wbir.registration.itk_bridge import displacement_from_sitk, one_sitk_thread, to_sitk

    if variant not in VARIANTS:
        raise InputError(f"variant among {sorted(VARIANTS)}", repr(variant), "take one of them")
    if not len(factors) == len(smoothing) == len(iterations) > 0:
        raise InputError(
            "factors, smoothing and iterations for the same levels", f"{factors, smoothing, iterations}", "add some"
        )
    levels = list(zip(factors, smoothing, iterations, strict=True))
    with one_sitk_thread():
        fixed, moving = to_sitk(case.fixed, case.frame), to_sitk(case.moving, case.frame)
        if histogram_matching:
            moving = SimpleITK.HistogramMatching(moving, fixed, HISTOGRAM_LEVELS, MATCH_POINTS, True)
        demons = _filter(variant, displacement_sigma, update_sigma, step)
        demons.SetIntensityDifferenceThreshold(smallest_difference * float(np.ptp(case.fixed)))
        field = _onto(_coarse_to_fine(demons, fixed, moving, levels), fixed)
    displacement = displacement_from_sitk(field, case.frame)
    return Prediction(displacement=displacement, inverse=inverse_displacement(displacement))


def _coarse_to_fine(demons: Any, fixed: Any, moving: Any, levels: Sequence[tuple[int, float, int]]) -> Any:
    """The displacement field (mm, LPS) after the levels `(factor, sigma, iterations)`, on the grid of the last one."""
    field = None
    for factor, sigma, count in levels:
        small_fixed, small_moving = _level(fixed, factor, sigma), _level(moving, factor, sigma)
        demons.SetNumberOfIterations(int(count))
        start = () if field is None else (_onto(field, small_fixed),)
        field = demons.Execute(small_fixed, small_moving, *start)
    return field


def _filter(variant: str, displacement_sigma: float, update_sigma: float, step: float) -> Any:
    import SimpleITK

    demons = getattr(SimpleITK, VARIANTS[variant])()
    demons.SetMaximumUpdateStepLength(float(step))
    demons.SetSmoothDisplacementField(displacement_sigma > 0)
    demons.SetStandardDeviations(float(displacement_sigma))
    demons.SetSmoothUpdateField(update_sigma > 0)
    demons.SetUpdateFieldStandardDeviations(float(update_sigma))
    return demons


def _level(image: Any, factor: int, sigma: float) -> Any:
    """The image smoothed (a standard deviation in its voxels, so anisotropic in millimetres) and shrunk."""
    import SimpleITK

    if sigma > 0:
        image = SimpleITK.SmoothingRecursiveGaussian(image, [sigma * spacing for spacing in image.GetSpacing()])
    return SimpleITK.Shrink(image, [max(1, min(int(factor), size // SMALLEST)) for size in image.GetSize()])


def _onto(field: Any, image: Any) -> Any:
    """A displacement field (mm) read on the grid of `image`; outside its own grid the border values go on."""
    import SimpleITK

    resampler = SimpleITK.ResampleImageFilter()
    resampler.SetReferenceImage(image)
    resampler.SetUseNearestNeighborExtrapolator(True)
    return resampler.Execute(field)
