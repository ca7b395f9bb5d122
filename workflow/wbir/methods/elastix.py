"""Elastix: rigid, affine and B-spline registration by stochastic gradient descent (itk-elastix).

Klein et al. 2010 (IEEE TMI 29) with the adaptive step of Klein et al. 2009 (IJCV 81). Paper 17 (Sect. 4.2, "LO-MI")
runs it rigid, with mutual information, 6 pyramid levels and 4096 iterations for each; the text leaves open samples,
bins and smoothing: Elastix's defaults. The B-spline is our stand-in for DRAMMS in paper 06, of which there is no
package; paper 18 uses the affine.

Level l of n smooths by `2^(n-1-l) / 2` voxels without shrinking (Elastix's FixedSmoothingImagePyramid). Elastix has
no inverse: that of a B-spline is found by fixed-point iteration on its displacement (geometry.flows.invert). One
thread and a seed: two runs give the same bytes. Where Elastix fails ("Too many samples map outside moving image
buffer") a RuntimeError says what stands in its log.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, Prediction
from wbir.errors import require_known

SPEC = {
    "title": "Elastix (rigid, affine, B-spline)",
    "reference": "Klein et al. 2010, IEEE TMI 29; paper 17, Sect. 4.2; paper 06, Sect. 3.1",
    "kind": "iterative",
    "stack": "elastix",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 120,
    "gpu": 0,
    "parameters": {
        "transform": "bspline",  # rigid | affine | bspline
        "initial": "affine",  # identity | rigid | affine: what runs before
        "metric": "AdvancedMattesMutualInformation",  # or AdvancedMeanSquares, AdvancedNormalizedCorrelation
        "levels": 4,
        "iterations": 500,  # for each level
        "grid_spacing_mm": 10.0,  # of the B-spline's knots at the last level
        "bending_weight": 0.0,  # of the bending energy beside the metric, B-spline only
        "samples": 2048,  # for each iteration
        "bins": 32,  # of the mutual information
        "masks": False,  # restrict the metric to the case's masks
    },
    "tiny": {"initial": "identity", "levels": 2, "iterations": 10, "grid_spacing_mm": 8.0, "samples": 200},
    "dims": [2, 3],
}

TRANSFORMS = {"rigid": "EulerTransform", "affine": "AffineTransform", "bspline": "BSplineTransform"}
METRICS = (
    "AdvancedMattesMutualInformation",
    "AdvancedMeanSquares",
    "AdvancedNormalizedCorrelation",
    "NormalizedMutualInformation",
)
INITIALS = {"rigid": ("identity",), "affine": ("identity", "rigid"), "bspline": ("identity", "rigid", "affine")}


def predict(
    case: Case, *, seed: int, device: str = "cpu", transform: str, initial: str, metric: str, levels: int,
    iterations: int, grid_spacing_mm: float, bending_weight: float, samples: int, bins: int, masks: bool,
) -> Prediction:  # fmt: skip
    """A matrix for rigid and affine; a displacement and its inverse for the B-spline.

    `warped` is Elastix's own resampling by cubic B-splines. Raises InputError for unknown words, and RuntimeError where
    Elastix fails.
    """
    known = INITIALS.get(transform, ())
    words = {"transform": (transform, TRANSFORMS), "initial": (initial, known), "metric": (metric, METRICS)}
    require_known(words, f"for transform {transform}")
    stages = [transform] if initial == "identity" else [initial, transform]
    common = {
        "NumberOfResolutions": levels, "MaximumNumberOfIterations": iterations, "NumberOfSpatialSamples": samples,
        "NumberOfHistogramBins": bins, "RandomSeed": seed % (2**31 - 1) + 1,
    }  # fmt: skip
    maps = []
    for stage in stages:
        entries: dict[str, Any] = {**common, "Transform": TRANSFORMS[stage], "Metric": metric}
        if stage == "bspline":
            entries |= _bspline_entries(metric, levels, grid_spacing_mm, bending_weight)
        maps.append(entries)
    return _run(case, maps, masks, linear=transform != "bspline")


def _bspline_entries(metric: str, levels: int, spacing: float, bending_weight: float) -> dict[str, Any]:
    entries: dict[str, Any] = {
        "FinalGridSpacingInPhysicalUnits": spacing,
        "GridSpacingSchedule": [2.0**step for step in range(levels - 1, -1, -1)],
    }
    if bending_weight:
        entries |= {
            "Registration": "MultiMetricMultiResolutionRegistration",
            "Metric": [metric, "TransformBendingEnergyPenalty"],
            "Metric0Weight": 1.0,
            "Metric1Weight": bending_weight,
        }
    return entries


def _run(case: Case, maps: Sequence[dict[str, Any]], masks: bool, linear: bool) -> Prediction:
    import itk

    from wbir.registration.inverse import inverse_displacement
    from wbir.registration.itk_bridge import displacement_from_itk, matrix_of, to_itk

    fixed, moving = to_itk(case.fixed, case.frame), to_itk(case.moving, case.frame)
    elastix = itk.ElastixRegistrationMethod[type(fixed), type(moving)].New(
        FixedImage=fixed, MovingImage=moving, ParameterObject=_parameter_object(maps), NumberOfThreads=1
    )
    for mask, give in ((case.fixed_mask, elastix.SetFixedMask), (case.moving_mask, elastix.SetMovingMask)):
        if masks and mask is not None:
            give(to_itk(mask, case.frame, np.uint8))
    _update(elastix)
    warped = np.ascontiguousarray(itk.array_view_from_image(elastix.GetOutput()).T, dtype=np.float32)
    if linear:
        return Prediction(matrix=matrix_of(elastix.GetCombinationTransform().TransformPoint, case.frame), warped=warped)
    displacement = displacement_from_itk(_deformation_field(moving, elastix.GetTransformParameterObject()), case.frame)
    return Prediction(displacement=displacement, inverse=inverse_displacement(displacement), warped=warped)


def _update(elastix: Any) -> None:
    """Run Elastix. Its exception says only "see the log": raise RuntimeError with the log's description instead."""
    with tempfile.TemporaryDirectory(prefix="elastix-") as folder:
        elastix.SetOutputDirectory(folder)
        elastix.SetLogFileName("elastix.log")
        elastix.LogToFileOn()
        try:
            elastix.Update()
        except RuntimeError as error:
            log = (Path(folder) / "elastix.log").read_text(encoding="utf-8", errors="replace")
            reasons = [line.partition("ITK ERROR:")[2].strip() for line in log.splitlines() if "ITK ERROR:" in line]
            raise RuntimeError(f"Elastix failed: {' | '.join(reasons) or error}") from error


def _deformation_field(moving: Any, transform: Any) -> Any:
    """Transformix's field (mm, LPS) on the fixed grid. It also writes the field to a file: into a folder that goes."""
    import itk

    transformix = itk.TransformixFilter[type(moving)].New(MovingImage=moving, TransformParameterObject=transform)
    transformix.SetComputeDeformationField(True)
    with tempfile.TemporaryDirectory(prefix="transformix-") as folder:
        transformix.SetOutputDirectory(folder)
        transformix.Update()
        return transformix.GetOutputDeformationField()


def _parameter_object(maps: Sequence[dict[str, Any]]) -> Any:
    """An itk ParameterObject: one map for each stage, Elastix's default linear settings with these entries laid on."""
    import itk

    parameters = itk.ParameterObject.New()
    for entries in maps:
        stage = parameters.GetDefaultParameterMap("rigid")
        for key, value in entries.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            stage[key] = [v if isinstance(v, str) else repr(v) for v in values]
        parameters.AddParameterMap(stage)
    return parameters
