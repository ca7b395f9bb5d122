"""The MNI152 template as tissue fractions on any axis-aligned grid.

Source of the maps: ICBM 2009a nonlinear symmetric, 1 mm, skull-stripped T1 with grey- and white-matter probabilities,
which nilearn's wheel carries as package data (Fonov et al., NeuroImage 54, 2011). nilearn itself is not imported: it
takes seconds.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from wbir.errors import InputError
from wbir.geometry.frames import Frame

FILE = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
BRAIN_CENTRE = (0.0, -16.0, 6.0)  # MNI mm, middle of the template's brain
BRAIN_SIZE = (176.0, 208.0, 176.0)  # mm: the brain's bounding box with some 11 mm around it
TISSUES = ("white", "grey", "fluid")


@dataclass(frozen=True)
class Template:
    """The 1 mm maps: t1 in [0, 1]; brain, grey, white and fluid as fractions in [0, 1] that sum to `brain`."""

    t1: np.ndarray
    brain: np.ndarray
    white: np.ndarray
    grey: np.ndarray
    fluid: np.ndarray
    frame: Frame


@functools.lru_cache(maxsize=1)
def load() -> Template:
    """Read the template. Raises InputError where nilearn is not installed.

    The maps are cut to the brain's bounding box. The fluid is what grey and white leave of the brain mask (T1 above
    zero): ventricles and sulci.
    """
    t1, whole = _read("t1")
    box = tuple(
        slice(int(i.min()), int(i.max()) + 1)
        for i in (t1.max((1, 2)).nonzero()[0], t1.max((0, 2)).nonzero()[0], t1.max((0, 1)).nonzero()[0])
    )
    t1, grey, white = t1[box], _read("gm")[0][box] / np.float32(255), _read("wm")[0][box] / np.float32(255)
    brain = (t1 > 0).astype(np.float32)
    scale = brain / np.maximum(grey + white, 1.0)
    grey, white = grey * scale, white * scale
    affine = whole.affine.copy()
    affine[:3, 3] = whole.to_world(np.array([[s.start for s in box]]))[0]
    return Template(t1 / t1.max(), brain, white, grey, brain - grey - white, Frame(t1.shape, affine))


def _read(name: str) -> tuple[np.ndarray, Frame]:
    from wbir.images import read_image

    spec = find_spec("nilearn")
    if spec is None or spec.origin is None:
        raise InputError("nilearn, whose wheel carries the MNI152 template", "no such package", "install nilearn")
    return read_image(Path(spec.origin).parent / "datasets" / "data" / FILE.format(name))


def centred_frame(centre: Sequence[float], size: Sequence[float], spacing: float) -> Frame:
    """An axis-aligned isotropic frame of `size` mm (rounded to whole voxels) about `centre` in MNI mm."""
    if not spacing > 0:
        raise InputError("a spacing above 0 mm", str(spacing), "correct the cohort's parameters")
    shape = tuple(max(round(length / spacing), 2) for length in size)
    affine = np.diag([*[spacing] * len(shape), 1.0])
    affine[:-1, -1] = [c - spacing * (n - 1) / 2 for c, n in zip(centre, shape, strict=True)]
    return Frame(shape, affine)


def brain_frame(spacing: float) -> Frame:
    """The brain's bounding box with a margin, at `spacing` mm."""
    return centred_frame(BRAIN_CENTRE, BRAIN_SIZE, spacing)


def axis_positions(frame: Frame, axis: int) -> np.ndarray:
    """Millimetres of the voxel centres along one axis of an axis-aligned frame."""
    return frame.affine[axis, -1] + frame.affine[axis, axis] * np.arange(frame.shape[axis])


def coordinates(frame: Frame) -> list[np.ndarray]:
    """Millimetres of the voxel centres, one array per axis that broadcasts to the frame's shape."""
    return list(np.meshgrid(*(axis_positions(frame, a) for a in range(frame.dim)), indexing="ij", sparse=True))


def resample(image: np.ndarray, source: Frame, target: Frame) -> np.ndarray:
    """Resample between axis-aligned frames with a tent as wide as the coarser spacing (zeros outside), float32.

    For a finer target this is linear interpolation, for a coarser one it keeps partial volumes instead of aliasing.
    """
    result = np.asarray(image, dtype=np.float32)
    for axis in range(source.dim):
        matrix = _tent_matrix(source, target, axis)
        result = np.moveaxis(np.tensordot(matrix, result, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(result)


def _tent_matrix(source: Frame, target: Frame, axis: int) -> np.ndarray:
    """`(target voxels, source voxels)` weights; each row is normalised over an unbounded source lattice."""
    step = source.affine[axis, axis]
    half = max(abs(target.affine[axis, axis]) / abs(step), 1.0)
    position = (axis_positions(target, axis) - source.affine[axis, -1]) / step
    reach = int(np.ceil(half)) + 1
    nearest = np.floor(position).astype(int)
    weights = np.zeros((position.size, source.shape[axis]))
    total = np.zeros(position.size)
    rows = np.arange(position.size)
    for offset in range(-reach, reach + 1):
        index = nearest + offset
        weight = np.clip(1.0 - np.abs(position - index) / half, 0.0, None)
        total += weight
        inside = (index >= 0) & (index < source.shape[axis])
        weights[rows[inside], index[inside]] = weight[inside]
    return (weights / total[:, None]).astype(np.float32)


def brain_maps(frame: Frame) -> dict[str, np.ndarray]:
    """T1 template, brain, white, grey and fluid on `frame` (axis-aligned, MNI mm)."""
    template = load()
    return {name: resample(getattr(template, name), template.frame, frame) for name in ("t1", "brain", *TISSUES)}
