"""Optimal-control registration in the solution pool of the variational principle (VP).

Minimises 1/2 sum (I_m(phi) - I_f)^2 over the controls f_hat and g of `Lap u = grad (J_min + f_hat^2) - curl g`, `u = 0` on the boundary
(paper 22, Eqs. 1, 2, 4; registration/variational_principle.py states the discretisation), and then builds the inverse by VP from its
prescribed Jacobian determinant and curl (Sect. 2.1; registration/variational_inverse.py).

The paper names two strategies: `multiresolution` (large deformations of binary images; `levels` grids) and `regridding`
(function composition, for medical images; one grid, up to `pieces` maps a stage). It leaves open, and we took: L-BFGS directions with a
backtracking line search; Gaussian smoothing of the images before a last stage without; linear interpolation; and, because large
deformations fold in spite of f >= J_min, a barrier on the Jacobian determinants and the conformal distortion
(registration/variational_guard.py). `barrier: 0` leaves the paper's loss alone: then steps below `floor` are refused.

Readings: composition_error_max and composition_error_mean, |T - id| in voxels of T = phi_vp^-1 o phi; iterations; pieces; final_loss, the
paper's Loss(phi). Arrays: `composition`, the displacement of T.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wbir.cases import Case, Prediction, Reading
from wbir.errors import InputError

SPEC = {
    "title": "Variational principle",
    "reference": "Paper 22 (WBIR 2022), Eqs. 1, 2, 4 and Sect. 2",
    "kind": "iterative",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 2000,
    "runtime": 20,
    "gpu": 0,
    "parameters": {
        "strategy": "multiresolution",  # or regridding
        "j_min": 0.5,  # the paper's
        "levels": 3,  # grids of multiresolution and of the inverse
        "smoothing": 2.0,  # sigma in voxels of a level's grid
        "iterations": 80,  # at most, for each stage (multiresolution) or piece (regridding)
        "tolerance": 0.001,  # a search ends when ten steps lower its loss by less than this part
        "largest_step": 2.0,  # voxels of a level's grid
        "floor": 0.1,  # no determinant below
        "barrier": 0.5,  # relative to the mean of Loss(id) over the voxels
        "distortion": 0.2,  # its weight in the barrier
        "piece_floor": 0.5,  # regridding: no determinant of a piece below
        "pieces": 4,  # regridding: at most, for each stage
        "inverse_iterations": 300,  # at most, for each grid
    },
    "tiny": {"levels": 2, "iterations": 8, "inverse_iterations": 8},
    "dims": [2, 3],
}


def predict(
    case: Case,
    *,
    seed: int,
    device: str = "cpu",
    strategy: str,
    j_min: float,
    levels: int,
    smoothing: float,
    iterations: int,
    tolerance: float,
    largest_step: float,
    floor: float,
    barrier: float,
    distortion: float,
    piece_floor: float,
    pieces: int,
    inverse_iterations: int,
) -> Prediction:
    """Register a case. No chance in it: `seed` is not used. Raises InputError for an unknown strategy or J_min outside (0, 1)."""
    import torch

    from wbir.registration.variational_registration import (
        Keeping,
        register_multiresolution,
        register_regridding,
        stages,
    )
    from wbir.registration.variational_search import Search

    fixed, moving = (
        torch.from_numpy(image).to(device, torch.float64)[None, None] for image in (case.fixed, case.moving)
    )
    search = Search(j_min, iterations, tolerance, largest=largest_step)
    keeping = Keeping(floor, distortion)
    if strategy == "multiresolution":
        plan = stages(case.fixed.shape, levels, smoothing, barrier)
        found = register_multiresolution(fixed, moving, search, plan, keeping)
    elif strategy == "regridding":
        plan = stages(case.fixed.shape, 1, smoothing, barrier)
        found = register_regridding(fixed, moving, search, plan, keeping, piece_floor=piece_floor, pieces=pieces)
    else:
        raise InputError("strategy multiresolution or regridding", repr(strategy), "take one of the two")
    readings = [
        Reading("iterations", float(found.iterations)),
        Reading("pieces", float(found.pieces)),
        Reading("final_loss", _loss(fixed, moving, found.displacement)),
    ]
    return _with_inverse(found.displacement, readings, Search(j_min, inverse_iterations, tolerance / 10), levels)


def _with_inverse(displacement: Any, readings: list[Reading], search: Any, levels: int) -> Prediction:
    """The prediction with the VP inverse and how far its composition with phi is from the identity."""
    from wbir.geometry.flows import compose
    from wbir.registration.variational_inverse import invert_by_variational_principle
    from wbir.registration.variational_registration import stages

    shapes = [stage.shape for stage in stages(tuple(displacement.shape[2:]), levels, 0.0, 0.0)]
    state = invert_by_variational_principle(displacement, search, shapes)
    composition = compose(state.displacement, displacement)
    error = composition.square().sum(1).sqrt()
    readings += [
        Reading("composition_error_max", float(error.max()), "voxel"),
        Reading("composition_error_mean", float(error.mean()), "voxel"),
    ]
    arrays = [tensor[0].cpu().numpy().astype(np.float32) for tensor in (displacement, state.displacement, composition)]
    return Prediction(arrays[0], arrays[1], readings=readings, arrays={"composition": arrays[2]})


def _loss(fixed: Any, moving: Any, displacement: Any) -> float:
    from wbir.registration.variational_registration import image_difference

    return image_difference(fixed, moving)(displacement)[0]
