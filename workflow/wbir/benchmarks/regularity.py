"""Bending energy with its gradient."""

from __future__ import annotations

from typing import Any

from wbir.benchmarks.base import Benchmark, Run, Size, displacement, with_gradient


def _field(size: Size) -> Any:
    return displacement(size).requires_grad_()


def _bending_torch(field: Any) -> Run:
    from wbir.energies.regularity import bending

    return with_gradient(lambda: bending(field), field)


def _bending_compiled(field: Any) -> Run:
    from wbir.energies.fused_regularity import bending_with_gradient

    return lambda: bending_with_gradient(field)[1]


def _bending_monai(field: Any) -> Run:
    from monai.losses import BendingEnergyLoss

    loss = BendingEnergyLoss()
    return with_gradient(lambda: loss(field), field)


def _bending_deepali(field: Any) -> Run:
    from deepali.losses.functional import bending_loss

    return with_gradient(lambda: bending_loss(field), field)


BENCHMARKS = [
    Benchmark(
        kernel="bending energy, with gradient",
        setup=_field,
        ours={"torch": _bending_torch, "compiled": _bending_compiled},
        peers={"MONAI": _bending_monai, "deepali": _bending_deepali},
        differs={
            "MONAI": "central differences of central differences, a mean over components",
            "deepali": "Sobel derivatives of Sobel derivatives, not normalised",
        },
        aims={"MONAI": 6},
    )
]
