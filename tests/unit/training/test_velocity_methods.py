"""TM-TVF as a method: its LDDMM form trains, its steps are kept and taken back; unfit shares of LapIRN."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from training_blobs import blob_case

from wbir.cases import Cohort
from wbir.discovery import describe, merge_parameters
from wbir.errors import InputError
from wbir.files import read_rows
from wbir.methods import lapirn, transmorph_tvf

LDDMM = {
    "loss": {
        "similarity": "mse",
        "operator": True,
        "gamma": 0.1,
        "overlap": 1.0,
        "overlap_by": "squares",
        "voxel": 2.0,
    },
    "training": {"iterations": 16, "rate": 1e-2, "validate_every": 0},
    "network": {"window": [2, 2]},
    "keep_steps": True,
}


def test_the_lddmm_form_learns_and_keeps_its_steps(make_cohort: Callable[..., Cohort], tmp_path: Path) -> None:
    spec, cohort = describe("methods", "transmorph_tvf"), make_cohort()
    parameters = merge_parameters("tvf", spec["parameters"], spec["tiny"], LDDMM)
    parts = [cohort.select(split=split) for split in ("train", "validation")]
    out = tmp_path / "fit"
    out.mkdir()
    transmorph_tvf.fit(*parts, out=out, seed=0, device="cpu", **parameters)
    history = read_rows(out / "history.csv")
    assert {"mse", "operator", "overlap"} <= set(history[0])
    assert np.mean([float(row["mse"]) for row in history[-4:]]) < np.mean([float(row["mse"]) for row in history[:4]])
    case = blob_case("new", "test", 1.0)
    found = transmorph_tvf.predict(case, seed=0, device="cpu", model=out / "model.pt", **parameters)
    assert set(found.arrays) == {"path", "inverse_path", "composed_path"}
    assert all(array.shape == (3, 2, 8, 7) for array in found.arrays.values())
    moved = np.abs(found.arrays["path"][-1]).mean()
    assert moved > 0.01
    assert np.abs(found.arrays["composed_path"][-1]).mean() < 0.2 * moved


def test_lapirn_wants_a_share_for_each_level(make_cohort: Callable[..., Cohort], tmp_path: Path) -> None:
    spec, cohort = describe("methods", "lapirn"), make_cohort()
    parameters = merge_parameters("lapirn", spec["parameters"], spec["tiny"], {"shares": [0.5, 0.5]})
    with pytest.raises(InputError, match="3 shares above 0"):
        lapirn.fit(cohort, cohort, out=tmp_path, seed=0, device="cpu", **parameters)
