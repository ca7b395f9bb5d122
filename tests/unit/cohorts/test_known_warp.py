"""The known-warp cohort: its truth is the truth, its longest displacement as asked, cases independent of each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wbir.cases import Cohort, Prediction
from wbir.cohorts import known_warp
from wbir.errors import InputError
from wbir.measures.base import Evaluation
from wbir.measures.deformation import min_jacobian
from wbir.measures.landmarks import end_point_error
from wbir.measures.overlap import dice

SMALL = {**known_warp.COHORT["parameters"], "spacing": 4.0, "oversampling": 1}


def made(folder: Path, **changes: Any) -> Cohort:
    known_warp.build(folder, source="simulated", data=None, seed=5, **{**SMALL, **changes})
    return Cohort.open(folder)


def test_the_truth_brings_the_labels_home(tmp_path: Path) -> None:
    case = next(iter(made(tmp_path)))
    still, true = (Evaluation(case, Prediction(displacement=u)) for u in (None, case.truth))
    assert end_point_error(true) == 0 and 3 < end_point_error(still) < 7
    assert dice(true)[""] > dice(still)[""] + 0.1 and min_jacobian(true) > 0
    lengths = np.linalg.norm(case.frame.spacing[0] * case.truth[:, case.fixed_mask], axis=0)
    assert lengths.max() == pytest.approx(12.0, rel=0.05)  # 12 mm over the template's brain


def test_without_a_scanner_the_fixed_image_is_the_moving_one_through_the_truth(tmp_path: Path) -> None:
    case = next(iter(made(tmp_path, bias=0.0, gamma=1.0, noise=0.0)))
    warped = Evaluation(case, Prediction(displacement=case.truth)).warped
    inside = case.fixed_mask
    assert np.corrcoef(warped[inside], case.fixed[inside])[0, 1] > 0.97
    assert np.corrcoef(case.moving[inside], case.fixed[inside])[0, 1] < 0.8


def test_one_more_pair_leaves_the_first_as_it_was(tmp_path: Path) -> None:
    one, two = made(tmp_path / "one", spacing=8.0), made(tmp_path / "two", spacing=8.0, pairs=2)
    assert len(two) == 2
    np.testing.assert_array_equal(one.case("warp-01").fixed, two.case("warp-01").fixed)
    assert np.abs(two.case("warp-01").truth - two.case("warp-02").truth).max() > 0.5


def test_unfit_parameters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pairs and oversampling"):
        made(tmp_path, pairs=0)
