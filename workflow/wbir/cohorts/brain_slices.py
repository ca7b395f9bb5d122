"""Two brains in one axial slice: simulated subjects on the MNI152 template, or two NIREP brains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case, CohortWriter
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Brain slices",
    "reference": "Paper 22, Sect. 2.1, Brain Morph (an unnamed pair of MRI slices, 128 x 128)",
    "describes": (
        "An axial slice, skull-stripped, in [0, 1]; label 1 is the brain. Source simulated: the MNI152 T1 "
        "template in two random diffeomorphisms (large-scale and gyral variation, fading to zero at the border), "
        "each with a weak bias field and Rician noise; the true displacement is their composition. Not modelled: "
        "other folds, pathology, motion, and what moves through the slice. Source local: one slice each of two "
        "NIREP brains at the same relative height; no truth, and the slices differ in anatomy that no 2D warp "
        "explains."
    ),
    "sources": ["simulated", "public", "local"],
    "datasets": ["nirep"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 1500,
    "runtime": 5,
    "parameters": {
        "size": 128,  # pixels along each side
        "spacing": 1.5,  # simulated: mm; local slices are scaled so that the longer brain fills FILL of the side
        "height": 0.55,  # of the slice between the bottom and the top of the brain
        # velocity scales: pairs (sigma mm, root mean square of each vector component mm)
        "components": [[30.0, 2.5], [8.0, 1.2]],
        "bias": 0.03,  # simulated: standard deviation of the log bias field
        "noise": 0.01,  # simulated: Rician, of the brightest value
        "subjects": ["na01", "na02"],  # local: moving, fixed; files <subject>.nii.gz
    },
    "tiny": {"size": 32, "spacing": 6.0},
    "dims": 2,
    "cases": {"test": "1"},
}
CASE = "brain-morph"
LABELS = {1: "brain"}
FILL = 0.9
FADE = 0.1  # of the side: over this width the velocity rises from zero at the border


def build(
    folder: Path, *, source: str, data: Mapping[str, Path] | None, seed: int, size: int, spacing: float, height: float,
    components: Sequence[Sequence[float]], bias: float, noise: float, subjects: Sequence[str],
) -> None:  # fmt: skip
    """Write the one case. data: for the real sources the folder with the NIREP files, which leave the seed without a part.

    Raises InputError for a height outside 0 to 1, or where the files are missing.
    """
    if not 0 < height < 1 or size < 8:
        raise InputError(
            "a height between 0 and 1 and a size of at least 8", f"{height} and {size}", "correct the parameters"
        )
    card: dict = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["parameters"] = {"size": size, "height": height}
    if source != "simulated":
        card["parameters"]["subjects"] = list(subjects)
        case = local_case(data, subjects, size, height)
    else:
        card["parameters"] |= {
            "spacing": spacing,
            "components": [list(c) for c in components],
            "bias": bias,
            "noise": noise,
        }
        case, card["truth_residual_voxels"] = simulated_case(size, spacing, height, components, bias, noise, seed)
    writer = CohortWriter(folder, card, LABELS)
    writer.add(case)
    writer.close()


def simulated_case(
    size: int,
    spacing: float,
    height: float,
    components: Sequence[Sequence[float]],
    bias: float,
    noise: float,
    seed: int,
) -> tuple[Case, float]:
    """The pair of simulated subjects, and the largest residual of its truth in pixels."""
    from wbir.anatomy.deformation import correspondence, exponential, random_velocity, see_through

    slices, frame = template_slice(size, spacing, height)
    velocities = {
        name: random_velocity(frame, components, named_generator(seed, "slice", name)) * fade(frame.shape)
        for name in ("moving", "fixed")
    }
    warps = {name: exponential(velocity) for name, velocity in velocities.items()}
    truth, residual = correspondence(warps["moving"], warps["fixed"], exponential(-velocities["moving"]))
    images, masks = {}, {}
    for name, warp in warps.items():
        mask = see_through(slices["brain"], warp, order=1) > 0.5
        images[name] = (
            _scan(see_through(slices["t1"], warp), frame, bias, noise, named_generator(seed, "scan", name)) * mask
        )
        masks[name + "_labels"] = mask.astype(np.int16)
    return Case(
        CASE, frame, images["fixed"], images["moving"], **masks, truth=truth, attributes={"split": "test"}
    ), residual


def template_slice(size: int, spacing: float, height: float) -> tuple[dict[str, np.ndarray], Frame]:
    """T1 and brain of the template's slice at `height`, `(size, size)`, and their 2D frame (MNI x, y)."""
    from wbir.anatomy.template import BRAIN_CENTRE, axis_positions, centred_frame, load, resample

    template = load()
    z = axis_positions(template.frame, 2)
    frame = centred_frame(BRAIN_CENTRE[:2], (size * spacing,) * 2, spacing)
    affine = np.eye(4)
    affine[:2, :2], affine[:2, 3], affine[2, 3] = (
        frame.affine[:2, :2],
        frame.affine[:2, 2],
        z[0] + height * (z[-1] - z[0]),
    )
    sheet = Frame((*frame.shape, 1), affine)
    return {name: resample(getattr(template, name), template.frame, sheet)[..., 0] for name in ("t1", "brain")}, frame


def fade(shape: Sequence[int]) -> np.ndarray:
    """A weight that rises smoothly from 0 on the border pixels to 1 at FADE of the side, `(1, *shape)`."""
    weight = np.ones(tuple(shape))
    for axis, n in enumerate(shape):
        edge = np.clip(np.minimum(np.arange(n), np.arange(n)[::-1]) / (FADE * n), 0.0, 1.0)
        weight *= np.expand_dims(edge**2 * (3 - 2 * edge), tuple(a for a in range(len(shape)) if a != axis))
    return weight[None]


def _scan(ideal: np.ndarray, frame: Frame, bias: float, noise: float, generator: np.random.Generator) -> np.ndarray:
    from wbir.anatomy.noise import bias_field, rician

    field = bias_field(frame, bias, generator)
    return np.clip(rician(np.maximum(ideal, 0.0) * field, noise, generator), 0.0, 1.0).astype(np.float32)


def local_case(data: Mapping[str, Path] | None, subjects: Sequence[str], size: int, height: float) -> Case:
    """A slice each of two NIREP brains (skull-stripped, zero outside), centred on the brain's bounding box.

    Both have one spacing: that at which the longer one fills FILL of the side.
    """
    from wbir.anatomy.prepare import content_box

    if len(subjects) != 2:
        raise InputError("two subjects, moving and fixed", repr(subjects), "correct the parameter `subjects`")
    if data is None:
        raise InputError(
            "the folder with the NIREP files", "none", "name it for the cohort brain_slices (see docs/data-access.md)"
        )
    tree = Tree("nirep", Path(data["nirep"]))
    scans = [_read(tree.one(f"{name}.nii.gz")) for name in subjects]
    boxes = [content_box(scan > 0, own) for scan, own in scans]
    spacing = max(float((high - low)[:2].max()) for low, high in boxes) / (FILL * size)
    (moving, moving_brain), (fixed, fixed_brain) = (
        _slice(*scan, *box, size, spacing, height) for scan, box in zip(scans, boxes, strict=True)
    )
    return Case(
        CASE, Frame.of((size, size), spacing), fixed, moving, fixed_labels=fixed_brain, moving_labels=moving_brain,
        attributes={"split": "test", "moving_subject": subjects[0], "fixed_subject": subjects[1]},
    )  # fmt: skip


def _read(path: Path) -> tuple[np.ndarray, Frame]:
    from wbir.anatomy.prepare import canonical
    from wbir.images import read_image

    return canonical(*read_image(path))


def _slice(
    scan: np.ndarray, own: Frame, low: np.ndarray, high: np.ndarray, size: int, spacing: float, height: float
) -> tuple[np.ndarray, np.ndarray]:
    """Image and brain mask of the slice at `height` of the brain's box (low, high in mm)."""
    from wbir.anatomy.prepare import normalise, resample

    affine = np.diag([spacing, spacing, 1.0, 1.0])
    affine[:2, 3] = (low + high)[:2] / 2 - spacing * (size - 1) / 2
    affine[2, 3] = low[2] + height * (high[2] - low[2])
    sheet = Frame((size, size, 1), affine)
    brain = resample((scan > 0).astype(np.float32), own, sheet)[..., 0] > 0.5
    image = resample(normalise(scan, inside=scan > 0, percentiles=(0.0, 99.9)), own, sheet)[..., 0]
    return image * brain, brain.astype(np.int16)
