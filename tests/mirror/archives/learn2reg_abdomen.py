"""Learn2Reg's AbdomenCTCT: headers call the first axis rightwards, arrays run to the left; test scans are named .csv in the JSON."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np

from mirror.learn2reg import boxes, bright, entry, write_description, write_scan
from mirror.writing import zip_up
from wbir.cases import Cohort

COHORT = "learn2reg_abdomen"
TASK, SHAPE = "AbdomenCTCT", (28, 24, 30)
PRESENT = (1, 2, 3, 4, 7)
OFFICIAL = range(1, 29, 3)
PLACES = {  # shares of the way to right, front and up
    1: (0.2, 0.4, 0.8), 2: (0.7, 0.2, 0.4), 3: (0.3, 0.2, 0.45), 5: (0.5, 0.35, 0.9), 6: (0.8, 0.5, 0.75),
    7: (0.3, 0.7, 0.75), 8: (0.45, 0.3, 0.6), 10: (0.55, 0.6, 0.6), 11: (0.4, 0.65, 0.45), 12: (0.6, 0.3, 0.7), 13: (0.4, 0.3, 0.72),
}  # fmt: skip


def make(folder: Path) -> None:
    root = folder / TASK
    root.mkdir()
    training = [entry(TASK, f"{n:04d}_0000", ("image", "label")) for n in range(1, 31)]
    test = [entry(TASK, f"{n:04d}_0000", ("image", "label"), "Ts", "csv") for n in range(31, 51)]
    numbers = sorted(combinations([f"{n:04d}_0000" for n in OFFICIAL], 2), key=lambda pair: pair[::-1])
    write_description(
        root, TASK, training, test, registration_val=numbers, registration_test=[("0031_0000", "0032_0000")]
    )
    for number in PRESENT:
        labels = boxes(SHAPE, PLACES)
        image = np.where(labels > 0, 60 + number, -100).astype(np.int16)
        image[bright(SHAPE, number)] = 700
        write_scan(root, training[number - 1], np.diag([2.0, 2, 2, 1]), image=image[::-1], label=labels[::-1])
    write_scan(root, test[0], np.diag([2.0, 2, 2, 1]), image=image)
    zip_up(root, folder / "AbdomenCTCT.zip")


def check(cohort: Cohort) -> None:
    names = {number: cohort.label_names()[number] for number in (1, 6, 12, 13)}
    assert names == {1: "spleen", 6: "liver", 12: "right adrenal gland", 13: "left adrenal gland"}
    assert [row["case"] for row in cohort.select(split="test").rows] == ["0001-0004", "0001-0007", "0004-0007"]
    (train,) = cohort.select(split="train").rows
    assert {train["fixed_subject"], train["moving_subject"]} == {"0002", "0003"}
    for case in cohort:
        assert np.array_equal(case.frame.affine, np.diag([2.0, 2, 2, 1]))
        for side in ("fixed", "moving"):
            image, labels = getattr(case, side), getattr(case, f"{side}_labels")
            number = int(case.attributes[f"{side}_subject"])
            assert image[bright(SHAPE, number)] == 700 == image.max() and image.min() == -100
            assert np.array_equal(labels, boxes(SHAPE, PLACES)) and image[labels == 6].max() == 60 + number
