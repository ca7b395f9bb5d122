"""Checks the gradient formulas of paper 22 (Eqs. 2 and 4) against finite differences of the loss, on the images of a case.

dLoss/dF = b, dLoss/df_hat = -2 f_hat div b, dLoss/dg = -curl b, with `Lap b = (I_m(phi) - I_f) grad I_m(phi)`: along random smooth
directions, the derivative that the formula gives is set beside central differences of the whole loss (control, Poisson solve,
warp), for several step sizes, in double precision. The base point is a random smooth control, not the identity. The images are
smoothed and read by cubic interpolation, so that the derivative exists; `sigma`, `strength` and the steps are ours.

Readings: relative_error, label F, fhat or g: the difference over the larger of the two derivatives, at the best step, the worst of
all directions. It registers nothing: the displacement is that of the base point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from wbir.cases import Case, Prediction, Reading

SPEC = {
    "title": "Gradient check of the variational principle",
    "reference": "Paper 22 (WBIR 2022), Eqs. 2 and 4",
    "kind": "control",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 2000,
    "runtime": 10,
    "gpu": 0,
    "parameters": {
        "j_min": 0.5,
        "sigma": 2.0,  # smoothing of the images, voxels
        "strength": 0.1,  # standard deviation of f_hat and g at the base point
        "scale": 4.0,  # width of the random control and directions, voxels
        "directions": 3,
        "steps": [0.01, 0.001, 0.0001, 0.00001],
    },
    "tiny": {"directions": 1, "steps": [0.001, 0.0001]},
    "dims": [2, 3],
    "registers": False,  # finds no map between two images
}
LABELS = ("F", "fhat", "g")


def predict(
    case: Case,
    *,
    seed: int,
    device: str = "cpu",
    j_min: float,
    sigma: float,
    strength: float,
    scale: float,
    directions: int,
    steps: Sequence[float],
) -> Prediction:
    """Check on one case. `seed` draws the base point and the directions. Raises InputError for J_min outside (0, 1)."""
    import torch

    from wbir.geometry.kernels import gaussian_smooth
    from wbir.registration.variational_principle import displacement_of, initial_control
    from wbir.registration.variational_registration import image_difference

    generator = torch.Generator().manual_seed(seed)

    def noise(like: Any) -> Any:
        values = torch.randn(like.shape, generator=generator, dtype=torch.float64).to(device)
        values = gaussian_smooth(values, scale)
        return values / values.std()

    images = (torch.from_numpy(image).to(device, torch.float64)[None, None] for image in (case.fixed, case.moving))
    fixed, moving = (gaussian_smooth(image, sigma) for image in images)
    control = initial_control(case.fixed.shape, j_min, like=fixed)
    control = control + strength * noise(control)
    objective = image_difference(fixed, moving, "cubic")
    found = [_errors(objective, control, j_min, noise, steps) for _ in range(directions)]
    readings = [Reading("relative_error", max(errors[label] for errors in found), label=label) for label in LABELS]
    displacement = displacement_of(control, j_min)
    return Prediction(displacement[0].cpu().numpy().astype(np.float32), readings=readings)


def _errors(
    objective: Callable[[Any], tuple[float, Any]],
    control: Any,
    j_min: float,
    noise: Callable[[Any], Any],
    steps: Sequence[float],
) -> dict[str, float]:
    """The relative error of each formula at a control, along one random direction each. `noise` draws of a tensor's shape."""
    from wbir.geometry.poisson import solve_dirichlet
    from wbir.registration.variational_principle import adjoint, clamped, control_gradient, displacement_of, forcing

    force, displacement = forcing(control, j_min), displacement_of(control, j_min)
    b = adjoint(objective(displacement)[1])
    gradient = control_gradient(control, b)
    along_force, along = clamped(noise(force)), noise(control)
    along_force = along_force / solve_dirichlet(along_force).abs().max()  # one voxel of u for a step of one
    along = along / (displacement_of(control + along, j_min) - displacement).abs().max()
    along_f_hat, along_g = along.clone(), along.clone()
    along_f_hat[:, 1:] = 0
    along_g[:, :1] = 0

    def loss_of_force(step: float) -> float:
        return objective(solve_dirichlet(force + step * along_force))[0]

    def loss_along(direction: Any, step: float) -> float:
        return objective(displacement_of(control + step * direction, j_min))[0]

    return {
        "F": _relative_error(float((b * along_force).sum()), loss_of_force, steps),
        "fhat": _relative_error(float((gradient * along_f_hat).sum()), partial(loss_along, along_f_hat), steps),
        "g": _relative_error(float((gradient * along_g).sum()), partial(loss_along, along_g), steps),
    }


def _relative_error(formula: float, loss: Callable[[float], float], steps: Sequence[float]) -> float:
    """The formula's derivative against central differences of `loss` at 0, at the step where they agree best."""
    differences = [(loss(step) - loss(-step)) / (2 * step) for step in steps]
    return min(abs(d - formula) / max(abs(d), abs(formula), 1e-300) for d in differences)
