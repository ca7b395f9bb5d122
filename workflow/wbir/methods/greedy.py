"""greedy (PICSL): fast diffeomorphic registration by greedy composition, or of a stationary velocity.

The program of Yushkevich et al. (2016, Alzheimer's & Dementia 12, P126; picsl-greedy on PyPI, its own Python interface), with
its documented settings: local correlation in a patch, three levels, update and total field smoothed by Gaussians. The
images are as they come; no affine stage runs before.

`greedy` composes smoothed updates; its inverse comes from the program (`-oinv`). `svf` is `-sv`: a stationary
velocity, updated by addition. One thread and a seed: two runs give the same
bytes. Fields are saved as they are (`-wp 0`), not rounded to a tenth of a voxel.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from wbir.cases import Case, Prediction
from wbir.errors import require_known

SPEC = {
    "title": "greedy (PICSL)",
    "reference": "Yushkevich et al. 2016, Alzheimer's & Dementia 12, P126; github.com/pyushkevich/greedy",
    "kind": "iterative",
    "stack": "greedy",
    "threads": 1,
    "mem_mb": 2000,
    "runtime": 30,
    "gpu": 0,
    "parameters": {
        "model": "greedy",  # greedy | svf
        "metric": "NCC",  # NCC | WNCC | SSD
        "radius": 2,  # of the patch of NCC and WNCC, voxels
        "iterations": [100, 50, 10],  # of each level, coarse to fine; each level halves the voxels
        "update_sigma": 1.732,  # Gaussian of the update field, voxels
        "total_sigma": 0.7071,  # Gaussian of the total field, voxels
        "step": 1.0,  # -e, relative to a voxel
    },
    "tiny": {"iterations": [10, 5]},
    "dims": [2, 3],
}

MODELS = {"greedy": "", "svf": "-sv"}
METRICS = ("NCC", "WNCC", "SSD")


def predict(
    case: Case, *, seed: int, device: str = "cpu", model: str, metric: str, radius: int, iterations: Sequence[int],
    update_sigma: float, total_sigma: float, step: float,
) -> Prediction:  # fmt: skip
    """A displacement and its inverse. The seed is that of the faint noise that it adds. Raises InputError for unknown words."""
    import picsl_greedy

    from wbir.registration.itk_bridge import displacement_from_sitk, to_sitk

    require_known({"model": (model, MODELS), "metric": (metric, METRICS)}, "for greedy")
    dim = case.frame.dim
    patch = "" if metric == "SSD" else "x".join([str(int(radius))] * dim)
    counts = "x".join(str(int(count)) for count in iterations)
    command = (
        f"-d {dim} -threads 1 -i fixed moving -ia-identity {MODELS[model]} -m {metric} {patch} -n {counts}"
        f" -s {float(update_sigma)}vox {float(total_sigma)}vox -e {float(step)} -V 0"
        f" -seed {seed % (2**31 - 1) + 1} -wp 0 -o forward -oinv backward"
    )
    program = getattr(picsl_greedy, f"Greedy{dim}D")()
    program.execute(
        command,
        out=io.StringIO(),
        fixed=to_sitk(case.fixed, case.frame),
        moving=to_sitk(case.moving, case.frame),
        forward=None,
        backward=None,
    )
    forward, backward = (displacement_from_sitk(program[name], case.frame) for name in ("forward", "backward"))
    return Prediction(displacement=forward, inverse=backward)
