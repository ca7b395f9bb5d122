"""The simulated cohorts: their cases are sound, and a seed fixes every byte."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wbir.cases import Cohort
from wbir.cohorts import letters
from wbir.errors import InputError

COHORTS = ("letters", "random_cubes", "brain_slices", "multimodal_brains", "inter_subject_brains")


def made(name: str, folder: Path, seed: int = 0, **changes: Any) -> Cohort:
    module = importlib.import_module(f"wbir.cohorts.{name}")
    parameters = {**module.COHORT["parameters"], **module.COHORT["tiny"], **changes}
    folder.mkdir(parents=True)
    module.build(folder, source="simulated", data=None, seed=seed, **parameters)
    return Cohort.open(folder)


def contents(cohort: Cohort) -> dict[str, bytes]:
    return {str(p.relative_to(cohort.folder)): p.read_bytes() for p in sorted(cohort.folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Cohort]:
    """The cohort of a name in its tiny size, seed 0; built once."""
    root = tmp_path_factory.mktemp("tiny")
    return lambda name: Cohort.open(root / name) if (root / name).is_dir() else made(name, root / name)


@pytest.mark.parametrize("name", COHORTS)
def test_a_seed_fixes_every_byte_and_another_seed_gives_other_images(
    name: str, tiny: Callable[[str], Cohort], tmp_path: Path
) -> None:
    first, again, other = tiny(name), made(name, tmp_path / "2"), made(name, tmp_path / "3", seed=1)
    assert contents(first) == contents(again)
    same = [
        np.array_equal(a.fixed, b.fixed) and np.array_equal(a.moving, b.moving)
        for a, b in zip(first, other, strict=True)
    ]
    assert all(same) if name == "letters" else not any(same)


@pytest.mark.parametrize("name", COHORTS)
def test_cases_are_sound(name: str, tiny: Callable[[str], Cohort]) -> None:
    cohort = tiny(name)
    dims = importlib.import_module(f"wbir.cohorts.{name}").COHORT["dims"]
    assert len(cohort) > 0
    for case in cohort:
        assert case.frame.dim == dims and case.attributes["split"] == "test"
        for image in (case.fixed, case.moving):
            assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1 and np.ptp(image) > 0.3
        if case.fixed_labels is not None and case.moving_labels is not None:
            names = cohort.label_names()
            for labels in (case.fixed_labels, case.moving_labels):
                assert set(np.unique(labels)) <= {0, *names} and labels.any()


def test_card_says_how_the_cohort_was_made(tmp_path: Path) -> None:
    cohort = made("brain_slices", tmp_path / "c", seed=5)
    card = json.loads((cohort.folder / "card.json").read_text())
    assert card["seed"] == 5 and card["source"] == "simulated" and card["parameters"]["noise"] == 0.01
    assert 0 < card["truth_residual_voxels"] < 0.05


def test_letter_cases_and_their_geometry(tmp_path: Path) -> None:
    cohort = made("letters", tmp_path / "c", size=128, shapes=[["J", "V"], ["disc", "C"]])
    assert [row["case"] for row in cohort.rows] == ["J-to-V", "disc-to-C"]
    letter_j, letter_v = cohort.case("J-to-V").moving, cohort.case("J-to-V").fixed
    assert letter_j[81, 90] == 1 and letter_j[40, 90] == 0 and letter_j[40, 45] == 1  # stem right, hook left, y upwards
    np.testing.assert_allclose(letter_v, letter_v[::-1], atol=1e-6)
    edge = (letter_j > 0) & (letter_j < 1)
    assert 0 < edge.mean() < 0.05
    assert set(np.unique(letters.draw("J", 64, supersampling=1))) == {0, 1}


@pytest.mark.parametrize(
    ("shape", "area"), [("disc", np.pi * 0.28**2), ("oval", np.pi * 0.20 * 0.34), ("triangle", 0.56 * 0.70 / 2)]
)
def test_areas_of_shapes_in_closed_form(shape: str, area: float) -> None:
    assert letters.draw(shape, 128).mean() == pytest.approx(area, rel=2e-3)


def test_cubes_have_the_sizes_asked_for_and_the_smoothness(tmp_path: Path) -> None:
    cohort = made("random_cubes", tmp_path / "c", sizes=[24], sigma=1.5)
    cube = cohort.case("24").fixed.astype(np.float64)
    cube -= cube.mean()
    correlation = (cube * np.roll(cube, 2, axis=0)).mean() / cube.var()
    assert correlation == pytest.approx(np.exp(-(2**2) / (4 * 1.5**2)), abs=0.1)  # of white noise through a Gaussian
    assert cohort.rows[0]["size"] == "24"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("letters", {"shapes": [["J", "omega"]]}),
        ("letters", {"shapes": [["J", "V"], ["J", "V"]]}),
        ("random_cubes", {"sizes": [8, 8]}),
        ("brain_slices", {"height": 1.5}),
        ("multimodal_brains", {"ordered_pairs": ["T to X"]}),
        ("multimodal_brains", {"block_mm": 300.0}),
        ("inter_subject_brains", {"groups": [{"group": "a", "moving_ages": [], "fixed_age": 20}]}),
        ("inter_subject_brains", {"groups": [{"group": "a", "moving_ages": [120], "fixed_age": 20}]}),
    ],
)
def test_unfit_parameters_are_refused(name: str, changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError):
        made(name, tmp_path / "c", **changes)


def test_local_slices_need_their_files(tmp_path: Path) -> None:
    module = importlib.import_module("wbir.cohorts.brain_slices")
    with pytest.raises(InputError, match=r"na01\.nii\.gz of nirep"):
        module.build(tmp_path, source="local", data={"nirep": tmp_path}, seed=0, **module.COHORT["parameters"])


def test_local_slices_of_two_volumes(tmp_path: Path) -> None:
    """Two ellipsoids of 60 and 50 mm radius along the long axis: the longer one fills 90% of the side."""
    from wbir.geometry.frames import Frame
    from wbir.images import write_image

    frame = Frame((64, 70, 40), np.array([[-2.0, 0, 0, 64], [0, 2, 0, -70], [0, 0, 2, -40], [0, 0, 0, 1.0]]))
    points = frame.to_world(np.indices(frame.shape).reshape(3, -1).T)
    for name, radii in (("na01", (40, 60, 35)), ("na02", (40, 50, 35))):
        inside = ((points / radii) ** 2).sum(1).reshape(frame.shape) < 1
        write_image(
            tmp_path / f"{name}.nii.gz", (inside * (100 + points[:, 0].reshape(frame.shape))).astype(np.float32), frame
        )
    module = importlib.import_module("wbir.cohorts.brain_slices")
    module.build(
        tmp_path / "c",
        source="local",
        data={"nirep": tmp_path},
        seed=0,
        **{**module.COHORT["parameters"], "height": 0.5},
    )
    case = Cohort.open(tmp_path / "c").case("brain-morph")
    assert case.moving.shape == (128, 128) and case.attributes["moving_subject"] == "na01" and case.truth is None
    for labels, length in ((case.moving_labels, 120), (case.fixed_labels, 100)):
        assert labels is not None
        extent = np.ptp(np.nonzero(labels.any(0))[0]) + 1
        assert extent * case.frame.spacing[1] == pytest.approx(length, abs=5)
    assert case.moving[80, 64] > case.moving[48, 64]  # axis 0 runs to the right although the file runs to the left
