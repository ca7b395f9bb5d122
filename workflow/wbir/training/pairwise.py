"""What networks that register a pair learn from: the moving image warped onto the fixed one, smoothness, labels.

`loss` of a SPEC: similarity lncc, mse or mind (with `window`, of the local correlation, voxels), `weight` of it;
`smoothness`, the weight of the `regulariser` (diffusion or bending) of the velocity, or of the displacement where there is
none; `overlap`, the weight of `1 - soft Dice` of the warped labels (0: labels are not used); `missing`, what is done about a
case that lacks a label: `error`, or `skip`, which leaves that label out for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wbir.cases import Case, Cohort
from wbir.energies import regularity
from wbir.energies.local_ncc import local_ncc
from wbir.energies.mind import mind_ssc
from wbir.energies.overlap import one_hot, soft_dice
from wbir.energies.similarity import ssd
from wbir.errors import InputError, require_known
from wbir.geometry.warping import warp
from wbir.training.samples import Sample, Samples, to_device

SIMILARITIES = ("lncc", "mse", "mind")
REGULARISERS = {"diffusion": regularity.diffusion, "bending": regularity.bending}
MISSING = ("error", "skip")
log = logging.getLogger("wbir")
Images = Callable[[Case], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class PairLoss:
    """The `loss` group of a SPEC, every key of it; see the module."""

    similarity: str
    window: int
    weight: float
    regulariser: str
    smoothness: float
    overlap: float
    missing: str = "error"

    def __post_init__(self) -> None:
        require_known(
            {
                "similarity": (self.similarity, SIMILARITIES),
                "regulariser": (self.regulariser, tuple(REGULARISERS)),
                "missing": (self.missing, MISSING),
            },
            "of loss",
        )

    def terms(
        self, sample: Sample, displacement: Tensor, *, smooth: Tensor | None = None, classes: Sequence[int] = ()
    ) -> dict[str, Tensor]:
        """The weighted terms of a sample with `fixed`, `moving` (and labels) for a displacement in voxels.

        smooth: the field that is to be smooth (default: the displacement).
        """
        fixed, warped = sample["fixed"], warp(sample["moving"], displacement)
        terms = {self.similarity: self.weight * self.distance(fixed, warped)}
        if self.smoothness:
            field = displacement if smooth is None else smooth
            terms[self.regulariser] = self.smoothness * REGULARISERS[self.regulariser](field)
        if self.overlap:
            maps = [one_hot(sample[f"{side}_labels"], classes) for side in ("fixed", "moving")]
            terms["overlap"] = self.overlap * (1 - soft_dice(maps[0], warp(maps[1], displacement, padding="zeros")))
        return terms

    def distance(self, fixed: Tensor, warped: Tensor) -> Tensor:
        """How unlike the fixed and the warped image are: 0 at best."""
        if self.similarity == "lncc":
            return 1 - local_ncc(fixed, warped, self.window)
        if self.similarity == "mind":
            return ssd(mind_ssc(fixed), mind_ssc(warped))
        return ssd(fixed, warped)


def plain_images(case: Case) -> Mapping[str, np.ndarray]:
    """The two images as they are."""
    return {"fixed": case.fixed, "moving": case.moving}


def windowed(intensity: Sequence[float] | None) -> Images:
    """Images scaled so that the first value becomes 0 and the second 1, clipped; as they are for None.

    Raises InputError where the second is not above the first.
    """
    if intensity is None:
        return plain_images
    if len(intensity) != 2 or not intensity[0] < intensity[1]:
        raise InputError(
            "an intensity window [low, high], low below high", f"{list(intensity)}", "correct it, or give none"
        )
    low, high = intensity

    def images(case: Case) -> Mapping[str, np.ndarray]:
        return {name: ((image - low) / (high - low)).clip(0, 1) for name, image in plain_images(case).items()}

    return images


def pair_samples(
    cohort: Cohort, *, images: Images = plain_images, labels: bool, missing: str = "error", exchange: bool, memory_mb: int
) -> Samples:  # fmt: skip
    """Samples with `fixed` and `moving` `(B, 1, *spatial)`, and `fixed_labels`, `moving_labels` where labels are asked for.

    images: what a method sees of a case (a window of intensities, masked). Raises InputError for a case without labels,
    and for one that lacks a label of labels.csv unless `missing` is `skip`.
    """
    names = cohort.label_names()

    def prepare(case: Case) -> dict[str, Tensor]:
        arrays = dict(images(case))
        if labels:
            arrays |= {side: _labels(case, side, names, missing) for side in ("fixed_labels", "moving_labels")}
        return {name: torch.from_numpy(np.ascontiguousarray(array))[None] for name, array in arrays.items()}

    return Samples(cohort, prepare, exchange=exchange, memory_mb=memory_mb)


def _labels(case: Case, side: str, names: Mapping[int, str], missing: str) -> np.ndarray:
    found = getattr(case, side)
    if found is None:
        raise InputError(f"{side} in case {case.id}", "none", "train without `overlap`, or give the cohort labels")
    lacking = sorted(set(names) - set(np.unique(found).tolist()))
    if lacking:
        words = ", ".join(f"{label} ({names[label]})" for label in lacking[:4])
        if missing == "error" or len(lacking) == len(names):
            todo = "check its labels, or set `loss: {missing: skip}` to learn from the others"
            raise InputError(f"every label in the {side} of case {case.id}", f"none of {words}", todo)
        log.warning("%s of case %s: no %s", side, case.id, words)
    return found.astype(np.int32)


def validator(
    samples: Samples, displacement: Callable[[nn.Module, Sample], Tensor], loss: PairLoss, device: str, classes: Sequence[int]
) -> Callable[[nn.Module], dict[str, float]]:  # fmt: skip
    """A validation for `training.engine.Job`: over all cases, Dice of the warped labels where there are any, and likeness.

    displacement: what a network gives for a sample, `(1, dim, *spatial)` voxels.
    """

    def validate(network: nn.Module) -> dict[str, float]:
        rows: list[dict[str, float]] = []
        for row in samples.cohort.rows:
            prepared = {name: tensor[None] for name, tensor in samples.case(row["case"]).items()}
            sample = to_device(prepared, torch.device(device))
            field = displacement(network, sample).float()
            found: dict[str, float] = {}
            if "fixed_labels" in sample and classes:
                moved = warp(sample["moving_labels"], field, mode="nearest", padding="zeros")
                found["dice"] = float(soft_dice(one_hot(sample["fixed_labels"], classes), one_hot(moved, classes)))
            found["likeness"] = -float(loss.distance(sample["fixed"], warp(sample["moving"], field)))
            rows.append(found)
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}

    return validate


def classes_of(cohort: Cohort, wanted: Any) -> tuple[int, ...]:
    """The labels of a cohort that has names for them, where `wanted`. Raises InputError where it has none."""
    if not wanted:
        return ()
    names = cohort.label_names()
    if not names:
        raise InputError(f"labels.csv in {cohort.folder.name}", "none", "train without `overlap`")
    return tuple(sorted(names))
