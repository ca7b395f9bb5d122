"""Learn2Reg's LungCT: headers of a pair that differ, points by voxel index, landmarks for the first pairs alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.learn2reg import entry, write_description, write_scan
from mirror.writing import zip_up
from wbir.cases import Cohort

COHORT = "learn2reg_lung"
TASK, SHAPE = "LungCT", (20, 18, 22)
PRESENT = {1: "validation", 5: "train", 21: "test"}
AFFINES = (
    np.diag([-1.75, 1.25, 1.75, 1.0]),
    np.diag([-1.75, 1.0, 1.25, 1.0]),
)  # exhale, inhale: the array runs to the left
KINDS = ("image", "mask", "keypoints")


def place(number: int, phase: int) -> np.ndarray:
    """The bright voxel, an index of the file's array."""
    return np.array([14 + number % 4, 12, 15 - 4 * phase])


def make(folder: Path) -> None:
    root = folder / TASK
    root.mkdir()
    training = [
        entry(TASK, f"{n:04d}_{phase:04d}", (*KINDS, "landmarks") if n < 4 else KINDS)
        for phase in (0, 1) for n in range(1, 21)
    ]  # fmt: skip
    test = [entry(TASK, f"{n:04d}_{phase:04d}", (*KINDS, "landmarks"), "Ts") for n in range(21, 31) for phase in (0, 1)]
    pairs = [(f"{n:04d}_0000", f"{n:04d}_0001") for n in range(1, 31)]
    write_description(
        root, TASK, training, test, training_paired_images=pairs[:20], registration_val=pairs[:3], registration_test=pairs[20:]
    )  # fmt: skip
    named = {Path(listed["image"]).name.split(".")[0]: listed for listed in [*training, *test]}
    for number, split in PRESENT.items():
        for phase in (0, 1):
            image = np.full(SHAPE, -800, np.int16)
            image[tuple(place(number, phase))] = 100
            mask = np.zeros(SHAPE, np.uint8)
            mask[2:-4, 3:-3, 1:-1] = 1
            points = {"keypoints": place(number, phase) + np.array([[0, 0, 0], [0.5, 0, -1]])}
            if split == "validation":
                points["landmarks"] = points["keypoints"][:1]
            write_scan(
                root, named[f"{TASK}_{number:04d}_{phase:04d}"], AFFINES[phase], image=image, mask=mask,
                **(points if split != "test" else {}),
            )  # fmt: skip
    zip_up(root, folder / "LungCT.zip")


def check(cohort: Cohort) -> None:
    assert {int(row["case"].removeprefix("learn2reg-")): row["split"] for row in cohort.rows} == PRESENT
    for case in cohort:
        number = int(case.id.removeprefix("learn2reg-"))
        assert case.frame.spacing == (1.75, 1.25, 1.75) and np.all(np.diag(case.frame.affine) > 0)
        assert case.attributes["centre"] == "learn2reg" and case.attributes["subject"] == case.id
        assert case.fixed_mask is not None and case.fixed_mask[4, 3, 1] and not case.fixed_mask[2, 3, 1]
        assert (case.fixed_points is None) == (case.attributes["split"] == "test")
        for phase, side in enumerate(("fixed", "moving")):
            index = place(number, phase)
            index[0] = SHAPE[0] - 1 - index[0]  # right is where the file's array starts
            assert np.array_equal(np.argwhere(getattr(case, side) == 100), [index])
            if case.fixed_points is not None:
                expected = index + np.array([[0, 0, 0], [-0.5, 0, -1]])
                np.testing.assert_allclose(getattr(case, f"{side}_points"), expected, atol=1e-6)
