"""Stationary velocity by instance optimisation: local NCC, coarse to fine, every gradient in closed form.

No paper's method: our own pairwise baseline, of the kind that learned methods are compared with. Minimises
`1 - local NCC(fixed, moving o exp(v)) + bending * R` over control points of a cubic B-spline (`grid: bspline`; Rueckert et al.
1999, IEEE TMI 18; Modat et al. 2012, SPIE 8314) or a velocity for each lattice point (`grid: dense`);
`registration/instance.py` says how. The inverse is exp(-v). Images are scaled to [0, 1] by their extremes.
The parameters were chosen on pairs other than those that docs/results/comparison.md reports (it says which).

Readings: `energy` after each level (label: its number, coarse to fine).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wbir.cases import Case, Prediction, Reading

SPEC = {
    "title": "Instance optimisation (SVF)",
    "reference": "Avants et al. 2008, Med Image Anal 12 (local correlation); Modat et al. 2012, SPIE 8314 (SVF on a B-spline)",
    "kind": "iterative",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 2000,
    "runtime": 30,
    "gpu": 0,
    "parameters": {
        "grid": "bspline",  # bspline | dense
        "factors": [4, 2, 1],  # by which the levels are shrunk, coarse to fine; each half of the one before
        "iterations": [30, 20, 10],  # of each level
        "spacing": 3.0,  # of the control points at factor 1, voxels; bspline only
        "sigma": 1.5,  # of the Gaussian on each change, lattice steps; dense only
        "lattice": 2,  # the velocity's lattice is coarser by this than the image, or as coarse as the level
        "step": 0.25,  # of Adam, voxels at factor 1
        "bending": 2e-3,  # weight of the mean squared second differences of the control points; dense: of the velocity, take 0.2
        "window": 5,  # of the local NCC, voxels of the level
        "squarings": 3,  # of the exponential while it is optimised
    },
    "tiny": {"factors": [2, 1], "iterations": [3, 2]},
    "dims": [2, 3],
}


def predict(
    case: Case, *, seed: int, device: str = "cpu", grid: str, factors: Sequence[int], iterations: Sequence[int],
    spacing: float, sigma: float, lattice: int, step: float, bending: float, window: int, squarings: int,
) -> Prediction:  # fmt: skip
    """A displacement and its inverse. No chance in it: `seed` is not used. Runs on the CPU whatever the device.

    Raises InputError for parameters out of range and for a constant image.
    """
    import torch

    from wbir.registration.instance import Settings, exponentials, optimise, unit_range

    settings = Settings(
        grid, tuple(factors), tuple(iterations), spacing, sigma, lattice, step, bending, window, squarings
    )
    with torch.no_grad():
        fixed, moving = (
            unit_range(torch.from_numpy(np.ascontiguousarray(image, dtype=np.float32))[None, None])
            for image in (case.fixed, case.moving)
        )
        velocity, energies = optimise(fixed, moving, settings)
        forward, backward = exponentials(velocity)
    readings = [Reading("energy", energy, label=str(n)) for n, energy in enumerate(energies, start=1)]
    return Prediction(displacement=forward[0].numpy(), inverse=backward[0].numpy(), readings=readings)
