"""What a benchmark is, and the made-up data that they share."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Size = tuple[int, int, int]
Run = Callable[[], Any]


@dataclass(frozen=True)
class Timed:
    """What is timed, and how what it returns becomes our numbers in our order (not timed)."""

    run: Run
    read: Callable[[Any], Any] = lambda result: result


Prepare = Callable[[Any], Run | Timed]  # from the inputs; what it does (imports, constants, conversions) is not timed


@dataclass(frozen=True)
class Benchmark:
    """One kernel, ours and those of other libraries, on the same inputs.

    setup: inputs for a grid. ours, peers: who takes part, by name; a peer's imports stand in its `Prepare`.
    margin: voxels at each border that are left out of the comparison, where libraries treat the border differently.
    differs: peer -> why its numbers are others than ours; all others must agree to 1e-5 of the largest number.
    jumps: the share of numbers left out of the comparison, those that differ most: for results that jump within rounding.
    aims: peer -> how many times as fast we want to be at 128 voxels along each axis.
    """

    kernel: str
    setup: Callable[[Size], Any]
    ours: Mapping[str, Prepare]
    peers: Mapping[str, Prepare]
    margin: int = 0
    differs: Mapping[str, str] = field(default_factory=dict)
    jumps: float = 0.0
    aims: Mapping[str, float] = field(default_factory=dict)


def discover() -> list[Benchmark]:
    """The benchmarks of every module of this package that has `BENCHMARKS`, in the order of the files' names."""
    package = importlib.import_module("wbir.benchmarks")
    found: list[Benchmark] = []
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        found += getattr(importlib.import_module(f"{package.__name__}.{info.name}"), "BENCHMARKS", [])
    return found


def image(size: Size, seed: int = 0) -> Any:
    """A smooth image with noise, intensities of order one: `(1, 1, *size)`, float32, torch."""
    import torch

    return smooth_noise(size, 1, seed) + 0.3 * torch.rand(
        1, 1, *size, generator=torch.Generator().manual_seed(seed + 9)
    )


def displacement(size: Size, seed: int = 0) -> Any:
    """A smooth displacement of up to three voxels: `(1, 3, *size)`, float32, torch."""
    return 3 * smooth_noise(size, 3, seed) - 1.5


def smooth_noise(size: Size, channels: int, seed: int) -> Any:
    """Between 0 and 1, from random numbers on every eighth voxel: `(1, channels, *size)`."""
    import torch

    from wbir.geometry.resampling import resize

    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, channels, *(max(2, n // 8) for n in size), generator=generator)
    return resize(coarse, size).contiguous()


def labels(size: Size, count: int = 35) -> np.ndarray:
    """The nearest of `count` seeds within an ellipsoid, 0 outside: int16 `size`."""
    from scipy.spatial import cKDTree

    half = [n // 2 for n in size]
    points = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in half), indexing="ij"), -1).reshape(-1, 3)
    seeds = np.random.default_rng(0).uniform(-0.6, 0.6, (count, 3))
    nearest = cKDTree(seeds).query(points)[1] + 1
    nearest[np.linalg.norm(points, axis=1) > 0.85] = 0
    found = nearest.reshape(half).astype(np.int16)
    for axis in range(3):
        found = np.repeat(found, 2, axis)
    return found


def with_gradient(function: Callable[[], Any], leaf: Any) -> Run:
    """Call `function`, a scalar of the tensor `leaf`, and its gradient in `leaf`, which is returned."""

    def run() -> Any:
        leaf.grad = None
        function().backward()
        return leaf.grad

    return run
