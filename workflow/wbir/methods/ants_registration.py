"""ANTs: rigid, affine and symmetric normalisation (SyN) by antspyx.

SyN maximises a similarity over a pair of time-varying velocity fields that meet half way (Avants et al. 2008, Med
Image Anal 12). Paper 06 (Sect. 3.1) runs it with the mean squared error ("ANTs symmetric, MSE metric") and names no
further setting; paper 24 (Sect. 2) pre-aligns by rigid, and by rigid and affine, with Mattes mutual information.
Steps and smoothing are the ANTs defaults, the four levels are those of its script antsRegistrationSyN.

Each stage is a run of its own. Level l of n shrinks by `2^(n-1-l)` and smooths by `n-1-l` voxels. An initial rigid or
affine stage starts at the translation between the images' centres of mass, as `centre_of_mass` does for the last
stage. `metric` is that of the last stage; an initial rigid or affine stage always uses mutual information. Runs on
one ITK thread in single precision; with a seed two runs give the same bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, Prediction
from wbir.errors import require_known

SPEC = {
    "title": "ANTs (rigid, affine, SyN)",
    "reference": "Avants et al. 2008, Med Image Anal 12; paper 06, Sect. 3.1; paper 24, Sect. 2",
    "kind": "iterative",
    "stack": "ants",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 120,
    "gpu": 0,
    "parameters": {
        "transform": "syn",  # rigid | affine | syn
        "initial": "affine",  # identity | centre_of_mass | rigid | affine: what runs before
        "metric": "mi",  # mi | cc | meansquares
        "iterations": [100, 70, 50, 20],  # of the SyN, coarse to fine
        "linear_iterations": [1000, 500, 250, 100],  # of the rigid and affine stages, coarse to fine
        "bins": 32,  # of mi
        "radius": 4,  # of cc, voxels
        "sampling": 0.25,  # share of the voxels that a linear stage looks at
        "gradient_step": 0.2,
        "update_variance": 3.0,  # smoothing of the update field, squared voxels
        "total_variance": 0.0,  # smoothing of the total field, squared voxels
        "masks": False,  # restrict the metrics to the case's masks
    },
    "tiny": {"initial": "identity", "metric": "meansquares", "iterations": [10, 5], "linear_iterations": [20, 10]},
    "dims": [2, 3],
}

METRICS = {"mi": "mattes", "cc": "CC", "meansquares": "meansquares"}
TRANSFORMS = {"rigid": "Rigid", "affine": "Affine", "syn": "SyNOnly"}
# ANTs' words; None is the translation between the centres of mass
STARTS = {"identity": "Identity", "centre_of_mass": None}
INITIALS = {
    "rigid": ("identity", "centre_of_mass"),
    "affine": ("identity", "centre_of_mass", "rigid"),
    "syn": ("identity", "rigid", "affine"),
}


def predict(
    case: Case, *, seed: int, device: str = "cpu", transform: str, initial: str, metric: str, iterations: Sequence[int],
    linear_iterations: Sequence[int], bins: int, radius: int, sampling: float, gradient_step: float,
    update_variance: float, total_variance: float, masks: bool,
) -> Prediction:  # fmt: skip
    """A matrix for rigid and affine; a displacement and its inverse for SyN. `warped` is ANTs' own linear resampling.

    Raises InputError for unknown words, and RuntimeError where ANTs fails.
    """
    known = INITIALS.get(transform, ())
    words = {"transform": (transform, TRANSFORMS), "initial": (initial, known), "metric": (metric, METRICS)}
    require_known(words, f"for transform {transform}")
    linear = _linear_options(linear_iterations, sampling)
    deformable = {
        "reg_iterations": tuple(iterations), "grad_step": gradient_step, "flow_sigma": update_variance,
        "total_sigma": total_variance, "syn_metric": METRICS[metric],
        "syn_sampling": radius if metric == "cc" else bins,
    }  # fmt: skip
    mutual = {"aff_metric": "mattes", "aff_sampling": bins}
    chosen = {"aff_metric": METRICS[metric], "aff_sampling": radius if metric == "cc" else bins}
    with tempfile.TemporaryDirectory(prefix="ants-") as folder:
        session = _Session(case, Path(folder), seed, masks)
        first = STARTS.get(initial)
        if initial in ("rigid", "affine"):
            first = session.register(TRANSFORMS[initial], None, {**linear, **mutual})["fwdtransforms"][0]
        options = deformable if transform == "syn" else {**linear, **chosen}
        result = session.register(TRANSFORMS[transform], first, options)
        if transform == "syn":
            return session.displacements(result)
        return session.matrix(result)


class _Session:
    """A pair of ANTs images and the folder that holds ANTs' transforms while they are needed."""

    def __init__(self, case: Case, folder: Path, seed: int, masks: bool) -> None:
        from wbir.registration.itk_bridge import load_ants, to_ants

        self.ants, self.frame, self.folder = load_ants(), case.frame, folder
        self.ants.config.set_ants_deterministic(on=False, seed_value=seed % (2**31 - 1) + 1)  # 0 is the clock
        self.fixed, self.moving = to_ants(case.fixed, case.frame), to_ants(case.moving, case.frame)
        self.options: dict[str, Any] = {"mask_all_stages": True}
        pairs = (("mask", case.fixed_mask), ("moving_mask", case.moving_mask)) if masks else ()
        self.options |= {name: to_ants(mask, case.frame) for name, mask in pairs if mask is not None}

    def register(self, transform: str, initial: str | None, options: dict[str, Any]) -> dict[str, Any]:
        prefix = str(self.folder / f"{transform}-")
        return self.ants.registration(
            self.fixed, self.moving, type_of_transform=transform, initial_transform=initial, outprefix=prefix,
            **self.options, **options,
        )  # fmt: skip

    def matrix(self, result: dict[str, Any]) -> Prediction:
        from wbir.registration.itk_bridge import matrix_of

        affine = self.ants.read_transform(result["fwdtransforms"][0], precision="double")
        return Prediction(
            matrix=matrix_of(affine.apply_to_point, self.frame), warped=self._array(result["warpedmovout"])
        )

    def displacements(self, result: dict[str, Any]) -> Prediction:
        forward = result["fwdtransforms"]
        backward = result["invtransforms"]
        invert = [path.endswith(".mat") for path in backward]
        return Prediction(
            displacement=self._composite(self.fixed, self.moving, forward, [False] * len(forward)),
            inverse=self._composite(self.moving, self.fixed, backward, invert),
            warped=self._array(result["warpedmovout"]),
        )

    def _composite(self, fixed: Any, moving: Any, transforms: list[str], invert: list[bool]) -> np.ndarray:
        from wbir.registration.itk_bridge import displacement_from_ants

        prefix = tempfile.mkdtemp(dir=self.folder) + "/"
        path = self.ants.apply_transforms(fixed, moving, transforms, whichtoinvert=invert, compose=prefix)
        return displacement_from_ants(self.ants.image_read(path), self.frame)

    @staticmethod
    def _array(image: Any) -> np.ndarray:
        return np.ascontiguousarray(image.numpy(), dtype=np.float32)


def _linear_options(iterations: Sequence[int], sampling: float) -> dict[str, Any]:
    steps = range(len(iterations) - 1, -1, -1)
    return {
        "aff_iterations": tuple(iterations),
        "aff_shrink_factors": tuple(2**step for step in steps),
        "aff_smoothing_sigmas": tuple(steps),
        "aff_random_sampling_rate": sampling,
    }
