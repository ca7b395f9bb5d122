"""One training step of VoxelMorph: network, warp, local NCC and diffusion, forward and backward."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from wbir.benchmarks.base import Benchmark, Run, Size, image

WINDOW = 9
EPSILON = 1e-5


def _given(size: Size) -> Any:
    import torch

    from wbir.nets import build

    torch.manual_seed(0)
    fixed, moving = image(size, 0), 0.5 * image(size, 0) + 0.5 * image(size, 1)
    return SimpleNamespace(fixed=fixed, moving=moving, network=build("voxelmorph", dim=3, head_std=1e-2))


def _gradient(given: Any, loss: Any, half: bool = False) -> Run:
    """A step without the optimiser's; returns the gradient of the head's weights. half: the network in bfloat16."""
    import torch

    def run() -> Any:
        given.network.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            field = given.network(given.fixed, given.moving).displacement
        loss(field.float()).backward()
        return given.network.head.weight.grad.clone()

    return run


def _ours(given: Any, half: bool = False) -> Run:
    from wbir.energies.local_ncc import local_ncc
    from wbir.energies.regularity import diffusion
    from wbir.geometry.warping import warp

    def loss(field: Any) -> Any:
        return diffusion(field) - local_ncc(given.fixed, warp(given.moving, field), WINDOW, EPSILON)

    return _gradient(given, loss, half)


def _half(given: Any) -> Run:
    return _ours(given, half=True)


def _monai(given: Any) -> Run:
    from monai.losses import DiffusionLoss, LocalNormalizedCrossCorrelationLoss
    from monai.networks.blocks import Warp

    voxels = WINDOW**3
    likeness = LocalNormalizedCrossCorrelationLoss(kernel_size=WINDOW, smooth_nr=0.0, smooth_dr=EPSILON * voxels)
    smooth, warp = DiffusionLoss(), Warp(mode="bilinear", padding_mode="border")

    def loss(field: Any) -> Any:
        return 9 * smooth(field) + likeness(warp(given.moving, field), given.fixed)

    return _gradient(given, loss)


BENCHMARKS = [
    Benchmark(
        kernel="a training step of VoxelMorph: network, warp, local NCC, diffusion, with all gradients",
        setup=_given,
        ours={"float32": _ours, "bfloat16": _half},
        peers={"MONAI's loss and warp": _monai},
        differs={
            "bfloat16": "runs the network in bfloat16, as `training: {precision: bfloat16}` does",
            "MONAI's loss and warp": "pads windows at the border with zeros, and takes central differences of the field",
        },
        aims={"MONAI's loss and warp": 2},
    ),
]
