"""Heads in T1, FLAIR, CT and FDG-PET, turned and shifted at random: rigid alignment across modalities with known
truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import CohortWriter
from wbir.cohorts._rigid_motions import MODALITIES, choose_pairs, subject_cases
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
    "box_mm": [207.0, 243.0, 226.0],  # that the images show
    "dims": 3,
    "cases": {"test": "subjects * (12 if ordered_pairs == 'all' else len(ordered_pairs))"},
}
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
