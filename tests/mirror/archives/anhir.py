"""ANHIR's folders: sections of several sizes, a list of pairs, tables of landmarks of which one lacks a row, targets withheld."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wbir.cases import Cohort

COHORT = "anhir"
PARAMETERS = {"shrink": 2}
SIZES = {"S1": (40, 30), "S2": (44, 36), "S3": (36, 40)}  # width, height
MARKS = {  # column and row of the upper left pixel of a dark block of 2 x 2
    "S1": {"0": (4, 6), "1": (30, 22), "2": (12, 20)},
    "S2": {"0": (8, 8), "1": (34, 26)},
    "S3": {"0": (2, 4), "1": (20, 30), "2": (10, 10)},
}
COLUMNS = (
    ",Source image,Source landmarks,Target image,Target landmarks,Image size [pixels],Image diagonal [pixels],status"
)


def make(folder: Path) -> None:
    from skimage.io import imsave

    place = folder / "COAD_01" / "scale-25pc"
    place.mkdir(parents=True)
    for name, (width, height) in SIZES.items():
        picture = np.full((height, width, 3), (240, 230, 240), dtype=np.uint8)
        for column, row in MARKS[name].values():
            picture[row : row + 2, column : column + 2] = 10
        imsave(place / f"{name}.png", picture, check_contrast=False)
        if name != "S3":  # the target of the evaluation pair
            lines = [f"{n},{column + 0.5},{row + 0.5}" for n, (column, row) in MARKS[name].items()]
            (place / f"{name}.csv").write_text("\n".join([",X,Y", *lines]) + "\n")
    stem = "COAD_01/scale-25pc/"
    lines = [COLUMNS]
    for n, (source, target, status) in enumerate(
        (("S1", "S2", "training"), ("S2", "S3", "evaluation"), ("S1", "S9", "training"))
    ):
        files = f"{stem}{source}.png,{stem}{source}.csv,{stem}{target}.png,{stem}{target}.csv"
        lines.append(f'{n},{files},"(44, 36)",56.8,{status}')
    (folder / "dataset_medium.csv").write_text("\n".join(lines) + "\n")


def check(cohort: Cohort) -> None:
    first, second = (cohort.case(row["case"]) for row in cohort.rows)
    assert (first.id, first.attributes["split"], second.id, second.attributes["split"]) == (
        "pair-000", "train", "pair-001", "test",
    )  # fmt: skip
    assert first.frame.shape == (22, 18) and second.frame.shape == (22, 20)
    assert second.fixed_points is None and second.moving_points is None
    assert first.attributes["fixed_stain"] == "S2" and first.attributes["diagonal"] == "56.8"
    for image, points, mask, name in (
        (first.fixed, first.fixed_points, first.fixed_mask, "S2"),
        (first.moving, first.moving_points, first.moving_mask, "S1"),
    ):
        assert points is not None and len(points) == 2 and mask is not None
        assert all(image[tuple(point)] < 0.05 for point in points.astype(int)) and (points == points.round()).all()
        assert mask.sum() == SIZES[name][0] * SIZES[name][1] / 4 and (image[~mask] > 0.9).all()
    height = SIZES["S2"][1]  # S2 fills the grid: column 8, row 8 from the top, twice as coarse
    assert first.fixed_points[0].tolist() == [4, (height - 8 - 2) / 2]
