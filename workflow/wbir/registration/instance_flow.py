"""The exponential of a stationary velocity with the exact gradient through its squarings.

`u_0 = v / 2^K`, `u_(k+1)(x) = u_k(x) + u_k(x + u_k(x))`. The derivative of a squaring in `u_k` has three parts: the
identity, the transpose of the interpolation at `x + u_k(x)`, and the slope of `u_k` there. The adjoint runs them
backwards from K - 1 to 0. The usual first-order approximation, the gradient at `u_K` taken as that in v, costs nothing but is
off by the deformation itself (12 mm here): a quasi-Newton or Adam step along it stalls early, so we take the exact one,
which the coarse lattice of the velocity makes cheap.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wbir.geometry import fused
from wbir.geometry.compiled import use_torch_threads
from wbir.registration import instance_kernels as kernels


class Flow:
    """`exp` on one lattice `(1, 3, X, Y, Z)` of float32 on the CPU, keeping what its adjoint needs."""

    def __init__(self, shape: tuple[int, ...], squarings: int) -> None:
        self.steps = [torch.empty(1, 3, *shape) for _ in range(squarings + 1)]
        self.spare = torch.empty(1, 3, *shape)

    def forward(self, velocity: Tensor) -> Tensor:
        """The displacement of `exp(velocity)`, voxels of the lattice; it is overwritten by the next call."""
        torch.mul(velocity, 0.5 ** (len(self.steps) - 1), out=self.steps[0])
        for before, after in zip(self.steps, self.steps[1:], strict=False):
            fused.compose(before, before, out=after)
        return self.steps[-1]

    def adjoint(self, gradient: Tensor) -> Tensor:
        """The gradient in the last velocity of an energy whose gradient in its displacement is `gradient`.

        Both tensors are given up: the result lies in one of them.
        """
        current, other = gradient, self.spare
        use_torch_threads()
        jobs = min(torch.get_num_threads(), 3)
        for step in reversed(self.steps[:-1]):
            u, g, out = step[0].numpy(), current[0].numpy(), other[0].numpy()
            kernels.pulled_gradient_kernel(u, g, out)
            kernels.splat_kernel(u, g, out, jobs)
            current, other = other, current
        self.spare = other
        return current.mul_(0.5 ** (len(self.steps) - 1))
