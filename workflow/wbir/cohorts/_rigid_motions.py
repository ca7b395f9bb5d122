"""Images of one anatomy in several modalities, paired after a known rigid motion of one: paper 17's protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case
from wbir.errors import InputError
from wbir.geometry.frames import Frame

MODALITIES = {"T": "T1", "F": "FLAIR", "C": "CT", "P": "PET"}  # in the paper's order


def choose_pairs(ordered_pairs: str | Sequence[str]) -> list[tuple[str, str]]:
    """Ordered pairs of modality letters. Raises InputError for another word or an unknown pair."""
    everything = list(permutations(MODALITIES, 2))
    if ordered_pairs == "all":
        return everything
    wanted = [] if isinstance(ordered_pairs, str) else [tuple(pair.split(" to ")) for pair in ordered_pairs]
    if not wanted or set(wanted) - set(everything):
        raise InputError("'all' or a list of pairs such as 'T to F'", repr(ordered_pairs), "correct `ordered_pairs`")
    return [pair for pair in everything if pair in wanted]


def subject_cases(
    images: Mapping[str, np.ndarray],
    pairs: Sequence[tuple[str, str]],
    frame: Frame,
    side: int,
    max_shift_mm: float,
    seed: int,
    number: int,
) -> Iterator[Case]:
    """The cases of one subject, each with a motion of its own."""
    from scipy.ndimage import spline_filter

    start = [(n - side) // 2 for n in frame.shape]
    block = tuple(slice(s, s + side) for s in start)
    block_frame = Frame((side,) * 3, frame.affine @ _translation(start))
    splines = {
        name: spline_filter(images[name], order=3, output=np.float32) for name in sorted({first for first, _ in pairs})
    }
    for first, second in pairs:
        motion = random_motion(frame, max_shift_mm, named_generator(seed, "motion", number, first, second))
        yield Case(
            f"s{number:02d}-{first}-{second}",
            block_frame,
            fixed=move_block(splines[first], motion, start, side),
            moving=np.ascontiguousarray(images[second][block]),
            truth_matrix=_translation([-s for s in start]) @ motion @ _translation(start),
            attributes={
                "split": "test",
                "modalities": "/".join(sorted((first, second), key=list(MODALITIES).index)),
                "order": f"{first} to {second}",
                "subject": f"{number:02d}",
            },
        )


def random_motion(frame: Frame, max_shift_mm: float, generator: np.random.Generator) -> np.ndarray:
    """A rotation uniform on SO(3) about the centre of an isotropic frame and a uniform shift: `(4, 4)`, voxels.

    It takes a voxel of the transformed image to the voxel of the untransformed one that it shows (inverse mapping).
    """
    import torch

    from wbir.geometry.rigid import about_centre, random_rotations

    turns = torch.Generator().manual_seed(int(generator.integers(2**62)))
    shift = torch.from_numpy(generator.uniform(-max_shift_mm, max_shift_mm, 3) / frame.spacing)
    return about_centre(random_rotations(1, turns)[0], frame.shape, shift).numpy()


def move_block(spline: np.ndarray, motion: np.ndarray, start: Sequence[int], side: int) -> np.ndarray:
    """The block of the transformed image, `block(x) = image(motion(x + start))`: cubic, zero outside, cut to [0, 1].

    spline: the image's B-spline coefficients.
    """
    from scipy.ndimage import affine_transform

    linear = motion[:3, :3]
    offset = linear @ np.asarray(start) + motion[:3, 3]
    moved = affine_transform(spline, linear, offset, (side,) * 3, order=3, prefilter=False, output=np.float32)
    return np.clip(moved, 0.0, 1.0)


def _translation(shift: Sequence[float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = shift
    return matrix
