"""Heads in T1, FLAIR, CT and FDG-PET, turned and shifted at random: rigid alignment across modalities with known
truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case, CohortWriter
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Multimodal brains",
    "reference": "Paper 17, Sect. 4.2; it has CERMEP-IDB-MRXFDG (Merida et al., EJNMMI Research 11, 2021; on request)",
    "describes": (
        "Each subject is one anatomy, seen in T1, FLAIR, CT and FDG-PET: the MNI152 tissue fractions with skull, "
        "scalp, face and neck built around them, in a random diffeomorphism. Modelled: contrast by tissue, "
        "partial volume, bias field and Rician noise (MR), correlated noise (CT), point-spread, counting noise "
        "and post-filter (PET). Not modelled: other folds than the template's, pathology, vessels, dura, ears, "
        "the scanner's bed and head rest, attenuation and scatter, MR distortion, registration errors between the "
        "modalities of the real data. Protocol as in the paper: for each ordered pair the first image (fixed, the "
        "reference) is turned and shifted by cubic interpolation, the second (moving, floating) stays; a central "
        "block is cut from both."
    ),
    "sources": ["simulated"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 120,
    "parameters": {
        "subjects": 20,
        "spacing": 1.0,  # mm; the field of view is 207 x 243 x 226 mm
        "block_mm": 151.0,  # side of the central block
        "max_shift_mm": 30.0,  # shifts are uniform between minus and plus this along each axis
        "ordered_pairs": "all",  # or a list such as ["T to F"], first the transformed reference
        # velocity scales: pairs (sigma mm, root mean square of each vector component mm)
        "components": [[35.0, 2.5], [10.0, 1.0]],
    },
    "tiny": {"subjects": 1, "spacing": 9.0, "ordered_pairs": ["T to F", "F to T"]},
    "dims": 3,
}
MODALITIES = {"T": "T1", "F": "FLAIR", "C": "CT", "P": "PET"}  # in the paper's order
FIELD_OF_VIEW = (207.0, 243.0, 226.0)  # mm


def build(
    folder: Path, *, source: str, data: Path | None, seed: int, subjects: int, spacing: float, block_mm: float,
    max_shift_mm: float, ordered_pairs: str | Sequence[str], components: Sequence[Sequence[float]],
) -> None:  # fmt: skip
    """Write a case `s01-T-F` for each subject and ordered pair. Raises InputError for unfit parameters."""
    from wbir.anatomy.head import HEAD_CENTRE, head_tissues
    from wbir.anatomy.modalities import ideal_image
    from wbir.anatomy.template import centred_frame

    pairs = choose_pairs(ordered_pairs)
    frame = centred_frame(HEAD_CENTRE, FIELD_OF_VIEW, spacing)
    side = round(block_mm / spacing)
    if subjects < 1 or not 2 <= side <= min(frame.shape) or max_shift_mm < 0:
        got = f"{subjects} subjects, a block of {block_mm} mm, shifts of {max_shift_mm} mm"
        raise InputError(
            "subjects, a block inside the field of view, shifts of at least 0", got, "correct the parameters"
        )
    tissues = head_tissues(frame)
    ideals = {
        letter: ideal_image(MODALITIES[letter], tissues) for letter in sorted({name for pair in pairs for name in pair})
    }
    del tissues
    card: dict = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["parameters"] = {
        "subjects": subjects, "spacing": spacing, "block_mm": block_mm, "max_shift_mm": max_shift_mm,
        "ordered_pairs": [" to ".join(pair) for pair in pairs], "components": [list(c) for c in components],
    }  # fmt: skip
    writer = CohortWriter(folder, card)
    for number in range(1, subjects + 1):
        images = scan_subject(ideals, frame, components, seed, number)
        for case in subject_cases(images, pairs, frame, side, max_shift_mm, seed, number):
            writer.add(case)
    writer.close()


def choose_pairs(ordered_pairs: str | Sequence[str]) -> list[tuple[str, str]]:
    """Ordered pairs of modality letters. Raises InputError for another word or an unknown pair."""
    everything = list(permutations(MODALITIES, 2))
    if ordered_pairs == "all":
        return everything
    wanted = [] if isinstance(ordered_pairs, str) else [tuple(pair.split(" to ")) for pair in ordered_pairs]
    if not wanted or set(wanted) - set(everything):
        raise InputError("'all' or a list of pairs such as 'T to F'", repr(ordered_pairs), "correct `ordered_pairs`")
    return [pair for pair in everything if pair in wanted]


def scan_subject(
    ideals: Mapping[str, np.ndarray], frame: Frame, components: Sequence[Sequence[float]], seed: int, number: int
) -> dict[str, np.ndarray]:
    """The subject's images in [0, 1] on `frame`: one anatomy, each modality with a scan of its own."""
    from wbir.anatomy.deformation import exponential, random_velocity, see_through
    from wbir.anatomy.modalities import acquire

    warp = exponential(random_velocity(frame, components, named_generator(seed, "head", number)))
    images = {}
    for letter, ideal in ideals.items():
        seen = np.clip(see_through(ideal, warp), ideal.min(), ideal.max())  # a spline overshoots at the skull
        images[letter] = acquire(MODALITIES[letter], seen, frame, named_generator(seed, "scan", number, letter))
    return images


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
