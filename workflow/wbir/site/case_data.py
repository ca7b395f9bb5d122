"""Cases for the viewer: which are shown, and their images with every method's prediction as scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wbir.cases import Case, Prediction
from wbir.files import read_rows, write_text
from wbir.measures.base import Evaluation
from wbir.results import PaperResults
from wbir.site import volumes
from wbir.site.exhibit_views import pretty_unit
from wbir.site.measurement_data import script
from wbir.site.rendering import number
from wbir.site.runs import experiments_that_ran

MOST_CASES = 3  # shown of an experiment, where there is room


@dataclass(frozen=True)
class ShownCase:
    """A case of an experiment with the methods whose prediction was kept; `most`: voxels that an image may have."""

    slug: str
    experiment: str
    title: str
    case: str
    methods: tuple[str, ...]
    absent: tuple[str, ...]
    most: float

    @property
    def name(self) -> str:
        """The name of its page and of the folder with its data."""
        return f"{self.slug}--{self.experiment}--{self.case}"

    def script_of(self, method: str) -> str:
        return f"{self.name}/method.{method}.js"


def choose_cases(results: PaperResults, room: float) -> list[ShownCase]:
    """The cases to show of every experiment that keeps a gallery, so that they take about `room` bytes.

    First those kept by most methods, in the cohort's order; as many (up to MOST_CASES) as fit at full size, or one, coarser.
    Every method that kept anything has a case, if need be in a case of its own.
    """
    kept = {name: _kept(results, name) for name in experiments_that_ran(results)}
    kept = {name: cases for name, cases in kept.items() if cases}
    chosen = []
    for name, cases in kept.items():
        voxels = _voxels(results, name, next(iter(cases)))
        methods = results.paper.spec["experiments"][name]["methods"]
        volumes_of_case = 2 + 2 * len(methods)
        full = room / len(kept) / (volumes.BYTES_PER_VOXEL * volumes_of_case * voxels)
        names = _cover(cases, max(1, min(MOST_CASES, int(full))))
        most = room / len(kept) / (volumes.BYTES_PER_VOXEL * volumes_of_case * len(names))
        title = results.paper.spec["experiments"][name].get("title", name)
        for case in names:
            here = tuple(m for m in methods if m in cases[case])
            absent = tuple(m for m in methods if m not in cases[case])
            chosen.append(ShownCase(results.paper.slug, name, title, case, here, absent, most))
    return chosen


def _kept(results: PaperResults, experiment: str) -> dict[str, set[str]]:
    """The methods that kept a prediction, by case, in the cohort's order, fullest first."""
    methods = results.paper.spec["experiments"][experiment]["methods"]
    found: dict[str, set[str]] = {}
    for method in methods:
        folder = results.results / results.unit(experiment, method).id / "gallery"
        for path in sorted(folder.glob("*.npz")):
            found.setdefault(path.stem, set()).add(method)
    if not found:
        return {}
    order = [row["case"] for row in results.cohort(experiment).rows if row["case"] in found]
    return {case: found[case] for case in sorted(order, key=lambda case: -len(found[case]))}


def _cover(cases: Mapping[str, set[str]], count: int) -> list[str]:
    """The first cases, and further ones until every method that kept anything is there."""
    names = list(cases)[:count]
    missing = set().union(*cases.values()) - set().union(*(cases[c] for c in names))
    for case, methods in cases.items():
        if methods & missing:
            names.append(case)
            missing -= methods
    return names


def _voxels(results: PaperResults, experiment: str, case: str) -> int:
    return int(np.prod(results.cohort(experiment).case(case).frame.shape))


def write_case(results: PaperResults, shown: ShownCase, folder: Path) -> dict[str, Any]:
    """Write `<name>/case.js` and a script per method into `folder`; what the page says of the case."""
    case = results.cohort(shown.experiment).case(shown.case)
    by = volumes.factors(case.frame.shape, case.frame.spacing, shown.most)
    frame = volumes.coarser_frame(case.frame, by)
    ranges = {name: volumes.window(getattr(case, name)) for name in ("fixed", "moving")}
    about = {
        "case": case.id,
        "shape": list(frame.shape),
        "full": list(case.frame.shape),
        "factors": list(by),
        "spacing": [round(s, 6) for s in frame.spacing],
        "affine": np.round(frame.affine, 6).tolist(),
        "ends": volumes.orientation(frame),
    }
    images = {n: volumes.pack_image(volumes.coarser(getattr(case, n), by), *ranges[n]) for n in ("fixed", "moving")}
    _write(folder / shown.name / "case.js", "case", about | images)
    numbers = _numbers(results, shown)
    for method in shown.methods:
        packed = _pack_method(results, shown, case, by, method, ranges["moving"])
        packed["numbers"] = numbers.get(method, [])
        _write(folder / shown.script_of(method), f"method {method}", packed)
    attributes = {k: v for k, v in case.attributes.items() if v and k != "split"}
    lengths = [f"{length:.3g}" for length in case.frame.spacing]
    return about | {"attributes": attributes, "two_kinds": "modalities" in attributes, "lengths": lengths}


def _pack_method(
    results: PaperResults, shown: ShownCase, case: Case, by: Sequence[int], method: str, scale: tuple[float, float]
) -> dict[str, Any]:
    """The warped image and the Jacobian determinant of a method's prediction, as its metrics saw them."""
    kept = results.gallery(shown.experiment, method, shown.case)
    known: dict[str, Any] = {name: kept.get(name) for name in ("displacement", "inverse", "matrix", "warped")}
    evaluation = Evaluation(case, Prediction(**known))
    moved = "displacement" in kept or "matrix" in kept or "warped" in kept
    return {
        "moved": moved and not (evaluation.is_identity and "warped" not in kept),
        "warped": volumes.pack_image(volumes.coarser(evaluation.warped, by), *scale),
        "jacobian": volumes.pack_jacobian(evaluation.jacobian_determinant, by),
    }


def _numbers(results: PaperResults, shown: ShownCase) -> dict[str, list[list[str]]]:
    """What was measured of the case as a whole, by method: metric, value, unit."""
    found: dict[str, list[list[str]]] = {}
    for name in ("measurements", "timings"):
        for row in read_rows(results.folder / f"{name}.csv"):
            if (row["experiment"], row["case"], row["label"]) == (shown.experiment, shown.case, "") and row["value"]:
                cells = [row["metric"], number(row["value"]), pretty_unit(row["unit"])]
                found.setdefault(row["method"], []).append(cells)
    return found


def _write(target: Path, name: str, value: Mapping[str, Any]) -> None:
    """A script that hands its data to the viewer: a page opened from disk may not fetch files."""
    write_text(target, f"wbirViewer.receive({script(name)}, {script(value)});\n")
