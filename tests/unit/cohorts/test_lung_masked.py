"""Lung masks by a threshold, on the simulated lungs, whose masks are known, and on a chest of boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wbir.cases import Case, Cohort, CohortWriter
from wbir.cohorts import lung_ct, lung_masked
from wbir.cohorts.lung_masked import lungs
from wbir.discovery import describe
from wbir.errors import InputError
from wbir.geometry.frames import Frame

DEFAULTS = describe("cohorts", "lung_masked")["parameters"]


def build(folder: Path, base: Path, **parameters: object) -> Cohort:
    lung_masked.build(folder, source="derived", data=base, seed=0, **DEFAULTS | parameters)
    return Cohort.open(folder)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * float((first & second).sum()) / float(first.sum() + second.sum())


def test_simulated_lungs_at_the_tiny_scale(tmp_path: Path) -> None:
    spec = describe("cohorts", "lung_ct")
    parameters = spec["parameters"] | spec["tiny"]
    parameters |= {"pairs": {"empire": 1, "learn2reg": 1, "copd": 1, "4dct": 1}, "folds": 0}
    lung_ct.build(tmp_path / "base", source="simulated", data=None, seed=3, **parameters)
    base = Cohort.open(tmp_path / "base")
    found = [
        dice(getattr(case, side), getattr(base.case(case.id), side))
        for case in build(tmp_path / "out", tmp_path / "base", replace=True)
        for side in ("fixed_mask", "moving_mask")
    ]
    assert len(found) == 8 and min(found) > 0.93 and np.mean(found) == pytest.approx(0.944, abs=2e-3)
    kept = next(iter(build(tmp_path / "kept", tmp_path / "base")))
    assert np.array_equal(kept.fixed_mask, base.case(kept.id).fixed_mask)  # type: ignore[arg-type]


def chest() -> tuple[np.ndarray, np.ndarray]:
    """HU and lungs of a body of soft tissue in air: two lungs, one cut by the front, a vessel in one, gas in the stomach."""
    image = np.full((40, 30, 24), -1000, np.float32)
    image[3:37, 3:, :] = 40
    true = np.zeros(image.shape, bool)
    true[6:16, 8:26, 4:20] = true[24:34, 14:30, 4:20] = True
    image[true] = -850
    image[9:11, 15:17, 8:16] = 40  # a vessel within a lung
    image[18:21, 8:11, 2:5] = -1000  # stomach
    return image, true


def test_a_chest_of_boxes_exactly() -> None:
    image, true = chest()
    frame = Frame.of(image.shape, (1.0, 1.0, 2.0))
    assert np.array_equal(lungs(image, frame, -400.0, 0.1, 0.0), true), "air and stomach out, vessel in, one lung cut"
    larger = np.zeros_like(true)
    larger[6:16] = true[6:16]
    assert np.array_equal(lungs(image, frame, -400.0, 1.0, 0.0), larger), "a share of 1 leaves the largest alone"
    open_vessel = image.copy()
    open_vessel[9:11, 15:17, 16:] = 40  # it leaves the lung: no hole any more, a ball of 3 mm closes it
    assert not lungs(open_vessel, frame, -400.0, 0.1, 0.0)[10, 16, 12]
    closed = lungs(open_vessel, frame, -400.0, 0.1, 3.0)
    assert closed[10, 16, 12] and dice(closed, true) > 0.98
    assert np.array_equal(lungs(np.moveaxis(image, 2, 0), turned(), -400.0, 0.1, 0.0), np.moveaxis(true, 2, 0))


def turned() -> Frame:
    """The body's long axis is the array's first one."""
    return Frame((24, 40, 30), np.array([[0, 1.0, 0, 0], [0, 0, 1.0, 0], [2.0, 0, 0, 0], [0, 0, 0, 1.0]]))


def test_scans_without_masks_get_them_and_others_are_refused(tmp_path: Path) -> None:
    image, true = chest()
    writer = CohortWriter(tmp_path / "base", {"title": "base"})
    writer.add(Case("ct", Frame.of(image.shape, (1.0, 1.0, 2.0)), image, image, moving_mask=np.zeros_like(true)))
    writer.close()
    case = build(tmp_path / "out", tmp_path / "base", closing_mm=0.0).case("ct")
    assert np.array_equal(case.fixed_mask, true) and not case.moving_mask.any()  # type: ignore[arg-type,union-attr]
    with pytest.raises(InputError, match="lungs in the fixed image of ct"):
        build(tmp_path / "no", tmp_path / "base", threshold=-2000.0)
    with pytest.raises(InputError, match="share"):
        build(tmp_path / "no", tmp_path / "base", share=0.0)
