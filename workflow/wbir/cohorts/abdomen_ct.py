"""Abdominal CTs of different people with 13 organs labelled, as Learn2Reg 2020 Task 3 has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wbir.cases import Case, CohortWriter
from wbir.errors import InputError

COHORT = {
    "title": "Abdominal CT between people",
    "reference": (
        "Papers 10 and 26: Learn2Reg 2020 Task 3, 30 CTs of 192 x 160 x 256 voxels of 2 mm, 13 organs, 20 subjects "
        "to train, all 45 pairs of the other 10"
    ),
    "describes": (
        "Each subject is a person of its own: 13 organs, vessels, bowel, bones, muscles, fat and the lungs' bases as solids "
        "whose sizes, places, habitus, breath and contrast are drawn from normal ranges, seen through a smooth random warp and "
        "what a linear pre-registration leaves; a CT in the portal venous phase (HU, correlated noise, partial volume, empty "
        "above and below the scan). Labels are those of the voxel centres. No truth: organs are placed one by one, and two "
        "people's bowel or vessels have no exact correspondence. Not modelled: illness, other variants of the vessels, "
        "peristalsis, streaks, the table. Label 12 is the right and 13 the left adrenal gland, as in the real label maps."
    ),
    "sources": ["simulated"],
    "stack": "torch",
    "threads": 1,
    "mem_mb": 4000,
    "runtime": 60,
    "parameters": {
        "shape": [192, 160, 256],
        "field": [384.0, 320.0, 512.0],  # mm that the grid covers, so that a coarser shape shows the same
        "subjects": {"train": 20, "test": 10},
        "train_pairs": 40,  # at most all unordered pairs of the split's subjects
        "test_pairs": 45,
        # velocity scales: pairs (sigma mm, root mean square of each vector component mm)
        "components": [[40.0, 3.0], [15.0, 1.0]],
        "alignment": [6.0, 2.0, 0.03],  # standard deviations: shift mm, turn degrees, log scale
        "noise": 12.0,  # HU in a voxel of 8 mm3
    },
    "tiny": {"shape": [16, 16, 16], "subjects": {"train": 0, "test": 2}, "train_pairs": 0, "test_pairs": 1},
    "dims": 3,
    "cases": {"train": "train_pairs", "test": "test_pairs"},
}
SPLITS = ("train", "test")
Pair = tuple[int, int]


def build(
    folder: Path, *, source: str, data: Path | None, seed: int, shape: Sequence[int], field: Sequence[float],
    subjects: Mapping[str, int], train_pairs: int, test_pairs: int, components: Sequence[Sequence[float]],
    alignment: Sequence[float], noise: float,
) -> None:  # fmt: skip
    """Write cases `<split>-<fixed>-<moving>`. Raises InputError for unfit parameters."""
    from wbir.anatomy.abdomen_person import ORGANS
    from wbir.anatomy.abdomen_scan import make_subject, scan_frame

    wanted = {"train": train_pairs, "test": test_pairs}
    check_parameters(shape, field, subjects, wanted, alignment, noise)
    frame = scan_frame(shape, field)
    card: dict = {"title": COHORT["title"], "reference": COHORT["reference"], "source": source, "seed": seed}
    card["parameters"] = {
        "shape": list(shape), "field": list(field), "subjects": dict(subjects), "train_pairs": train_pairs,
        "test_pairs": test_pairs, "components": [list(c) for c in components], "alignment": list(alignment), "noise": noise,
    }  # fmt: skip
    writer = CohortWriter(folder, card, ORGANS)
    for split in SPLITS:
        chosen = pairs(subjects.get(split, 0), wanted[split])
        made = {
            number: make_subject(seed, f"{split}-{number:02d}", frame, components, alignment, noise)
            for number in sorted({number for pair in chosen for number in pair})
        }
        for fixed, moving in chosen:
            attributes = {
                "split": split,
                "fixed_subject": f"{split}-{fixed:02d}",
                "moving_subject": f"{split}-{moving:02d}",
            }
            one, other = made[fixed], made[moving]
            writer.add(
                Case(
                    f"{split}-{fixed:02d}-{moving:02d}", frame, one.image.astype(np.float32), other.image.astype(np.float32),
                    fixed_labels=one.labels, moving_labels=other.labels, attributes=attributes,
                )
            )  # fmt: skip
    writer.close()


def pairs(subjects: int, count: int) -> list[Pair]:
    """`count` of the unordered pairs of subjects 1 to `subjects`, fixed before moving in number, in ascending order.

    They are taken from neighbours on a circle to those further apart, so that each subject is in about as many.
    """
    taken: list[Pair] = []
    for distance in range(1, subjects // 2 + 1):
        ring = {tuple(sorted((n, (n + distance) % subjects))) for n in range(subjects)}
        taken += [(low + 1, high + 1) for low, high in sorted(ring)]
    return sorted(taken[:count])


def check_parameters(
    shape: Sequence[int], field: Sequence[float], subjects: Mapping[str, int], wanted: Mapping[str, int],
    alignment: Sequence[float], noise: float,
) -> None:  # fmt: skip
    """Raise InputError where the parameters describe no cohort."""
    if len(shape) != 3 or len(field) != 3 or min(shape) < 8 or not min(field) > 0:
        raise InputError(
            "a shape of three sizes of 8 or more and a field in mm", f"{list(shape)}, {list(field)}", "correct them"
        )
    if len(alignment) != 3 or min(*alignment, noise) < 0:
        got = f"{list(alignment)}, noise {noise}"
        raise InputError("an alignment of three numbers and a noise, none below 0", got, "correct the parameters")
    if set(subjects) - set(SPLITS) or min(subjects.values(), default=0) < 0:
        raise InputError("subjects of train and test", f"{dict(subjects)}", "name the splits train and test")
    for split, count in wanted.items():
        number = subjects.get(split, 0)
        most = number * (number - 1) // 2
        if not 0 <= count <= most:
            raise InputError(
                f"0 to {most} {split} pairs of {number} subjects", f"{count}", "ask for fewer, or add subjects"
            )
