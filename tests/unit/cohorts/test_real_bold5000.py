"""The heads of BOLD5000: on made-up scans in the wheel's layout, and on the real ones where the wheel is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wbir.cases import Cohort
from wbir.cohorts.bold5000 import COHORT, build
from wbir.data.acquire import acquire
from wbir.data.catalogue import catalogue
from wbir.errors import InputError
from wbir.geometry.frames import Frame
from wbir.images import write_image

TINY: dict[str, Any] = {**COHORT["parameters"], **COHORT["tiny"]}  # type: ignore[dict-item]


def fake(data: Path) -> Path:
    """Balls for heads, each in another place, on a thick neck; the vertex is the balls' top."""
    folder = data / "img2fmri" / "derivatives" / "T1"
    for number in (1, 2, 3):
        frame = Frame((44, 64, 64), np.diag([4.0, 4.0, 4.0, 1.0]))
        points = np.moveaxis(np.indices(frame.shape), 0, -1) * 4.0 - np.array([80 + 4 * number, 120, 160])
        ball = np.linalg.norm(points, axis=-1) < 60
        neck = (np.hypot(points[..., 0], points[..., 1]) < 70) & (points[..., 2] < -80)
        image = (ball * (500 + points[..., 1]) + neck * (500 + points[..., 1])).astype(np.float32)
        name = f"sub-CSI{number}_ses-16_anat_sub-CSI{number}_ses-16_T1w.nii.gz"
        write_image(folder / name, image, frame)
    return data


def make(folder: Path, data: Path | None, **changes: Any) -> Cohort:
    build(folder, source="package", data=data and {"bold5000": data}, seed=0, **{**TINY, **changes})
    return Cohort.open(folder)


def test_all_pairs_share_a_shape_and_the_fixed_head_is_central(tmp_path: Path) -> None:
    pairs = [["CSI2", "CSI1"], ["CSI1", "CSI3"]]
    cases = list(make(tmp_path / "out", fake(tmp_path), pairs=pairs))
    assert [case.id for case in cases] == ["CSI2-CSI1", "CSI1-CSI3"]
    assert len({case.frame.shape for case in cases}) == 1
    for case in cases:
        middle = (np.array(case.frame.shape) - 1) / 2
        content = np.argwhere(case.fixed > 0.2)
        assert np.allclose((content.min(axis=0) + content.max(axis=0)) / 2, middle, atol=1.0)
        assert case.fixed.min() >= 0 and case.fixed.max() <= 1 and case.fixed_mask is None


def test_the_neck_is_cut(tmp_path: Path) -> None:
    case = make(tmp_path / "out", fake(tmp_path)).case("CSI2-CSI1")
    height = case.frame.shape[2] * case.frame.spacing[2]
    assert 165 < height < 190  # 170 mm below the vertex; the made-up scans are 256 mm high


def test_wrong_pairs_and_no_folder_are_refused(tmp_path: Path) -> None:
    for pairs in ([["CSI1", "CSI4"]], [["CSI1", "CSI1"]], [["CSI1"]]):
        with pytest.raises(InputError, match="CSI1, CSI2, CSI3"):
            make(tmp_path / "out", fake(tmp_path), pairs=pairs)
    with pytest.raises(InputError, match="a folder of the data set"):
        make(tmp_path / "out", None)


def test_real_heads_are_laid_on_each_other(real_data: Path, tmp_path: Path) -> None:
    name = next(row.file for row in catalogue() if row.dataset == "bold5000")
    wheel = real_data / "bold5000" / name
    if not wheel.is_file():
        pytest.skip(f"no {name} in {wheel.parent}: fetch it there to run this test")
    (tmp_path / "cache" / "bold5000").mkdir(parents=True)
    (tmp_path / "cache" / "bold5000" / name).symlink_to(wheel)
    data = acquire("bold5000", tmp_path / "cache")
    pairs = [["CSI3", "CSI2"]]
    asked: dict[str, Any] = {"spacing": 4.0, "mask": True, "margin_mm": 20.0, "pairs": pairs}
    raw = make(tmp_path / "raw", data, **asked, affine=False).case("CSI3-CSI2")
    laid = make(tmp_path / "laid", data, **asked, affine=True).case("CSI3-CSI2")
    for case in (raw, laid):
        assert case.fixed_mask is not None and case.moving_mask is not None
        litres = case.fixed_mask.sum() * 64 / 1e6
        assert 1.1 < litres < 1.9  # an adult's intracranial volume
    inside = laid.fixed_mask
    alike = [np.corrcoef(case.fixed[inside], case.moving[inside])[0, 1] for case in (raw, laid)]
    assert alike[1] > alike[0] + 0.05  # 0.73 before, 0.80 after
    overlaps = [
        2 * np.sum(c.fixed_mask & c.moving_mask) / (c.fixed_mask.sum() + c.moving_mask.sum()) for c in (raw, laid)
    ]
    assert overlaps[1] > 0.95 > overlaps[0]
