"""Grey photographs of simulated people with eight expressions each: pairs of two expressions of one person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case, CohortWriter
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Faces with eight expressions",
    "reference": (
        "Paper 11, Sect. 3: the Radboud Faces Database (Langner et al., Cognition and Emotion 24, 2010; on request), 67 subjects, 8 "
        "expressions, frontal gaze, 53/7/7 subjects, 2968/392/392 pairs, 256 x 256"
    ),
    "describes": (
        "Each subject is a face drawn at random: outline, eyes, brows, nose, mouth, skin, hair, stubble, freckles, light. An "
        "expression moves its skin by facial action units, those that the models of the database were asked for; the strength of "
        "each unit is the person's own. A relief lit by a broad lamp gives the shading; wrinkles and gathered flesh come with the "
        "units; the skin's texture moves with the skin. Lids close in part, a mouth that opens shows teeth and a dark cavity, "
        "which the other image need not have: the map between two images is no diffeomorphism there, so there is no true "
        "displacement. The points are places of the skin, known exactly. Between photographs a head turns, shifts and comes "
        "nearer a little, as far as an alignment by landmarks leaves it. Noise, then 256 grey levels. Not modelled: other head "
        "poses, glasses, head coverings, hair that moves, colour, people who miss the expression."
    ),
    "sources": ["simulated"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 1500,
    "runtime": 60,
    "parameters": {
        "size": 256,  # pixels along each side
        "subjects": {"train": 53, "validation": 7, "test": 7},
        "pairs_per_subject": 56,  # all ordered pairs of 8 expressions, or fewer, drawn for each subject
        "noise": 0.008,  # of the camera, standard deviation, 1 is white
    },
    "tiny": {"size": 32, "subjects": {"train": 1, "validation": 1, "test": 1}, "pairs_per_subject": 2},
    "dims": 2,
    "cases": {
        "train": "subjects['train'] * pairs_per_subject",
        "validation": "subjects['validation'] * pairs_per_subject",
        "test": "subjects['test'] * pairs_per_subject",
    },
}
SPLITS = ("train", "validation", "test")
CROP = 1.1  # how much larger the face is than in its own coordinates
LEVELS = 255
# of the head's turn (radians), log size and shift (half sides of the image) between photographs, standard deviations
TURN, SIZE, SHIFT = 0.010, 0.006, 0.006


@dataclass(frozen=True)
class Photograph:
    """image: float32 `(size, size)`; points: landmarks, `(N, 2)` voxel indices."""

    image: np.ndarray
    points: np.ndarray


def build(
    folder: Path, *, source: str, data: Path | None, seed: int, size: int, subjects: Mapping[str, int],
    pairs_per_subject: int, noise: float,
) -> None:  # fmt: skip
    """Write a case `test-01-anger-to-fear` (moving anger, fixed fear) and so on. Raises InputError for unfit parameters.

    Array axis 0 is x to the right, axis 1 is y upwards.
    """
    from wbir.anatomy.face_landmarks import NAMES

    if size < 16 or noise < 0:
        raise InputError("a size of at least 16 and a noise of at least 0", f"{size} and {noise}", "correct them")
    pairs = plan(subjects, pairs_per_subject, seed)
    card: dict = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["parameters"] = {
        "size": size, "subjects": dict(subjects), "pairs_per_subject": pairs_per_subject, "noise": noise,
    }  # fmt: skip
    writer = CohortWriter(folder, {**card, "landmarks": list(NAMES)})
    for (split, subject), chosen in pairs.items():
        shown = sorted({name for pair in chosen for name in pair})
        photographs = {name: photograph(subject, name, size, noise, seed) for name in shown}
        for case in subject_cases(split, subject, chosen, photographs):
            writer.add(case)
    writer.close()


def plan(
    subjects: Mapping[str, int], pairs_per_subject: int, seed: int
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """The ordered pairs (moving, fixed) of expressions by split and subject. Raises InputError for unfit numbers."""
    from wbir.anatomy.face_actions import EXPRESSIONS

    everything = list(permutations(EXPRESSIONS, 2))
    if set(subjects) - set(SPLITS) or sum(subjects.values()) < 1 or min(subjects.values()) < 0:
        raise InputError(f"numbers of subjects by split of {SPLITS}", repr(dict(subjects)), "correct `subjects`")
    if not 1 <= pairs_per_subject <= len(everything):
        raise InputError(f"1 to {len(everything)} pairs of a subject", f"{pairs_per_subject}", "correct the parameter")
    found = {}
    for split in SPLITS:
        for number in range(1, subjects.get(split, 0) + 1):
            subject = f"{split}-{number:02d}"
            order = named_generator(seed, "pairs", subject).permutation(len(everything))[:pairs_per_subject]
            found[split, subject] = [everything[i] for i in sorted(order)]
    return found


def photograph(subject: str, expression: str, size: int, noise: float, seed: int) -> Photograph:
    """One photograph of a subject: the same name and seed give the same person at any size."""
    from wbir.anatomy import face, face_actions, face_landmarks, face_picture

    person = face.draw_person(named_generator(seed, "person", subject))
    units = face_actions.draw_units(expression, named_generator(seed, "units", subject, expression))
    shown = face_actions.Expression(person, units)
    turn, grown, x, y = named_generator(seed, "pose", subject, expression).standard_normal(4).tolist()
    pose = face_picture.Pose(TURN * turn, CROP * float(np.exp(SIZE * grown)), SHIFT * x, SHIFT * y)
    image = face_picture.photograph(person, shown, pose, size)
    image = image + noise * named_generator(seed, "noise", subject, expression).standard_normal(image.shape)
    image = np.rint(np.clip(image, 0.0, 1.0) * LEVELS) / LEVELS
    return Photograph(image.astype(np.float32), face_landmarks.landmarks(person, shown, pose, size))


def subject_cases(
    split: str, subject: str, pairs: Sequence[tuple[str, str]], photographs: Mapping[str, Photograph]
) -> Iterator[Case]:
    """The cases of one subject."""
    for moving, fixed in pairs:
        one, other = photographs[moving], photographs[fixed]
        attributes = {
            "split": split, "subject": subject, "moving_expression": moving, "fixed_expression": fixed,
        }  # fmt: skip
        yield Case(
            f"{subject}-{moving}-to-{fixed}", Frame.of(other.image.shape), other.image, one.image,
            fixed_points=other.points, moving_points=one.points, attributes=attributes,
        )  # fmt: skip
