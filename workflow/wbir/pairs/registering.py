"""`wbir register`: any method of this package on a user's own pair."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, Prediction
from wbir.discovery import describe, merge_parameters, modules
from wbir.errors import InputError
from wbir.files import folder_written_whole, write_json, write_rows
from wbir.images import one_line, write_displacement, write_image
from wbir.measures.base import Evaluation
from wbir.pairs.deformations import Deformation, deformation_of, inverse_on_grid, inverse_through
from wbir.pairs.fields import write_linear
from wbir.pairs.output import MANIFEST, provenance
from wbir.pairs.pair import Pair
from wbir.pairs.placing import normalised, overlap, placed_case, start_matrix
from wbir.pairs.scoring import COLUMNS, PairEvaluation, header_case, measure, summary
from wbir.pairs.sheet import write_sheet
from wbir.quiet import silenced


@dataclass(frozen=True)
class Request:
    """What was asked for: a method with parameters, the start, and how it runs."""

    method: str
    parameters: Mapping[str, Any]
    initial: str = "header"
    normalise: str = "percentiles"
    seed: int = 0
    device: str = "cpu"
    threads: int = 1
    model: Path | None = None
    files: Mapping[str, Path | None] = field(default_factory=dict)


def pairwise_methods() -> list[str]:
    """The methods that find a map between two images; a SPEC with `registers: False` does something else."""
    return [name for name in modules("methods") if describe("methods", name).get("registers", True)]


def checked_spec(method: str, dim: int | None = None, model: Path | None = None) -> dict[str, Any]:
    """The SPEC of a method that can register a pair of `dim` dimensions. Raises InputError else."""
    known = pairwise_methods()
    if method not in known:
        raise InputError(f"a method among {', '.join(known)}", repr(method), "take one (`wbir list methods`)")
    spec = describe("methods", method)
    if dim is not None and dim not in spec["dims"]:
        able = [name for name in known if dim in describe("methods", name)["dims"]]
        dims = " or ".join(f"{d}D" for d in spec["dims"])
        raise InputError(f"{dims} images for {method}", f"{dim}D images", f"take one of {', '.join(able)}")
    if spec["kind"] == "learned" and model is None:
        raise InputError(f"a trained model for {method}", "none", "give --model")
    return spec


def chosen_parameters(
    method: str, entries: Mapping[str, str], masks: bool = False, model: Path | None = None
) -> dict[str, Any]:
    """A method's parameters with `--set key=value` laid on; values are read as YAML and must have the default's type.

    masks: masks were given; a method with a parameter `masks` then uses them unless `entries` says otherwise.
    model: of a learned method; the parameters that it was trained with, from fit.json beside it, are the defaults.
    Raises InputError where that model is another method's.
    """
    import yaml

    defaults = {**describe("methods", method)["parameters"], **_trained_parameters(method, model)}
    given: dict[str, Any] = {"masks": True} if masks and "masks" in defaults else {}
    for key, text in entries.items():
        try:
            given[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise InputError(f"a value for --set {key}", repr(text), "write a number, a word or [a, list]") from error
        if key in defaults and isinstance(defaults[key], float) and type(given[key]) is int:
            given[key] = float(given[key])
    return merge_parameters(method, defaults, given)


def _trained_parameters(method: str, model: Path | None) -> dict[str, Any]:
    """The parameters that `wbir fit` wrote down beside a model; none where there is no such file."""
    if model is None or not (model.parent / "fit.json").is_file():
        return {}
    kept = json.loads((model.parent / "fit.json").read_text(encoding="utf-8"))
    if kept["method"] != method:
        raise InputError(f"a model of {method}", f"one of {kept['method']}", f"give --method {kept['method']}")
    return kept["parameters"]


def register(pair: Pair, request: Request, out: Path) -> list[str]:
    """Register a pair and write the folder `out`, whole; returns lines that sum up the measurements.

    Raises InputError for what the pair or the method cannot do; then nothing is written.
    """
    started = time.perf_counter()
    checked_spec(request.method, pair.fixed.frame.dim, request.model)
    images = normalised(pair, request.normalise)
    start = start_matrix(pair, request.initial)
    case = placed_case(pair, images, start)
    prediction = _predict(case, request)
    found = deformation_of(prediction, case.frame, start)
    stages = evaluations(pair, case, images, found, start, _inverse(prediction, case, start))
    rows = measure(stages)
    with folder_written_whole(out) as folder:
        write_results(folder, stages, rows, f"{request.method}: {pair.moving.path.name} onto {pair.fixed.path.name}")
        write_displacement(folder / "displacement.nii.gz", found.on(case.frame), case.frame)
        if found.matrix is not None:
            write_linear(folder / "matrix.tfm", found.matrix)
        what = {
            "method": request.method,
            "parameters": dict(request.parameters),
            "initial": request.initial,
            "initial_world_matrix": start.tolist(),
            "normalise": request.normalise,
            "overlap": overlap(pair, start),
            "seed": request.seed,
            "threads": request.threads,
            "grid": {"shape": list(case.frame.shape), "affine_ras_mm": case.frame.affine.tolist()},
            "readings": [[r.metric, r.label, r.value, r.unit] for r in prediction.readings if not r.speed],
        }
        seconds = time.perf_counter() - started
        files = {**request.files, "model": request.model}
        write_json(folder / MANIFEST, provenance("register", what, files, device=request.device, seconds=seconds))
    return summary(rows, list(stages))


def evaluations(
    pair: Pair,
    case: Case,
    images: Sequence[np.ndarray],
    found: Deformation,
    start: np.ndarray,
    inverse: np.ndarray | None = None,
) -> dict[str, Evaluation]:
    """`before` (as the files say), `initial` (placed by `start`, where that is something else) and `after`."""
    frame, header = case.frame, header_case(pair, case, images)
    stages: dict[str, Evaluation] = {"before": PairEvaluation(pair, header, images, Deformation(frame))}
    if not np.array_equal(start, np.eye(frame.dim + 1)):
        stages["initial"] = PairEvaluation(pair, header, images, Deformation(frame, matrix=start))
    stages["after"] = PairEvaluation(pair, header, images, found, inverse)
    return stages


def write_results(
    folder: Path, stages: Mapping[str, Evaluation], rows: Sequence[Mapping[str, str]], title: str
) -> None:
    """warped.nii.gz, warped_labels.nii.gz, check.png and measurements.csv into `folder`."""
    after, frame = stages["after"], stages["after"].case.frame
    assert isinstance(after, PairEvaluation)
    write_image(folder / "warped.nii.gz", after.warped_original, frame)
    if after.pair.labels:
        write_image(folder / "warped_labels.nii.gz", after.warped_labels, frame)
    write_rows(folder / "measurements.csv", rows, COLUMNS)
    write_sheet(folder / "check.png", stages["before"], after, title)


def _predict(case: Case, request: Request) -> Prediction:
    """Run the method; whatever stops it becomes one line."""
    options: dict[str, Any] = {**request.parameters, "seed": request.seed, "device": request.device}
    if request.model is not None:
        options["model"] = request.model
    try:
        with silenced():
            _use_threads(request.threads)
            prediction = importlib.import_module(f"wbir.methods.{request.method}").predict(case, **options)
        Evaluation(case, prediction)  # shapes and finite values
        return prediction
    except InputError:
        raise
    except ImportError as error:
        stack = describe("methods", request.method)["stack"]
        raise InputError(f"the packages of the stack {stack}", one_line(error), f"install envs/{stack}.yaml") from error
    except Exception as error:  # images and parameters are the user's: any package may stop at them in its own way
        got = f"{type(error).__name__}: {one_line(error)}"
        todo = "look at both images, try --initial centres or other parameters (--set)"
        raise InputError(f"a pair that {request.method} can register", got, todo) from error


def _use_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def _inverse(prediction: Prediction, case: Case, start: np.ndarray) -> np.ndarray | None:
    """The inverse of the whole map on the fixed grid: the method's own where it has one, through the start."""
    if prediction.displacement is None:
        return None
    voxels = np.linalg.inv(case.frame.affine) @ start @ case.frame.affine
    own = prediction.inverse if prediction.inverse is not None else inverse_on_grid(prediction.displacement)
    return inverse_through(voxels, own)
