"""DIR-Lab COPDgene: a zip per case, two breath holds, the landmarks of a first reader."""

from __future__ import annotations

from pathlib import Path

from mirror.dirlab import check_pair, moved, places, write_landmarks, write_scan
from mirror.writing import zip_up
from wbir.cases import Cohort

COHORT = "dirlab_copdgene"
SIZES = {1: (22, 18, 14), 10: (18, 21, 15)}
SPACINGS = {1: (0.625, 0.625, 2.5), 10: (0.742, 0.742, 2.5)}
PARAMETERS = {"grids": {str(n): {"size": list(size), "spacing": list(SPACINGS[n])} for n, size in SIZES.items()}}


def make(folder: Path) -> None:
    for case, size in SIZES.items():
        root = folder / f"copd{case}"
        exhale = places(size, case)
        for breath, points in (("eBH", exhale), ("iBH", moved(exhale))):
            write_scan(root / f"copd{case}_{breath}CT.img", size, points)
            write_landmarks(root / f"copd{case}_300_{breath}_xyz_r1.txt", points)
        zip_up(root, folder / f"copd{case}.zip")


def check(cohort: Cohort) -> None:
    assert [row["case"] for row in cohort.rows] == ["copd-01", "copd-10"]
    for number, case in zip(SIZES, cohort, strict=True):
        exhale = places(SIZES[number], number)
        check_pair(case, SPACINGS[number], exhale, moved(exhale))
        phases = [case.attributes[name] for name in ("centre", "fixed_phase", "moving_phase")]
        assert phases == ["copd", "eBH", "iBH"]
