"""RaFD's photographs: other cameras and other gazes beside the ones wanted, a person without all expressions, letters of any case."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wbir.cases import Cohort

COHORT = "rafd"
PARAMETERS = {"size": 17, "subjects": {"train": 2, "validation": 0, "test": 1}, "pairs_per_subject": 56}
WORDS = ("neutral", "angry", "contemptuous", "disgusted", "fearful", "happy", "sad", "surprised")
NAMES = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
MODELS = (1, 7, 28, 61)  # the last one has no `sad`
WIDTH, HEIGHT = 40, 60


def make(folder: Path) -> None:
    root = folder / "RafD45_090_frontal"
    root.mkdir()
    for model in MODELS:
        for n, word in enumerate(WORDS):
            if (model, word) != (61, "sad"):
                write(root / f"Rafd090_{model:02d}_Caucasian_male_{word}_frontal.jpg", 20 + 20 * n + model // 4)
    write(root / "Rafd045_01_Caucasian_male_angry_frontal.jpg", 0)
    write(root / "Rafd090_01_Caucasian_male_angry_left.jpg", 0)
    write(root / "Rafd090_70_Moroccan_male_angry_right.jpg", 0)


def write(path: Path, grey: int) -> None:
    """A picture of one grey, white in its upper left quarter."""
    from PIL import Image

    picture = np.full((HEIGHT, WIDTH, 3), grey, dtype=np.uint8)
    picture[: HEIGHT // 2, : WIDTH // 2] = 255
    Image.fromarray(picture).save(path, quality=100)


def check(cohort: Cohort) -> None:
    models = {row["subject"]: int(row["model"]) for row in cohort.rows}
    assert set(models) == {"train-01", "train-02", "test-01"} and set(models.values()) == {1, 7, 28}
    assert len(cohort) == 3 * 56 and len(cohort.select(split="test")) == 56
    for row in cohort.rows[::37]:
        case = cohort.case(row["case"])
        moving, fixed = row["moving_expression"], row["fixed_expression"]
        assert case.id == f"{row['subject']}-{moving}-to-{fixed}" and case.frame.shape == (17, 17)
        for array, shown in ((case.fixed, fixed), (case.moving, moving)):
            grey = 20 + 20 * NAMES.index(shown) + models[row["subject"]] // 4
            assert abs(array[-2, 2] * 255 - grey) < 3, "lower right"
            assert abs(array[2, -3] * 255 - 255) < 3, "upper left"
            assert abs(array[2, 8] * 255 - 255) < 9 < array[2, 8] * 255 - array[2, 4] * 255, (
                "half of the photograph, 38% of the square"
            )
            assert np.abs(array[2, 1] * 255 - grey) < 3, "lower left"
