"""What an instance optimisation moves: control points of a cubic B-spline, or a velocity for each lattice point.

A model turns its state into a stationary velocity on a lattice and an energy's gradient in that velocity into the
gradient in its state. States and velocities are in voxels of the image at full size, `(1, 3, X, Y, Z)` float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from wbir.geometry.axes import apply_separably, gaussian_matrix
from wbir.geometry.resampling import resize
from wbir.registration.instance_splines import control_count, refinement_matrix, synthesis_matrix

Shape = Sequence[int]


class Model(Protocol):
    """The model on one lattice.

    velocity: of a state. pull: what the optimiser sees, from the gradient in the velocity and an `own` one in the state.
    direct: the change of the state that an optimiser's step makes. start: the state zero, or the one that gives the
    velocity of the next coarser level's state. at: the velocity of a state on another lattice of the same image.
    """

    def velocity(self, state: Tensor) -> Tensor: ...

    def pull(self, gradient: Tensor, own: Tensor) -> Tensor: ...

    def direct(self, step: Tensor) -> Tensor: ...

    def start(self, before: Tensor | None) -> Tensor: ...

    def at(self, state: Tensor, lattice: Shape) -> Tensor: ...


class SplineModel:
    """`v = B c`: control points every `spacing` voxels of an image of `shape`, the velocity read on `lattice`."""

    def __init__(self, shape: Shape, lattice: Shape, spacing: float) -> None:
        self.shape, self.spacing = tuple(shape), spacing
        self.forth = self._matrices(lattice)
        self.back = [matrix.T.contiguous() for matrix in self.forth]

    def _matrices(self, lattice: Shape) -> list[Tensor]:
        sizes = zip(lattice, self.shape, strict=True)
        return [synthesis_matrix(points, size, self.spacing).float() for points, size in sizes]

    def velocity(self, state: Tensor) -> Tensor:
        return apply_separably(state, self.forth)

    def pull(self, gradient: Tensor, own: Tensor) -> Tensor:
        return apply_separably(gradient, self.back).add_(own)

    def direct(self, step: Tensor) -> Tensor:
        return step

    def start(self, before: Tensor | None) -> Tensor:
        """From a state over twice the spacing: the same velocity, exactly."""
        if before is None:
            return torch.zeros(1, 3, *(control_count(size, self.spacing) for size in self.shape))
        return apply_separably(before, [refinement_matrix(size, 2 * self.spacing) for size in self.shape])

    def at(self, state: Tensor, lattice: Shape) -> Tensor:
        """The velocity on another lattice of the same image."""
        return apply_separably(state, self._matrices(lattice))


class DenseModel:
    """The state is the velocity on the lattice; every change of it is smoothed by a Gaussian of `sigma` lattice steps.

    So the state stays in the space of that Gaussian kernel: the velocity is `v = sum of K p`, and the optimiser sees
    the gradient in p, which is `K'` times that in v.
    """

    def __init__(self, lattice: Shape, sigma: float) -> None:
        self.lattice = tuple(lattice)
        self.forth = [gaussian_matrix(size, sigma).float() for size in lattice]
        self.back = [matrix.T.contiguous() for matrix in self.forth]

    def velocity(self, state: Tensor) -> Tensor:
        return state

    def pull(self, gradient: Tensor, own: Tensor) -> Tensor:
        return apply_separably(gradient + own, self.back)

    def direct(self, step: Tensor) -> Tensor:
        return apply_separably(step, self.forth)

    def start(self, before: Tensor | None) -> Tensor:
        """From a state on a coarser lattice: its velocity read linearly."""
        return torch.zeros(1, 3, *self.lattice) if before is None else resize(before, self.lattice)

    def at(self, state: Tensor, lattice: Shape) -> Tensor:
        return resize(state, lattice)
