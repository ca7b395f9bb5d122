"""Checks paper 02's statement that metamorphosis is weighted metamorphosis with M = 1, and LDDMM its limit without residual.

On a case's smoothed images, from an initial residual in the direction of the image difference, in double precision:
- the geodesic of Theorem 1 with M = 1 beside classical metamorphosis in another form, the Euler-Poincare equations of Holm, Trouve
  and Younes (2009), which have no image in them (registration/metamorphosis_momentum.py);
- the geodesics with M = 1, a fixed rho/mu and ever smaller mu beside LDDMM's, that is M = 0.

Readings: classical_difference, and limit_difference (label: mu): the norm of the difference of the two final images over the norm of
the change of the image. It registers nothing: the displacement is that of the M = 1 geodesic.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wbir.cases import Case, Prediction, Reading

SPEC = {
    "title": "Special cases of weighted metamorphosis",
    "reference": "WBIR 2022, paper 02, Sects. 1 and 2; Holm, Trouve and Younes 2009",
    "kind": "control",
    "registers": False,  # finds no map between two images
    "stack": "torch",
    "threads": 1,
    "mem_mb": 1500,
    "runtime": 20,
    "gpu": 0,
    "parameters": {
        "ratio": 30.0,  # rho / mu
        "mu": [1.0, 0.1, 0.01, 0.001, 0.0001],
        "sigma": 6.0,  # of the kernel, voxels
        "smoothing": 3.0,  # of the images, voxels: the two forms differ by their derivatives on the grid
        "reach": 2.0,  # voxels: the largest velocity at t = 0
        "steps": 20,
    },
    "tiny": {"sigma": 3.0, "steps": 4, "mu": [1.0, 0.1]},
    "dims": [2, 3],
}


def predict(
    case: Case,
    *,
    seed: int,
    device: str = "cpu",
    ratio: float,
    mu: Sequence[float],
    sigma: float,
    smoothing: float,
    reach: float,
    steps: int,
) -> Prediction:
    """Follow the geodesics of one case. No chance in it: `seed` is not used. Raises InputError for unfit parameters."""
    import torch

    from wbir.geometry.kernels import gaussian_smooth
    from wbir.registration.metamorphosis import Model, constant, displacements, shoot
    from wbir.registration.metamorphosis_momentum import shoot_momentum

    images = (torch.from_numpy(image).to(device, torch.float64)[None, None] for image in (case.moving, case.fixed))
    source, target = (gaussian_smooth(image, smoothing) for image in images)
    model = Model.of(source, sigma=sigma, rho=ratio * mu[0], mu=mu[0])
    residual = target - source
    residual = residual * (reach / model.velocity(source, residual).abs().max().clamp(min=1e-12))
    still = shoot(model, source, residual, constant(0.0), steps=steps, integrator="runge_kutta").images[-1]

    def difference(first: torch.Tensor, second: torch.Tensor) -> float:
        return float((first - second).norm() / (first - source).norm())

    readings = []
    for value in mu:
        own = Model.of(source, sigma=sigma, rho=ratio * value, mu=value)
        path = shoot(own, source, residual, constant(1.0), steps=steps, integrator="runge_kutta")
        readings.append(Reading("limit_difference", difference(still, path.images[-1]), label=f"{value:g}"))
        if value == mu[0]:
            classical = shoot_momentum(own, source, residual, constant(1.0), steps=steps)[0][-1]
            readings.append(Reading("classical_difference", difference(path.images[-1], classical)))
            field = displacements(own, path)[-1]
    return Prediction(displacement=field[0].cpu().numpy().astype(np.float32), readings=readings)
