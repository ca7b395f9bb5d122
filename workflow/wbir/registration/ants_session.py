"""ANTs' stages on a case: rigid, affine and SyN one after the other, each started at what the one before it found.

antspyx keeps its transforms in files, and its samples of mutual information in a seed: a session holds both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, Prediction
from wbir.geometry.frames import Frame
from wbir.registration.itk_bridge import displacement_from_ants, load_ants, matrix_of, to_ants

TRANSFORMS = {"rigid": "Rigid", "affine": "Affine", "syn": "SyNOnly"}
# ANTs' words; None is the translation between the centres of mass
STARTS = {"identity": "Identity", "centre_of_mass": None}


class AntsSession:
    """A pair of ANTs images and the folder that holds ANTs' transforms while they are needed.

    masks: restrict the metrics to the case's masks, in all stages.
    """

    def __init__(self, case: Case, folder: Path, seed: int, masks: bool) -> None:
        self.ants, self.frame, self.folder = load_ants(), case.frame, folder
        self.ants.config.set_ants_deterministic(on=False, seed_value=seed % (2**31 - 1) + 1)  # 0 is the clock
        self.fixed, self.moving = to_ants(case.fixed, case.frame), to_ants(case.moving, case.frame)
        self.options: dict[str, Any] = {"mask_all_stages": True}
        pairs = (("mask", case.fixed_mask), ("moving_mask", case.moving_mask)) if masks else ()
        self.options |= {name: to_ants(mask, case.frame) for name, mask in pairs if mask is not None}

    def start(self, word: str, options: dict[str, Any]) -> str | None:
        """What a stage starts from: identity, centre_of_mass, or what a rigid or affine stage with these options finds."""
        return STARTS[word] if word in STARTS else self.register(word, None, options)["fwdtransforms"][0]

    def register(self, transform: str, initial: str | None, options: dict[str, Any]) -> dict[str, Any]:
        """ANTs' result of one stage; its transforms include those that it started from. Raises RuntimeError where ANTs fails."""
        prefix = str(self.folder / f"{transform}-")
        return self.ants.registration(
            self.fixed, self.moving, type_of_transform=TRANSFORMS[transform], initial_transform=initial, outprefix=prefix,
            **self.options, **options,
        )  # fmt: skip

    def matrix(self, result: dict[str, Any]) -> np.ndarray:
        """Of a rigid or affine stage: fixed voxel to moving voxel, `(dim + 1, dim + 1)`."""
        affine = self.ants.read_transform(result["fwdtransforms"][0], precision="double")
        return matrix_of(affine.apply_to_point, self.frame)

    def displacements(self, result: dict[str, Any]) -> Prediction:
        """Of a SyN stage: the displacement, its inverse, and ANTs' own warped image."""
        forward = result["fwdtransforms"]
        backward = result["invtransforms"]
        invert = [path.endswith(".mat") for path in backward]
        return Prediction(
            displacement=self._composite(self.fixed, self.moving, forward, [False] * len(forward)),
            inverse=self._composite(self.moving, self.fixed, backward, invert),
            warped=self.warped(result),
        )

    def _composite(self, fixed: Any, moving: Any, transforms: list[str], invert: list[bool]) -> np.ndarray:
        prefix = tempfile.mkdtemp(dir=self.folder) + "/"
        path = self.ants.apply_transforms(fixed, moving, transforms, whichtoinvert=invert, compose=prefix)
        return displacement_from_ants(self.ants.image_read(path), self.frame)

    @staticmethod
    def warped(result: dict[str, Any]) -> np.ndarray:
        """ANTs' own linear resampling of the moving image."""
        return np.ascontiguousarray(result["warpedmovout"].numpy(), dtype=np.float32)


def linear_options(iterations: Sequence[int], sampling: float, bins: int) -> dict[str, Any]:
    """Of a rigid or affine stage by Mattes mutual information: level l of n shrinks by `2^(n-1-l)`, smooths by `n-1-l`.

    sampling: the share of voxels that it looks at, regularly drawn by the session's seed.
    """
    steps = range(len(iterations) - 1, -1, -1)
    return {
        "aff_iterations": tuple(iterations),
        "aff_shrink_factors": tuple(2**step for step in steps),
        "aff_smoothing_sigmas": tuple(steps),
        "aff_random_sampling_rate": sampling,
        "aff_metric": "mattes",
        "aff_sampling": bins,
    }


def corrected_bias(
    image: np.ndarray, mask: np.ndarray | None, frame: Frame, *, iterations: Sequence[int], shrink: int, spacing: float
) -> np.ndarray:
    """An image `frame.shape` without its bias field, by N4 (Tustison et al. 2010, IEEE TMI 29): float32.

    mask: where the field is fitted (None: everywhere). iterations: at most so many for each level of the B-spline, whose
    control points are `spacing` mm apart at the first and half as far at each next. shrink: voxels are thinned out by it.
    """
    ants = load_ants()
    field = {"shrink_factor": shrink, "convergence": {"iters": list(iterations), "tol": 1e-7}, "spline_param": spacing}
    inside = None if mask is None else to_ants(mask, frame)
    found = ants.n4_bias_field_correction(to_ants(image, frame), mask=inside, **field)
    return np.ascontiguousarray(found.numpy(), dtype=np.float32)
