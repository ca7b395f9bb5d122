"""DIR-Lab 4DCT: a zip per case, names that end in three ways, one case packed as `Deploy`, letters of either case."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mirror.dirlab import check_pair, moved, places, write_landmarks, write_scan
from mirror.writing import zip_up
from wbir.cases import Cohort

COHORT = "dirlab_4dct"
SIZES = {1: (21, 19, 14), 2: (18, 20, 15), 8: (20, 18, 16)}
SPACING = (0.97, 1.1, 2.5)
PARAMETERS = {
    "moving": ["T00", "T30"],
    "grids": {str(case): {"size": list(size), "spacing": list(SPACING)} for case, size in SIZES.items()},
}
ENDS = {1: "_s", 2: "-ssm", 8: ""}
EXTREMES = {
    1: "ExtremePhases/Case1_300_{}_xyz.txt",
    2: "ExtremePhases/Case2_300_{}_xyz.txt",
    8: "extremePhases/case8_dirLab300_{}_xyz.txt",
}
SAMPLED = slice(None, None, 4)  # of the 300: the 75


def motion(case: int) -> dict[str, np.ndarray]:
    """The landmarks of each phase, in the files' voxels from 0."""
    start = places(SIZES[case], case)
    return {"T50": start, "T30": start[::-1], "T00": moved(start)}


def make(folder: Path) -> None:
    for case, size in SIZES.items():
        root = folder / (f"Case{case}Deploy" if case == 8 else f"Case{case}Pack")
        for phase, points in motion(case).items():
            write_scan(root / "Images" / f"case{case}_{phase}{ENDS[case]}.img", size, points)
            sampled = points[::-1] if phase == "T30" else points
            write_landmarks(root / "Sampled4D" / f"case{case}_4D-75_{phase}.txt", sampled[SAMPLED])
            if phase != "T30":
                write_landmarks(root / EXTREMES[case].format(phase), points)
        (root / "Images" / "Thumbs.db").write_bytes(b"junk")
        zip_up(root, folder / f"Case{case}Pack.zip")


def check(cohort: Cohort) -> None:
    assert [row["case"] for row in cohort.rows] == [f"4dct-{n:02d}-{phase}" for n in SIZES for phase in ("T00", "T30")]
    for number in SIZES:
        truth = motion(number)
        case = cohort.case(f"4dct-{number:02d}-T00")
        check_pair(case, SPACING, truth["T50"], truth["T00"])
        assert case.attributes["centre"] == "4dct" and case.attributes["fixed_phase"] == "T50"
        sampled = cohort.case(f"4dct-{number:02d}-T30")
        last = np.array(sampled.frame.shape) - 1
        assert sampled.fixed_points is not None and sampled.moving_points is not None
        assert np.array_equal(sampled.fixed_points, last - truth["T50"][SAMPLED]), "75 where there are no 300"
        assert np.array_equal(sampled.moving_points, last - truth["T30"][::-1][SAMPLED])
