"""Every method that is found keeps the contract: its SPEC, its parameters, the same bytes twice, an untouched case."""

from __future__ import annotations

import copy
import importlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wbir.cases import Case, Cohort, CohortWriter, Prediction
from wbir.discovery import REPOSITORY as ROOT
from wbir.discovery import describe, merge_parameters, modules
from wbir.geometry.frames import Frame

METHODS = sorted(modules("methods"))
KEYS = {"title", "reference", "kind", "stack", "threads", "mem_mb", "runtime", "gpu", "parameters", "tiny", "dims"}
KINDS = {"control", "iterative", "learned"}
HEAVY = {
    "torch",
    "scipy",
    "SimpleITK",
    "ants",
    "itk",
    "sklearn",
    "skimage",
    "nilearn",
    "nibabel",
    "matplotlib",
    "pandas",
}
SLOW_STACKS = {"ants", "elastix"}  # seconds of import
SHAPES = {2: (32, 28), 3: (16, 18, 14)}


def _runs() -> list[Any]:
    found = []
    for name in METHODS:
        spec = describe("methods", name)
        marks = [pytest.mark.slow] if spec["stack"] in SLOW_STACKS else []
        found += [pytest.param(name, dim, id=f"{name}-{dim}D", marks=marks) for dim in spec["dims"]]
    return found


def blobs(shape: tuple[int, ...], points: np.ndarray) -> np.ndarray:
    """Gaussian blobs in [0, 1] in closed form at voxel coordinates `(dim, *shape)`."""
    rng = np.random.default_rng(1)
    total = np.zeros(points.shape[1:])
    for _ in range(12):
        centre = rng.uniform(0.25, 0.75, len(shape)) * np.array(shape)
        squares = ((points - centre.reshape(-1, *(1,) * len(shape))) ** 2).sum(0)
        total += rng.uniform(0.3, 1.0) * np.exp(-squares / (2 * rng.uniform(1.2, 2.4) ** 2))
    return total / 3


def make_case(dim: int, name: str = "pair", split: str = "test", shift: float = 0.8) -> Case:
    """A pair that a small rotation and a shift bring together, with everything that a method may look at."""
    shape, angle = SHAPES[dim], 0.08
    matrix = np.eye(dim + 1)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    middle = np.array(shape) / 2
    matrix[:dim, dim] = middle - matrix[:dim, :dim] @ middle + shift
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")).astype(float)
    mapped = np.tensordot(matrix[:dim, :dim], grid, 1) + matrix[:dim, dim].reshape(-1, *(1,) * dim)
    fixed, moving = (blobs(shape, points).astype(np.float32) for points in (mapped, grid))
    labels = [np.digitize(image, [0.15, 0.35]).astype(np.int16) for image in (fixed, moving)]
    fixed_points = np.random.default_rng(3).uniform(0.3, 0.7, (6, dim)) * np.array(shape)
    return Case(
        name,
        Frame.of(shape, 1.25),  # equal along all axes: some methods rotate voxels
        fixed,
        moving,
        fixed_labels=labels[0],
        moving_labels=labels[1],
        fixed_mask=np.ones(shape, dtype=bool),
        moving_mask=np.ones(shape, dtype=bool),
        fixed_points=fixed_points,
        moving_points=fixed_points @ matrix[:dim, :dim].T + matrix[:dim, dim],
        truth=(mapped - grid).astype(np.float32),
        truth_matrix=matrix,
        attributes={"split": split},
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What `predict` needs besides its parameters: for a learned method, a model trained on a tiny cohort."""
    known: dict[tuple[str, int], dict[str, Any]] = {}

    def options(name: str, dim: int) -> dict[str, Any]:
        if describe("methods", name)["kind"] == "learned" and (name, dim) not in known:
            folder = tmp_path_factory.mktemp(f"{name}-{dim}")
            known[name, dim] = {"model": fit(name, dim, folder)}
        return known.get((name, dim), {})

    return options


def fit(name: str, dim: int, folder: Path) -> Path:
    writer = CohortWriter(folder / "cohort", {"title": "tiny"})
    for number, split in enumerate(["train", "train", "validation"]):
        writer.add(make_case(dim, f"case-{number}", split, shift=0.4 * number))
    writer.close()
    cohort, out = Cohort.open(folder / "cohort"), folder / "out"
    out.mkdir()
    train, validation = (cohort.select(split=split) for split in ("train", "validation"))
    importlib.import_module(f"wbir.methods.{name}").fit(
        train, validation, out=out, seed=0, device="cpu", **tiny_parameters(name)
    )
    assert (out / "history.csv").is_file()
    return out / "model.pt"


def tiny_parameters(name: str) -> dict[str, Any]:
    spec = describe("methods", name)
    return merge_parameters(name, copy.deepcopy(spec["parameters"]), spec["tiny"])


def predict(name: str, case: Case, options: dict[str, Any]) -> Prediction:
    module = importlib.import_module(f"wbir.methods.{name}")
    return module.predict(case, seed=3, device="cpu", **options, **tiny_parameters(name))


def arrays_of(prediction: Prediction) -> dict[str, np.ndarray]:
    named = {name: getattr(prediction, name) for name in ("displacement", "inverse", "matrix", "warped")}
    return {name: array for name, array in named.items() if array is not None} | dict(prediction.arrays)


@pytest.mark.parametrize("name", METHODS)
def test_the_spec_is_whole(name):
    spec = describe("methods", name)
    assert KEYS <= set(spec) <= KEYS | {"registers", "needs"}
    assert spec["kind"] in KINDS and set(spec["dims"]) <= {2, 3} and spec["dims"]
    assert spec["title"] and spec["reference"]
    assert all(
        isinstance(spec[key], int) and spec[key] >= (key != "gpu") for key in ("threads", "mem_mb", "runtime", "gpu")
    )
    assert set(spec["tiny"]) <= set(spec["parameters"])
    assert importlib.import_module(f"wbir.methods.{name}").__doc__


@pytest.mark.parametrize("name", METHODS)
def test_predict_takes_exactly_the_parameters_of_the_spec(name):
    spec = describe("methods", name)
    signature = inspect.signature(importlib.import_module(f"wbir.methods.{name}").predict).parameters
    given = {"case", "seed", "device"} | ({"model"} if spec["kind"] == "learned" else set())
    assert set(signature) == given | set(spec["parameters"])
    own = [signature[parameter] for parameter in spec["parameters"]]
    assert all(p.default is p.empty and p.kind is p.KEYWORD_ONLY for p in own), "defaults stand in SPEC, once"


def test_methods_import_nothing_heavy():
    """The rules import them to learn of them; each heavy package costs seconds there."""
    program = (
        f"import sys\nfor name in {METHODS}: __import__('wbir.methods.' + name)\nprint(*({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT / "workflow", capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize(("name", "dim"), _runs())
def test_a_tiny_prediction_keeps_the_contract(name, dim, trained):
    case, options = make_case(dim), trained(name, dim)
    before = copy.deepcopy(case)
    prediction = predict(name, case, options)
    for field, array in vars(before).items():
        if isinstance(array, np.ndarray):
            np.testing.assert_array_equal(getattr(case, field), array, err_msg=f"{name} changed {field} of the case")
    shape = case.frame.shape
    expected = {"displacement": (dim, *shape), "inverse": (dim, *shape), "matrix": (dim + 1, dim + 1), "warped": shape}
    found = arrays_of(prediction)
    for field in expected.keys() & found.keys():
        assert found[field].shape == expected[field], field
        assert found[field].dtype == (np.float64 if field == "matrix" else np.float32), field
    assert all(isinstance(array, np.ndarray) and np.all(np.isfinite(array)) for array in found.values())
    if prediction.matrix is not None:
        np.testing.assert_allclose(prediction.matrix[dim], np.eye(dim + 1)[dim], atol=1e-9)
    again = predict(name, make_case(dim), options)
    assert {key: array.tobytes() for key, array in arrays_of(again).items()} == {
        key: a.tobytes() for key, a in found.items()
    }
    readings = [[r for r in p.readings if not r.speed] for p in (prediction, again)]
    assert repr(readings[0]) == repr(readings[1])
