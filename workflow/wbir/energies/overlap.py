"""Overlap of label maps as a differentiable term: one-hot maps, warped linearly, compared by soft Dice or squares."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wbir.errors import InputError


def one_hot(labels: Tensor, classes: Sequence[int]) -> Tensor:
    """`(B, 1, *spatial)` integers to `(B, len(classes), *spatial)` float32: channel n is 1 where the label is classes[n]."""
    wanted = torch.tensor(list(classes), device=labels.device, dtype=labels.dtype)
    return (labels == wanted.view(1, -1, *(1,) * (labels.ndim - 2))).float()


def soft_dice(fixed: Tensor, warped: Tensor) -> Tensor:
    """Mean over batch and channels of `2 sum(f w) / (sum f^2 + sum w^2)`, in [0, 1], higher is more alike.

    fixed, warped: `(B, C, *spatial)` in [0, 1] (Milletari et al. 2016, V-Net). A channel that is empty in both of a pair is
    left out of the mean. Raises InputError for unequal shapes and where all channels are empty.
    """
    if fixed.shape != warped.shape:
        raise InputError(
            f"two label maps of shape {tuple(fixed.shape)}", f"{tuple(warped.shape)}", "give them one grid"
        )
    a, b = fixed.flatten(2), warped.flatten(2)
    sizes = a.square().sum(2) + b.square().sum(2)
    known = sizes > 0
    if not bool(known.any()):
        raise InputError("a label in the fixed or warped labels", "none", "check the labels of the cases")
    dice = 2 * (a * b).sum(2) / torch.where(known, sizes, torch.ones_like(sizes))
    return dice.sum() / known.sum()
