"""Local correlation with its gradient, and MIND features."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from wbir.benchmarks.base import Benchmark, Run, Size, image, with_gradient

WINDOW = 9
EPSILON = 1e-9  # of the variance; small, so that the libraries' ways of adding it do not show


def _pair(size: Size) -> Any:
    fixed = image(size, 0)
    return SimpleNamespace(fixed=fixed, moving=(0.5 * fixed + 0.5 * image(size, 1)).requires_grad_())


def _ncc_torch(given: Any) -> Run:
    from wbir.energies.local_ncc import LocalNCC

    similarity = LocalNCC(given.fixed, WINDOW, EPSILON)
    return with_gradient(lambda: similarity(given.moving), given.moving)


def _ncc_compiled(given: Any) -> Run:
    from wbir.energies.fused_local_ncc import FusedLocalNCC

    similarity = FusedLocalNCC(given.fixed, WINDOW, EPSILON)
    return lambda: similarity.value_and_gradient(given.moving)[1]


def _ncc_monai(given: Any) -> Run:
    from monai.losses import LocalNormalizedCrossCorrelationLoss

    voxels = WINDOW**3
    loss = LocalNormalizedCrossCorrelationLoss(kernel_size=WINDOW, smooth_nr=0.0, smooth_dr=EPSILON * voxels)
    return with_gradient(lambda: -loss(given.moving, given.fixed), given.moving)


def _ncc_voxelmorph(given: Any) -> Run:
    from neurite.nn.modules import NCC

    loss = NCC(window_size=WINDOW, eps=EPSILON)
    return with_gradient(lambda: loss(given.moving, given.fixed).sum(), given.moving)


def _ncc_deepali(given: Any) -> Run:
    from deepali.losses.functional import lcc_loss

    return with_gradient(lambda: -lcc_loss(given.moving, given.fixed, kernel_size=WINDOW, epsilon=1e-15), given.moving)


def _mind_torch(given: Any) -> Run:
    import torch

    from wbir.energies.mind import mind_ssc

    return torch.no_grad()(lambda: mind_ssc(given.fixed))


def _mind_compiled(given: Any) -> Run:
    from wbir.energies.fused_mind import mind_ssc

    return lambda: mind_ssc(given.fixed)


def _mind_convex_adam(given: Any) -> Run:
    import torch
    from convexAdam.convex_adam_utils import MINDSSC

    return torch.no_grad()(lambda: MINDSSC(given.fixed, 1, 2, "cpu"))


BENCHMARKS = [
    Benchmark(
        kernel="local NCC, window 9, with gradient (fixed image's sums kept)",
        setup=_pair,
        ours={"torch": _ncc_torch, "compiled": _ncc_compiled},
        peers={"MONAI": _ncc_monai, "VoxelMorph": _ncc_voxelmorph, "deepali": _ncc_deepali},
        margin=WINDOW,
        differs={"deepali": "takes each voxel's own window mean from it before the products are summed"},
        aims={"MONAI": 20},
    ),
    Benchmark(
        kernel="MIND-SSC, radius 1, dilation 2",
        setup=_pair,
        ours={"torch": _mind_torch, "compiled": _mind_compiled},
        peers={"convexAdam": _mind_convex_adam},
        aims={"convexAdam": 6},
    ),
]
