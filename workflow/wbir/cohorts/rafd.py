"""The Radboud Faces Database: pairs of two expressions of one person, as paper 11 takes them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from wbir.anatomy.seeds import named_generator
from wbir.cases import Case
from wbir.cohorts._scans import write_cohort
from wbir.cohorts.faces import plan
from wbir.data.tree import Tree
from wbir.errors import InputError
from wbir.geometry.frames import Frame

COHORT = {
    "title": "Radboud Faces Database",
    "reference": "Langner et al., Presentation and validation of the Radboud Faces Database, Cognition and Emotion 24, 2010",
    "describes": "Photographs of 67 people with eight expressions, from the front and looking at the camera. People are"
    " shuffled by the seed into the splits; of each the ordered pairs of expressions. Grey by luminance, the square"
    " `crop` of each photograph, resized. Paper 11 says that photographs were cropped, not how: the square is ours, the"
    " same for all, about the face. Axis 0 is to the right, axis 1 upwards; the unit of length is the pixel.",
    "datasets": ["rafd"],
    "sources": ["public", "local"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 1000,
    "runtime": 60,
    "parameters": {
        "size": 256,  # pixels along each side
        "subjects": {"train": 53, "validation": 7, "test": 7},
        "pairs_per_subject": 56,  # all ordered pairs of 8 expressions, or fewer, drawn for each subject
        "crop": [0.075, 0.22, 0.85],  # left edge, top edge and side of the square, in widths of the photograph
    },
    "tiny": {"size": 32, "subjects": {"train": 1, "validation": 1, "test": 1}, "pairs_per_subject": 2},
    "dims": 2,
}
EXPRESSIONS = {  # the database's words and those of the simulated faces
    "neutral": "neutral", "angry": "anger", "contemptuous": "contempt", "disgusted": "disgust", "fearful": "fear",
    "happy": "happiness", "sad": "sadness", "surprised": "surprise",
}  # fmt: skip
NAME = re.compile(rf"Rafd090_(\d+)_\w+_({'|'.join(EXPRESSIONS)})_frontal", re.IGNORECASE)


def build(
    folder: Path, *, source: str, data: Mapping[str, Path], seed: int, size: int, subjects: Mapping[str, int],
    pairs_per_subject: int, crop: Sequence[float],
) -> None:  # fmt: skip
    """Write cases named as those of the simulated faces, `test-01-anger-to-fear` (moving anger, fixed fear), and so on.

    data: the folder of `rafd` with `Rafd090_MODEL_…_EXPRESSION_frontal.jpg`. People without all eight expressions are left
    out and named. Raises InputError for fewer people than asked for, and a crop that leaves the photograph.
    """
    people = _people(Tree("rafd", data["rafd"]))
    pairs = plan(subjects, pairs_per_subject, seed)
    if len(people) < len(pairs):
        got = f"{len(people)} with all expressions"
        raise InputError(f"{len(pairs)} people of rafd", got, "complete the data set, or ask for fewer `subjects`")
    order = named_generator(seed, "people").permutation(sorted(people)).tolist()
    models = dict(zip(pairs, order, strict=False))
    cases = (
        case
        for (split, subject), chosen in pairs.items()
        for case in _subject_cases(split, subject, models[split, subject], chosen, people, size, crop)
    )
    about = {"size": size, "subjects": dict(subjects), "pairs_per_subject": pairs_per_subject, "crop": list(crop)}
    write_cohort(folder, COHORT, cases, source=source, seed=seed, parameters=about, people=len(people), unit="pixel")


def cropped(photograph: np.ndarray, crop: Sequence[float]) -> np.ndarray:
    """The square `crop` (left edge, top edge, side, in widths) of a photograph `(width, height)`, y upwards."""
    width, height = photograph.shape
    left, top, side = (round(float(share) * width) for share in crop)
    bottom = height - top - side
    if side < 1 or min(left, top, bottom) < 0 or left + side > width:
        raise InputError(f"a square inside {width} x {height} pixels", f"{list(crop)}", "correct `crop`")
    return photograph[left : left + side, bottom : bottom + side]


def _people(tree: Tree) -> dict[int, dict[str, Path]]:
    """The photographs of each person (model number) with all expressions, by expression."""
    found: dict[int, dict[str, Path]] = {}
    for path in tree.all("*.jpg"):
        match = NAME.fullmatch(path.stem)
        if match:
            found.setdefault(int(match[1]), {})[EXPRESSIONS[match[2].lower()]] = path
    lacking = sorted(model for model, shown in found.items() if len(shown) < len(EXPRESSIONS))
    if lacking:
        print(f"rafd: people {lacking} lack expressions: left out", file=sys.stderr)
    return {model: shown for model, shown in found.items() if model not in lacking}


def _subject_cases(
    split: str, subject: str, model: int, pairs: Sequence[tuple[str, str]], people: Mapping[int, Mapping[str, Path]],
    size: int, crop: Sequence[float],
) -> Iterator[Case]:  # fmt: skip
    from wbir.cohorts._pictures import read_picture, resized

    @lru_cache(maxsize=len(EXPRESSIONS))
    def face(expression: str) -> np.ndarray:
        return resized(cropped(read_picture(people[model][expression]), crop), size)

    for moving, fixed in pairs:
        attributes = {
            "split": split, "subject": subject, "moving_expression": moving, "fixed_expression": fixed,
            "model": f"{model:02d}",
        }  # fmt: skip
        one, other = face(fixed), face(moving)
        yield Case(f"{subject}-{moving}-to-{fixed}", Frame.of(one.shape), one, other, attributes=attributes)
