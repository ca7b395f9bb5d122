"""LDDMM, metamorphosis, weighted metamorphosis and cost-function masking: one geodesic shooting, four ways to let intensities change.

Paper 02 (WBIR 2022), Eqs. 1 to 4 and 9; registration/metamorphosis.py has the equations, registration/metamorphosis_shooting.py the
cost and the search. `model: weighted` adds intensity where a mask M_t lets it: `evolving` (the LDDMM registration of a small ball to
the case's fixed mask, Sect. 2) or `constant` (M_t = M_1). `model: lddmm` with `masking: true` leaves the fixed mask out of the data
term (Brett et al. 2001; the text does not say on which registration it was based).

Defaults are the authors' for brains of 240 x 240 (their program; the text names no number): one `sigma`, `rho`, `rate` and number of
iterations for each model, so a paper file has to give them. Deviations from their program: gradients are central differences (theirs:
Sobel), images are not clamped to [0, 1] between steps, the image and the residual step from the same old state in every model, and the
best iteration is kept.

Readings: shooting_cost, first_cost; velocity_norm and total_norm (||v_t||_V^2, and with rho ||z_t||_M^2; label t), velocity_norm_drift
and total_norm_drift (largest relative change along the geodesic). Arrays: `frames` `(steps + 1, X, Y)`, I_t (in 3D the middle slice);
`weights`, M_t; `deformed`, the moving image deformed alone. `warped` is I_1, intensities added.
"""

from __future__ import annotations

from wbir.cases import Case, Prediction

SPEC = {
    "title": "Weighted metamorphosis",
    "reference": "WBIR 2022, paper 02",
    "kind": "iterative",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 2500,
    "runtime": 240,
    "gpu": 1,
    "parameters": {
        "model": "weighted",  # lddmm, metamorphosis or weighted
        "mask": "evolving",  # weighted: evolving or constant
        "masking": False,  # cost-function masking
        "rho": 20.0,
        "mu": 1.0,
        "sigma": 12.0,  # of the kernel, voxels
        "regularity": 0.0001,  # lambda of Eq. 9
        "steps": 20,  # of the time integration
        "iterations": 700,
        "rate": 1.0,  # Adadelta's factor
        "integrator": "semi_lagrangian",  # or euler, runge_kutta
        "mask_sigma": 3.0,  # the LDDMM registration that makes the evolving mask
        "mask_iterations": 300,
        "mask_rate": 100.0,
        "norm_steps": 40,  # of the path on which the norms are measured
        "checkpoint": False,  # less memory, more time: for large volumes
    },
    "tiny": {"sigma": 3.0, "steps": 4, "iterations": 4, "mask_iterations": 2, "norm_steps": 4},
    "dims": [2, 3],
}


def predict(
    case: Case,
    *,
    seed: int,
    device: str = "cpu",
    model: str,
    mask: str,
    masking: bool,
    rho: float,
    mu: float,
    sigma: float,
    regularity: float,
    steps: int,
    iterations: int,
    rate: float,
    integrator: str,
    mask_sigma: float,
    mask_iterations: int,
    mask_rate: float,
    norm_steps: int,
    checkpoint: bool,
) -> Prediction:
    """Register a case. No chance in it: `seed` is not used. Raises InputError for unfit parameters or a missing mask."""
    from wbir.registration.metamorphosis import Model
    from wbir.registration.metamorphosis_cases import prediction_of, problem_of
    from wbir.registration.metamorphosis_shooting import Search, register

    search = Search(steps, iterations, rate, regularity, integrator, checkpoint)
    mask_search = Search(steps, mask_iterations, mask_rate, regularity, checkpoint=checkpoint)
    problem = problem_of(
        case, model=model, mask=mask, masking=masking, mask_sigma=mask_sigma, mask_search=mask_search, device=device
    )
    if model == "lddmm":
        rho = mu = 1.0  # they have no part in it
    equations = Model.of(problem.source, sigma=sigma, rho=rho, mu=mu)
    found = register(equations, problem.source, problem.target, problem.weight, search, problem.where)
    return prediction_of(case, problem, equations, found, norm_steps=norm_steps)
