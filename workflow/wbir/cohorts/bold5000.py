"""Three real heads out of a Python package: the T1 scans of BOLD5000 that the wheel of img2fmri 1.0 carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, CohortWriter
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "BOLD5000 heads",
    "reference": "Chang et al., BOLD5000, Scientific Data 2019; T1 scans as carried by img2fmri 1.0",
    "describes": "T1-weighted MRI of three adults, defaced, with skull and scalp, 176 x 256 x 256 at 1 mm, of which"
    " the top 170 mm are kept. Real data, nothing simulated and nothing stripped; no paper uses it. The"
    " moving head is laid on the fixed one by an affine map: to MNI space and back, as the wheel has"
    " each subject's scan there too (head to head, neck and tilt mislead). There are no labels. The"
    " masks are silver: the MNI152 brain mask of nilearn, brought to each subject by that affine map;"
    " they are off by some mm in places and serve to say where the brain is, not to score a"
    " segmentation.",
    "sources": ["package"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 3000,
    "runtime": 10,
    "parameters": {
        "spacing": 2.0,  # mm
        "pairs": [["CSI2", "CSI1"], ["CSI3", "CSI2"], ["CSI1", "CSI3"]],  # [fixed, moving]: each subject to the next
        "affine": True,  # lay the moving head on the fixed one first
        "mask": True,  # silver brain masks; without them the grid is laid around the head
        "margin_mm": 20.0,  # around the brain's (or the head's) box: holds the skull
        "multiple": 8,  # every side is a multiple of this many voxels
        "percentiles": [0.5, 99.0],  # of the head: become 0 and 1; the top is fat
    },
    "tiny": {
        "spacing": 8.0,
        "pairs": [["CSI2", "CSI1"]],
        "affine": False,
        "mask": False,
        "multiple": 1,
        "margin_mm": 0.0,
    },
    "dims": 3,
    "cases": {"test": "len(pairs)"},
}
SUBJECTS = ("CSI1", "CSI2", "CSI3")


def build(
    folder: Path,
    *,
    source: str,
    data: Mapping[str, Path] | None,
    seed: int,
    spacing: float,
    pairs: Sequence[Sequence[str]],
    affine: bool,
    mask: bool,
    margin_mm: float,
    multiple: int,
    percentiles: Sequence[float],
) -> None:
    """Write the cohort: one case per pair on a RAS grid of `spacing` mm around the fixed brain, all of one shape.

    data: the folder of `bold5000`, where the wheel is unpacked. The seed has no part in it.
    Raises InputError where the wheel cannot be had, for an unknown subject, or a failed alignment.
    """
    from wbir.anatomy.prepare import content_box, grid, same_size

    chosen = _chosen(pairs)
    files = _files(data)
    used = [s for s in SUBJECTS if any(s in pair for pair in chosen)]
    heads = {subject: _head(files, subject, percentiles, affine, mask) for subject in used}
    boxes = same_size([content_box(_where(heads[s]), heads[s].frame) for s in used])
    frames = {s: grid(box, spacing, margin_mm=margin_mm, multiple=multiple) for s, box in zip(used, boxes, strict=True)}
    card: dict[str, Any] = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["world_maps"] = {}
    card["parameters"] = {
        "spacing": spacing,
        "pairs": chosen,
        "affine": affine,
        "mask": mask,
        "margin_mm": margin_mm,
        "multiple": multiple,
        "percentiles": list(percentiles),
    }
    writer = CohortWriter(folder, card)
    for fixed, moving in chosen:
        case, world_map = _case((fixed, moving), heads, frames[fixed], affine)
        card["world_maps"][case.id] = world_map.tolist()
        writer.add(case)
    writer.close()


def _chosen(pairs: Sequence[Sequence[str]]) -> list[list[str]]:
    chosen = [list(pair) for pair in pairs]
    for pair in chosen:
        if len(pair) != 2 or pair[0] == pair[1] or not set(pair) <= set(SUBJECTS):
            raise InputError(f"pairs of two of {', '.join(SUBJECTS)}", repr(pair), "correct the parameter pairs")
    return chosen


def _files(data: Mapping[str, Path] | None) -> Tree:
    if data is None:
        raise InputError("a folder of the data set bold5000", "none", "run `wbir acquire bold5000` first")
    return Tree("bold5000", Path(data["bold5000"]))


@dataclass(frozen=True)
class Head:
    """A subject's head: intensities in [0, 1], their frame, the affine map from MNI mm, the silver mask."""

    image: np.ndarray
    frame: Frame
    from_mni: np.ndarray
    brain: np.ndarray | None


def _head(files: Tree, subject: str, percentiles: Sequence[float], affine: bool, mask: bool) -> Head:
    """The top 170 mm of a subject's scan, aligned and masked where asked for."""
    from wbir.anatomy.prepare import canonical, normalise, top_of_head
    from wbir.images import read_image

    path = files.one(f"T1/sub-{subject}_ses-16_anat_sub-{subject}_ses-16_T1w.nii.gz")
    whole, whole_frame = canonical(*read_image(path))
    image, frame = top_of_head(whole, whole_frame, _tissue(whole))
    scaled = normalise(image, inside=_tissue(image), percentiles=(percentiles[0], percentiles[1]))
    from_mni = _from_mni(files, subject, scaled, frame) if affine or mask else np.eye(4)
    return Head(scaled, frame, from_mni, _silver_mask(frame, from_mni) if mask else None)


def _where(head: Head) -> np.ndarray:
    return head.image > 0.2 if head.brain is None else head.brain


def _tissue(image: np.ndarray) -> np.ndarray:
    """Voxels of the head: above a fifth of the 95th percentile; air lies far below, bone and CSF partly too."""
    return image > 0.2 * np.percentile(image, 95)


def _from_mni(files: Tree, subject: str, image: np.ndarray, frame: Frame) -> np.ndarray:
    """The affine world map, MNI mm to the subject's, between the subject's scan in MNI space and the native one."""
    from wbir.anatomy.prepare import align_affine, canonical, normalise, thumbnail
    from wbir.images import read_image

    in_mni, mni_frame = canonical(*read_image(files.one(f"sub{subject[-1]}.anat/T1_to_MNI_nonlin.nii.gz")))
    scaled = normalise(in_mni, inside=_tissue(in_mni), percentiles=(0.5, 99.0))
    return align_affine(thumbnail(scaled, mni_frame), thumbnail(image, frame))


def _silver_mask(frame: Frame, from_mni: np.ndarray) -> np.ndarray:
    """The MNI152 brain mask on the subject's own grid."""
    try:
        from nilearn.datasets import load_mni152_brain_mask
    except ImportError as error:
        raise InputError(
            "nilearn, whose wheel carries the MNI152 brain mask", "none", "install it, or set mask: false"
        ) from error
    from wbir.anatomy.prepare import resample

    template = load_mni152_brain_mask(resolution=2)
    brain = np.asarray(template.dataobj).astype(np.uint8)
    to_mni = np.linalg.inv(from_mni)
    return resample(brain, Frame(brain.shape, template.affine), frame, order=0, world_map=to_mni) > 0


def _case(names: tuple[str, str], heads: Mapping[str, Head], frame: Frame, affine: bool) -> tuple[Case, np.ndarray]:
    from wbir.anatomy.prepare import resample

    fixed, moving = names
    world_map = heads[moving].from_mni @ np.linalg.inv(heads[fixed].from_mni) if affine else np.eye(4)
    arrays: dict[str, np.ndarray] = {}
    for role, name, through in (("fixed", fixed, np.eye(4)), ("moving", moving, world_map)):
        head = heads[name]
        arrays[role] = resample(head.image, head.frame, frame, world_map=through)
        if head.brain is not None:
            brain = head.brain.astype(np.uint8)
            arrays[f"{role}_mask"] = resample(brain, head.frame, frame, order=0, world_map=through) > 0
    attributes = {
        "split": "test",
        "fixed_subject": fixed,
        "moving_subject": moving,
        "initial": "affine" if affine else "none",
    }
    return Case(id=f"{fixed}-{moving}", frame=frame, attributes=attributes, **arrays), world_map
