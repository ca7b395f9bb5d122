"""The release of neurite: no folder around it, arrays to left, down and front, tables of FreeSurfer, names with gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.learn2reg import brain, bright
from mirror.writing import tar, write_nifti
from wbir.cases import Cohort

COHORT = "neurite_oasis"
PARAMETERS = {"labels": "seg24", "pairs": {"train": 2, "validation": 0}, "held_out": 0}
SHAPE = (20, 28, 24)  # right, front, up
ABSENT = {  # of OASIS-1's numbers 1 to 457
    8, 24, 36, 48, 89, 93, 100, 118, 128, 149, 154, 171, 172, 175, 187, 194, 196, 215, 219, 225, 242, 245, 248, 251, 252, 253,
    257, 276, 297, 306, 320, 324, 334, 347, 360, 364, 369, 391, 393, 412, 414, 427, 436,
}  # fmt: skip
NAMES = [f"OASIS_OAS1_{n:04d}_MR1" for n in range(1, 458) if n not in ABSENT]
LINES = (1, 3, 395, 396)
SEG35 = {
    0: "Unknown", 1: "Left-Cerebral-White-Matter", 6: "Left-Cerebellum-Cortex", 8: "Left-Caudate", 9: "Left-Putamen",
    13: "Brain-Stem", 15: "Left-Amygdala", 20: "Right-Cerebral-White-Matter", 25: "Right-Cerebellum-Cortex", 27: "Right-Caudate",
    28: "Right-Putamen",
}  # fmt: skip
SEG24 = {0: "Unknown", 1: "Left-Cerebral-White-Matter", 10: "Brain-Stem", 14: "Right-Cerebral-White-Matter"}
AFFINE = np.array([[-1.0, 0, 0, 9], [0, 0, 1, -13], [0, -1, 0, 12], [0, 0, 0, 1]])


def make(folder: Path) -> None:
    root = folder / "release"
    root.mkdir()
    (root / "subjects.txt").write_text("\n".join(NAMES) + "\n")
    for name, table in (("seg35", SEG35), ("seg24", SEG24)):
        lines = [f"{number:<4d}{word:<40s}{number * 7 % 256:>4d}  10  20  0" for number, word in table.items()]
        (root / f"{name}_labels.txt").write_text("\n".join(["#No. Label Name:   R   G   B   A", *lines]) + "\n")
    for line in LINES:
        image, labels = brain(SHAPE, line)
        for file, array in (("norm", image), ("seg35", labels), ("seg4", (labels > 0).astype(np.uint8))):
            stored = np.transpose(array, (0, 2, 1))[::-1, ::-1]  # to left, down, front
            write_nifti(root / NAMES[line - 1] / f"aligned_{file}.nii.gz", stored, AFFINE)
    tar(root, folder / "neurite-oasis.v1.0.tar", inside="")


def check(cohort: Cohort) -> None:
    assert len(NAMES) == 414 and NAMES[332] == "OASIS_OAS1_0370_MR1", "Learn2Reg's number is the line"
    assert cohort.label_names() == {
        1: "left cerebral white matter",
        10: "brain stem",
        14: "right cerebral white matter",
    }
    (test,) = cohort.select(split="test").rows
    assert test["case"] == "0395-0396" and test["part"] == "validation"
    assert (test["fixed_subject"], test["moving_subject"]) == ("OASIS_OAS1_0438_MR1", "OASIS_OAS1_0439_MR1")
    assert sorted(row["case"] for row in cohort.select(split="train").rows) == ["0001-0003", "0003-0001"]
    for case in cohort:
        number = int(case.id.split("-")[0])
        image, labels = brain(SHAPE, number)
        assert np.array_equal(case.fixed, image) and case.fixed[bright(SHAPE, number)] == 1.0
        assert np.array_equal(case.frame.affine, [[1, 0, 0, -10], [0, 1, 0, -13], [0, 0, 1, -11], [0, 0, 0, 1]])
        assert case.fixed_labels is not None and set(np.unique(case.fixed_labels)) == {0, 1, 10, 14}
        assert np.array_equal(case.fixed_labels == 14, labels == 20)
