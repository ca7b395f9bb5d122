"""Learning from weak annotations: the squared difference of organ masks, from labels or from bounding boxes (paper 26).

`annotation` of a SPEC: `kind` none, boxes or labels; `error` of the boxes, a part of their sides; `share` of the training
cases that somebody had the time to annotate: a training with annotations has those alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wbir.cases import Case, Cohort
from wbir.energies.boxes import box_masks, boxes_of, misplaced
from wbir.energies.overlap import one_hot
from wbir.errors import InputError, require_known
from wbir.geometry.warping import warp
from wbir.nets.maps import halve_image
from wbir.training.pairwise import Images, PairLoss
from wbir.training.samples import SIDES, Sample
from wbir.training.seeds import seed_of

KINDS = ("none", "boxes", "labels")


@dataclass(frozen=True)
class Annotation:
    """The `annotation` group of a SPEC, every key of it; see the module."""

    kind: str
    error: float
    share: float

    def __post_init__(self) -> None:
        require_known({"kind": (self.kind, KINDS)}, "of annotation")
        if not 0 < self.share <= 1 or not 0 <= self.error < 0.5:
            got = f"share {self.share}, error {self.error}"
            raise InputError("a share in (0, 1] and an error in [0, 0.5) of annotation", got, "correct them")

    def annotated(self, cohort: Cohort) -> Cohort:
        """The first `share` of the cases in which every scan stands once, in the cohort's order, at least one."""
        rows = list(once(cohort).rows)
        return Cohort(cohort.folder, rows[: max(1, round(self.share * len(rows)))])

    def images(self, images: Images, classes: Sequence[int], seed: int) -> Images:
        """What `images` gives of a case, with `fixed_boxes` and `moving_boxes` `(classes, dim, 2)` where they are asked for.

        The error of a face is an annotator's: drawn once for a scan and organ by the seed, the same at every visit.
        """
        if self.kind != "boxes":
            return images

        def with_boxes(case: Case) -> Mapping[str, np.ndarray]:
            found = dict(images(case))
            for side in SIDES:
                labels = getattr(case, f"{side}_labels")
                if labels is None:
                    raise InputError(f"{side}_labels in case {case.id}", "none", "give the cohort labels")
                name = case.attributes.get(f"{side}_subject", f"{case.id}/{side}")
                boxes = boxes_of(labels.astype(np.int32), classes)
                for box, label in zip(boxes, classes, strict=True):
                    draw = np.random.default_rng(seed_of(seed, "box", name, label))
                    box[:] = misplaced(box, self.error, draw)
                found[f"{side}_boxes"] = boxes
            return found

        return with_boxes

    def terms(self) -> Callable[[PairLoss, Sample, Any, Sequence[int]], dict[str, Tensor]]:
        """The loss of a sample for `training.registration.fit_pairs`; `overlap` weighs the masks' squared difference."""

        def terms(loss: PairLoss, sample: Sample, maps: Any, classes: Sequence[int]) -> dict[str, Tensor]:
            found = replace(loss, overlap=0.0).terms(sample, maps.displacement, smooth=maps.velocity)
            if self.kind != "none" and loss.overlap:
                fixed, moving = (self.masks(sample, side, classes) for side in SIDES)
                found[self.kind] = loss.overlap * mask_difference(fixed, moving, maps.displacement)
            return found

        return terms

    def masks(self, sample: Sample, side: str, classes: Sequence[int]) -> Tensor:
        """`(B, classes, *spatial)` in [0, 1]: the organs, or their boxes."""
        if self.kind == "labels":
            masks = one_hot(sample[f"{side}_labels"], classes)
            while masks.shape[2:] != sample[side].shape[2:]:
                masks = halve_image(masks)
            return masks
        return box_masks(sample[f"{side}_boxes"][:, 0], sample[side].shape[2:])


def once(cohort: Cohort) -> Cohort:
    """The cases without those that show a subject of an earlier one (attributes `fixed_subject`, `moving_subject`).

    With `exchange` they still make all pairs of different subjects, and none of a scan with itself.
    """
    rows: list[Mapping[str, str]] = []
    seen: set[str] = set()
    for row in cohort.rows:
        subjects = {row[name] for name in ("fixed_subject", "moving_subject") if row.get(name)}
        if not subjects & seen:
            rows.append(row)
            seen |= subjects
    return Cohort(cohort.folder, rows)


def halved(images: Images, times: int) -> Images:
    """Images at half the resolution, `times` times over; boxes in voxels of that grid. For a training that has to be short."""

    def smaller(case: Case) -> Mapping[str, np.ndarray]:
        found = dict(images(case))
        for name, array in found.items():
            for _ in range(times):
                if name.endswith("_boxes"):  # voxel j covers the voxels 2 j and 2 j + 1
                    array = (array + 0.5) / 2 - 0.5
                else:
                    array = halve_image(torch.from_numpy(np.ascontiguousarray(array))[None, None])[0, 0].numpy()
            found[name] = array
        return found

    return smaller


def mask_difference(fixed: Tensor, moving: Tensor, displacement: Tensor) -> Tensor:
    """Square of `fixed - warped`, masks `(B, C, *spatial)`: mean over voxels and batch, sum over the channels that both images have.

    Scalar: what an organ counts does not depend on how many others there are. 0 where they have none in common.
    """
    squares = (fixed - warp(moving, displacement, padding="zeros")).square().flatten(2).mean(2)
    known = (fixed.detach().flatten(2).amax(2) > 0) & (moving.detach().flatten(2).amax(2) > 0)
    return (squares * known).sum() / len(squares)
