"""Learn2Reg's OASIS: arrays that run to the left under a header of ones, masks, test scans without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.learn2reg import brain, bright, entry, write_description, write_scan
from wbir.cases import Cohort

COHORT = "learn2reg_oasis"
PARAMETERS = {"pairs": {"train": 2, "validation": None}, "held_out": 2, "withheld": True}
TASK, SHAPE = "OASIS", (20, 28, 24)
PRESENT = (1, 2, 3, 394, 395, 396, 397)


def make(folder: Path) -> None:
    root = folder / TASK
    root.mkdir()
    training = [entry(TASK, f"{n:04d}_0000", ("image", "label", "mask")) for n in range(1, 415)]
    test = [entry(TASK, f"{n:04d}_0000", ("image", "mask"), "Ts") for n in range(415, 454)]
    official = [(f"{n:04d}_0000", f"{n + 1:04d}_0000") for n in range(395, 414)]
    withheld = [(f"{n:04d}_0000", f"{n + 1:04d}_0000") for n in range(415, 453)]
    write_description(root, TASK, training, test, registration_val=official, registration_test=withheld)
    for number in PRESENT:
        image, labels = (array[::-1] for array in brain(SHAPE, number))
        mask = (image > 0.3).astype(np.uint8)
        write_scan(root, training[number - 1], np.eye(4), image=image, label=labels, mask=mask)
    for number in (415, 416):
        image = brain(SHAPE, number)[0][::-1]
        write_scan(root, test[number - 415], np.eye(4), image=image, mask=(image > 0.3).astype(np.uint8))


def check(cohort: Cohort) -> None:
    assert cohort.label_names()[20] == "right cerebral white matter" and len(cohort.label_names()) == 35
    parts = [(row["split"], row["part"], row["case"]) for row in cohort.rows]
    assert parts[4:] == [
        ("test", "validation", "0395-0396"), ("test", "validation", "0396-0397"), ("test", "test", "0415-0416")
    ]  # fmt: skip
    people = {
        split: {row[f"{side}_subject"] for row in cohort.select(split=split).rows for side in ("fixed", "moving")}
        for split in ("train", "validation")
    }
    assert people["train"] | people["validation"] == {"0001", "0002", "0003", "0394"}
    assert len(people["train"]) == len(people["validation"]) == 2
    for case in cohort:
        assert np.array_equal(case.frame.affine, np.eye(4)) and case.fixed_mask is not None
        number = int(case.attributes["moving_subject"])
        image, labels = brain(SHAPE, number)
        assert np.array_equal(case.moving, image) and case.moving[bright(SHAPE, number)] == 1.0
        assert (
            case.moving_labels is None
            if case.attributes["part"] == "test"
            else np.array_equal(case.moving_labels, labels)
        )
