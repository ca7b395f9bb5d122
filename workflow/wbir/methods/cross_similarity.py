"""Run-time of one cross-similarity map, by FFT and by the direct loop (paper 17, Sect. 4.3, Table 2).

One map of a case's two images, from the images to the similarity of every displacement with enough overlap: gradients,
transforms of both images and masks, and inverse transforms; or gradients and a loop over the displacements. A first map
is made and thrown away before the FFTs are timed (plans, memory). It registers nothing: the prediction is the identity.

The direct loop takes hours for large images. With `sampled_shifts` above 0 it runs over that many displacements drawn
at random from the allowed ones, and `run_time` is their time multiplied up to all of them; the reading `extrapolated`
is then 1.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from wbir.cases import Case, Prediction, Reading
from wbir.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from wbir.registration.ngf_measure import GradientMeasure

SPEC = {
    "title": "Run-time of one cross-similarity map (FFT, direct)",
    "reference": "paper 17, Sect. 4.3, Table 2",
    "kind": "iterative",
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 120,
    "gpu": 1,
    "parameters": {
        "algorithm": "fft",  # fft | direct
        "similarity": "squared",  # squared (Eq. 2) | unsquared (Eq. 3)
        "overlap": 0.5,  # least overlap gamma
        "repeats": 3,  # the run-time is the median of so many maps
        "sampled_shifts": 0,  # displacements that the direct algorithm runs over; 0: all
        "compare": False,  # fft: also report the largest difference from the direct algorithm
        "precision": "float32",  # float32 | float64
        "epsilon": 1e-5,  # of Eq. 1, intensity per voxel
    },
    "tiny": {"repeats": 1, "sampled_shifts": 20, "compare": True},
    "dims": [2, 3],
    "registers": False,  # finds no map between two images
}

CHOICES = {"algorithm": ("fft", "direct"), "similarity": ("squared", "unsquared"), "precision": ("float32", "float64")}


def predict(
    case: Case,
    *,
    seed: int,
    device: str = "cpu",
    algorithm: str,
    similarity: str,
    overlap: float,
    repeats: int,
    sampled_shifts: int,
    compare: bool,
    precision: str,
    epsilon: float,
) -> Prediction:
    """The readings run_time (s), displacements (how many are allowed), extrapolated (0 or 1), and map_difference."""
    import torch

    from wbir.registration.ngf_measure import GradientMeasure
    from wbir.registration.rigid_cases import unit_image

    for name, value in (("algorithm", algorithm), ("similarity", similarity), ("precision", precision)):
        if value not in CHOICES[name]:
            raise InputError(f"{name} of {CHOICES[name]}", repr(value), "take one of them")
    dtype = getattr(torch, precision)
    images = [unit_image(image, device=device, dtype=dtype) for image in (case.fixed, case.moving)]
    measure = GradientMeasure(epsilon=epsilon, squared=similarity == "squared")
    trial = Trial(images, measure, overlap, sampled_shifts, seed)
    readings = []
    if algorithm == "fft":
        trial.by_fft()
        seconds = [_timed(trial.by_fft, device) for _ in range(repeats)]
        if compare:
            readings.append(Reading("map_difference", trial.difference()))
    else:
        seconds = [_timed(trial.by_loop, device) * trial.share() for _ in range(repeats)]
    readings.append(Reading("run_time", statistics.median(seconds), "s", speed=True))
    readings.append(Reading("displacements", float(trial.allowed_number())))
    readings.append(Reading("extrapolated", float(algorithm == "direct" and trial.share() > 1)))
    return Prediction(readings=readings)


class Trial:
    """The two algorithms on one pair of images `(1, 1, *spatial)` without masks, and the displacements drawn for the
    loop."""

    def __init__(
        self, images: list[Tensor], measure: GradientMeasure, overlap: float, sampled_shifts: int, seed: int
    ) -> None:
        import torch

        from wbir.registration.cross_similarity import ShiftWindow, direct_counts, enough

        self.images, self.measure, self.overlap = images, measure, overlap
        masks = [torch.ones_like(image) for image in images]
        self.window = ShiftWindow.between(images[0].shape[2:], images[1].shape[2:], overlap)
        self.counts = direct_counts(masks[0], masks[1], self.window).flatten()
        self.allowed = enough(self.counts[None], overlap)[0].nonzero().flatten().cpu()
        self.chosen = self.allowed
        if 0 < sampled_shifts < len(self.allowed):
            drawn = torch.randperm(len(self.allowed), generator=torch.Generator().manual_seed(seed))[:sampled_shifts]
            self.chosen = self.allowed[drawn.sort().values]
        self.shifts = self.window.shifts()[self.chosen]

    def fields(self) -> list[Tensor]:
        ones = [image.new_ones(image.shape) for image in self.images]
        return [self.measure.field(self.measure.prepare(i, m)) for i, m in zip(self.images, ones, strict=True)]

    def by_fft(self) -> Tensor:
        """The whole map, flattened."""
        from wbir.registration.cross_similarity import CrossSimilarity

        fixed, moving = self.fields()
        similarity = CrossSimilarity(fixed, None, moving.shape[2:], overlap=self.overlap, squared=self.measure.squared)
        return similarity(moving).values.flatten()

    def by_loop(self) -> Tensor:
        """The map at the chosen displacements."""
        from wbir.registration.cross_similarity import direct_sums

        fixed, moving = self.fields()
        return direct_sums(fixed, moving, self.shifts, squared=self.measure.squared) / self.counts[self.chosen]

    def difference(self) -> float:
        return float((self.by_fft()[self.chosen] - self.by_loop()).abs().max())

    def allowed_number(self) -> int:
        return len(self.allowed)

    def share(self) -> float:
        """All allowed displacements over those that the loop runs over."""
        return len(self.allowed) / len(self.chosen)


def _timed(work: Callable[[], object], device: str) -> float:
    """Wall seconds of one call, the device's queue included."""
    import torch

    wait = torch.cuda.synchronize if str(device).startswith("cuda") else lambda: None
    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start
