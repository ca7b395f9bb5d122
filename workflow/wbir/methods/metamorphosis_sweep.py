"""How much a metamorphosis depends on its two weights: the registration of `metamorphosis` for several (rho, mu) at once.

Paper 02, Sect. 3: "less sensitive to hyper-parameter choice than Metamorphosis". The text says neither which parameters nor how it
was seen; we multiply rho and mu by `factors` (pairs) and take the range, largest less smallest, of what deformation alone reaches:
its Dice over the case's labels and its squared difference.

Readings: swept_dice (%) and swept_difference (the integral of the squared difference of fixed and deformed moving image, mm^d) at
each setting (label rho x mu); dice_range, difference_range. The prediction is that of the first setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wbir.cases import Case, Prediction, Reading
from wbir.errors import InputError

SPEC = {
    "title": "Sensitivity of metamorphosis to rho and mu",
    "reference": "WBIR 2022, paper 02, Sect. 3",
    "kind": "control",
    "registers": False,  # finds no map between two images
    "stack": "torch",
    "threads": 1,
    "mem_mb": 2500,
    "runtime": 480,
    "gpu": 1,
    "parameters": {
        "model": "weighted",  # metamorphosis or weighted (with the evolving mask)
        "factors": [[1.0, 1.0], [0.25, 1.0], [4.0, 1.0], [1.0, 0.25], [1.0, 4.0]],  # of rho and of mu
        "rho": 20.0,
        "mu": 1.0,
        "sigma": 12.0,
        "regularity": 0.0001,
        "steps": 20,
        "iterations": 700,
        "rate": 1.0,
        "mask_sigma": 3.0,
        "mask_iterations": 300,
        "mask_rate": 100.0,
    },
    "tiny": {"sigma": 3.0, "steps": 3, "iterations": 2, "mask_iterations": 2, "factors": [[1.0, 1.0], [0.5, 1.0]]},
    "dims": [2, 3],
}


def predict(
    case: Case,
    *,
    seed: int,
    device: str = "cpu",
    model: str,
    factors: Sequence[Sequence[float]],
    rho: float,
    mu: float,
    sigma: float,
    regularity: float,
    steps: int,
    iterations: int,
    rate: float,
    mask_sigma: float,
    mask_iterations: int,
    mask_rate: float,
) -> Prediction:
    """Register a case with every setting. No chance in it. Raises InputError for labels that are missing or unfit parameters."""
    import torch

    from wbir.registration.metamorphosis import Model, displacements
    from wbir.registration.metamorphosis_cases import problem_of
    from wbir.registration.metamorphosis_shooting import Search, register

    if case.fixed_labels is None or case.moving_labels is None:
        raise InputError(f"labels in case {case.id}", "none", "take a cohort with labels")
    mask_search = Search(steps, mask_iterations, mask_rate, regularity)
    problem = problem_of(
        case, model=model, mask="evolving", masking=False, mask_sigma=mask_sigma, mask_search=mask_search, device=device
    )
    scales = torch.tensor(factors, dtype=problem.source.dtype, device=device).T
    weights = (
        base * part.view(-1, *(1,) * (problem.source.ndim - 1)) for base, part in zip((rho, mu), scales, strict=True)
    )
    equations = Model.of(problem.source, sigma=sigma, **dict(zip(("rho", "mu"), weights, strict=True)))
    search = Search(steps, iterations, rate, regularity)
    found = register(equations, problem.source, problem.target, problem.weight, search)
    with torch.no_grad():
        fields = displacements(equations, found.path)[-1]
    names = [f"{rho * a:g} x {mu * b:g}" for a, b in factors]
    return Prediction(displacement=fields[0].cpu().numpy().astype(np.float32), readings=_readings(case, fields, names))


def _readings(case: Case, fields: Any, names: Sequence[str]) -> list[Reading]:
    import torch

    from wbir.geometry.warping import warp

    def tensor(array: np.ndarray | None) -> Any:
        return torch.from_numpy(np.asarray(array, dtype=np.float32))[None, None].to(fields)

    volume = float(np.prod(case.frame.spacing))
    fixed_labels, moving_labels, fixed, moving = map(
        tensor, (case.fixed_labels, case.moving_labels, case.fixed, case.moving)
    )
    labels = [float(k) for k in np.unique(np.asarray(case.fixed_labels)) if k > 0]
    found = []
    for field in fields.split(1):
        seen = warp(moving_labels, field, mode="nearest", padding="zeros")
        overlaps = [2 * float(((seen == k) & (fixed_labels == k)).sum()) for k in labels]
        sizes = [float((seen == k).sum() + (fixed_labels == k).sum()) for k in labels]
        difference = float((warp(moving, field) - fixed).square().sum()) * volume
        found.append((100 * float(np.mean(np.divide(overlaps, sizes))), difference))
    readings = []
    for name, span, unit, values in zip(
        ("swept_dice", "swept_difference"), ("dice_range", "difference_range"), ("%", "intensity^2 mm^d"),
        zip(*found, strict=True), strict=True,
    ):  # fmt: skip
        readings += [Reading(name, value, unit, label) for label, value in zip(names, values, strict=True)]
        readings.append(Reading(span, max(values) - min(values), unit))
    return readings
