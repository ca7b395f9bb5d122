"""Warp, composition, exponential, Jacobian determinant and Gaussian smoothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from wbir.benchmarks.base import Benchmark, Run, Size, Timed, displacement, image

SQUARINGS = 7
SIGMA = 2.0


def _given(size: Size) -> Any:
    return SimpleNamespace(image=image(size), field=displacement(size))


def _warp_torch(given: Any) -> Run:
    from wbir.geometry.warping import warp

    return lambda: warp(given.image, given.field)


def _warp_compiled(given: Any) -> Run:
    from wbir.geometry.fused import warp

    return lambda: warp(given.image, given.field)


def _warp_monai(given: Any) -> Run:
    from monai.networks.blocks import Warp

    warp = Warp(mode="bilinear", padding_mode="border")
    return lambda: warp(given.image, given.field)


def _warp_voxelmorph(given: Any) -> Run:
    from voxelmorph.nn.functional import spatial_transform

    return lambda: spatial_transform(given.image, given.field, padding_mode="border")


def _warp_scipy(given: Any) -> Run:
    from scipy.ndimage import map_coordinates

    array, field = given.image[0, 0].numpy(), given.field[0].numpy()

    def run() -> np.ndarray:
        points = np.indices(array.shape, dtype=np.float32) + field
        return map_coordinates(array, points, order=1, mode="nearest", prefilter=False)[None, None]

    return run


def _sitk_field(field: Any) -> Any:
    """Components last and in the order of SimpleITK's axes, which is the reverse of the array's."""
    import SimpleITK as sitk

    vectors = np.ascontiguousarray(np.moveaxis(field[0].numpy()[::-1], 0, -1), dtype=np.float64)
    return sitk.GetImageFromArray(vectors, isVector=True)


def _sitk_array(made: Any) -> np.ndarray:
    """A copy `(1, 1, *size)`: a view would outlive the image that it looks into."""
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(made)[None, None]


def _warp_simpleitk(given: Any) -> Timed:
    import SimpleITK as sitk

    moving = sitk.GetImageFromArray(given.image[0, 0].numpy())
    transform = sitk.DisplacementFieldTransform(_sitk_field(given.field))
    return Timed(lambda: sitk.Resample(moving, moving, transform, sitk.sitkLinear), _sitk_array)


def _gradient_torch(given: Any) -> Run:
    import torch

    from wbir.geometry.warping import warp

    field = given.field.clone().requires_grad_()
    return lambda: torch.autograd.grad(warp(given.image, field).sum(), field)[0]


def _gradient_compiled(given: Any) -> Run:
    from wbir.geometry.fused import warp_gradient

    return lambda: warp_gradient(given.image, given.field)[1]


def _gradient_monai(given: Any) -> Run:
    import torch
    from monai.networks.blocks import Warp

    warp, field = Warp(mode="bilinear", padding_mode="border"), given.field.clone().requires_grad_()
    return lambda: torch.autograd.grad(warp(given.image, field).sum(), field)[0]


def _exponential_torch(given: Any) -> Run:
    from wbir.geometry.flows import exponential

    return lambda: exponential(given.field, squarings=SQUARINGS)


def _exponential_compiled(given: Any) -> Run:
    from wbir.geometry.fused import exponential

    return lambda: exponential(given.field, squarings=SQUARINGS)


def _exponential_monai(given: Any) -> Run:
    from monai.networks.blocks import DVF2DDF

    integrate = DVF2DDF(num_steps=SQUARINGS, mode="bilinear", padding_mode="border")
    return lambda: integrate(given.field)


def _exponential_voxelmorph(given: Any) -> Run:
    from voxelmorph.nn.functional import integrate_vec

    return lambda: integrate_vec(given.field, SQUARINGS)


def _exponential_deepali(given: Any) -> Timed:
    import torch
    from deepali.core.flow import expv

    # components in the order x, y, z, one unit from the middle of the grid to its border
    scale = torch.tensor([2 / (n - 1) for n in given.field.shape[2:]]).view(1, 3, 1, 1, 1)
    flow = (given.field * scale).flip(1).contiguous()
    return Timed(lambda: expv(flow, steps=SQUARINGS), lambda result: result.flip(1) / scale)


def _determinant_torch(given: Any) -> Run:
    from wbir.geometry.jacobians import jacobian_determinant

    return lambda: jacobian_determinant(given.field)


def _determinant_compiled(given: Any) -> Run:
    from wbir.geometry.fused import jacobian_determinant

    return lambda: jacobian_determinant(given.field)


def _determinant_voxelmorph(given: Any) -> Run:
    from voxelmorph.py.utils import jacobian_determinant

    vectors = np.ascontiguousarray(np.moveaxis(given.field[0].numpy(), 0, -1))
    return lambda: jacobian_determinant(vectors)[None]


def _determinant_simpleitk(given: Any) -> Timed:
    import SimpleITK as sitk

    field = sitk.Cast(_sitk_field(given.field), sitk.sitkVectorFloat32)
    return Timed(lambda: sitk.DisplacementFieldJacobianDeterminant(field), lambda made: _sitk_array(made)[0])


def _smooth_torch(given: Any) -> Run:
    from wbir.geometry.kernels import gaussian_smooth

    return lambda: gaussian_smooth(given.image, SIGMA)


def _smooth_compiled(given: Any) -> Run:
    from wbir.geometry.fused import gaussian_smooth

    return lambda: gaussian_smooth(given.image, SIGMA)


def _smooth_monai(given: Any) -> Run:
    from monai.networks.layers import GaussianFilter

    smooth = GaussianFilter(3, SIGMA, approx="sampled")
    return lambda: smooth(given.image)


def _smooth_scipy(given: Any) -> Run:
    from scipy.ndimage import gaussian_filter

    array = given.image[0, 0].numpy()
    return lambda: gaussian_filter(array, SIGMA, mode="nearest")[None, None]


def _smooth_simpleitk(given: Any) -> Timed:
    import SimpleITK as sitk

    array = sitk.GetImageFromArray(given.image[0, 0].numpy())
    return Timed(lambda: sitk.SmoothingRecursiveGaussian(array, SIGMA), _sitk_array)


BENCHMARKS = [
    Benchmark(
        kernel="warp, linear",
        setup=_given,
        ours={"torch": _warp_torch, "compiled": _warp_compiled},
        peers={
            "MONAI": _warp_monai,
            "VoxelMorph": _warp_voxelmorph,
            "scipy": _warp_scipy,
            "SimpleITK": _warp_simpleitk,
        },
        margin=4,
    ),
    Benchmark(
        kernel="warp, linear, with gradient in the displacement",
        setup=_given,
        ours={"torch": _gradient_torch, "compiled": _gradient_compiled},
        peers={"MONAI": _gradient_monai},
        jumps=1e-3,  # the slope of a linear interpolation jumps from one voxel to the next
    ),
    Benchmark(
        kernel="exponential, 7 squarings",
        setup=_given,
        ours={"torch": _exponential_torch, "compiled": _exponential_compiled},
        peers={"MONAI": _exponential_monai, "VoxelMorph": _exponential_voxelmorph, "deepali": _exponential_deepali},
        margin=4,
    ),
    Benchmark(
        kernel="Jacobian determinant",
        setup=_given,
        ours={"torch": _determinant_torch, "compiled": _determinant_compiled},
        peers={"VoxelMorph": _determinant_voxelmorph, "SimpleITK": _determinant_simpleitk},
        margin=1,
    ),
    Benchmark(
        kernel="Gaussian smoothing, sigma 2 voxels",
        setup=_given,
        ours={"torch": _smooth_torch, "compiled": _smooth_compiled},
        peers={"MONAI": _smooth_monai, "scipy": _smooth_scipy, "SimpleITK": _smooth_simpleitk},
        margin=8,
        differs={
            "MONAI": "a sampled kernel whose sum is not quite one",
            "SimpleITK": "a recursive approximation of the Gaussian",
        },
    ),
]
