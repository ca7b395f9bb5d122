"""Reading a paper's results: what tables, figures and claims see."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wbir.cases import Cohort
from wbir.errors import InputError
from wbir.measures.base import discover
from wbir.papers import Paper, Unit, declaration, parse_measure

if TYPE_CHECKING:
    import pandas


def selection_of(by: str, key: str) -> dict[str, Any]:
    """The selection of one value of a column of the measurements, or of an attribute of the cases."""
    return {by: key} if by in ("method", "metric", "label", "case", "experiment") else {"where": {by: key}}


def conjoined(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """Selections laid over each other: what a row and a column of a table select together.

    A later part's keys replace those of an earlier one, but `where`s unite, and of lists of experiments those remain that
    all of them name.
    """
    merged = {key: value for part in parts for key, value in part.items()}
    merged["where"] = {key: value for part in parts for key, value in part.get("where", {}).items()}
    lists = [part["experiment"] for part in parts if isinstance(part.get("experiment"), list)]
    if isinstance(merged.get("experiment"), list):
        merged["experiment"] = [name for name in merged["experiment"] if all(name in names for names in lists)]
    return merged


class PaperResults:
    """The collected measurements of a paper, joined with the attributes of the cases, and the galleries of its units."""

    def __init__(self, paper: Paper, results: Path) -> None:
        self.paper, self.results = paper, Path(results)
        self.folder = self.results / paper.slug
        self._regions: dict[tuple[str, str], dict[str, str]] = {}

    @cached_property
    def measurements(self) -> pandas.DataFrame:
        """The long table; a column per attribute of the cases beside those of the schema; value is a float (NaN: undefined)."""
        return self._joined("measurements.csv")

    @cached_property
    def timings(self) -> pandas.DataFrame:
        """As `measurements`, for times (other bytes in every run)."""
        return self._joined("timings.csv")

    def _joined(self, name: str) -> pandas.DataFrame:
        import pandas

        path = self.folder / name
        if not path.is_file():
            raise InputError(f"collected results at {path}", "no such file", "run `wbir collect` first")
        text = dict.fromkeys(("paper", "experiment", "case", "method", "metric", "label", "unit", "status"), str)
        table = pandas.read_csv(path, dtype=text, keep_default_na=False, na_values={"value": [""]})
        cases = pandas.read_csv(self.folder / "cases.csv", dtype=str, keep_default_na=False)
        if cases.empty:
            return table
        wide = cases.pivot(index=["experiment", "case"], columns="attribute", values="value").reset_index()
        return table.merge(wide, on=["experiment", "case"], how="left")

    @cached_property
    def reported(self) -> list[dict[str, str]]:
        """Every number that the paper prints, with its place."""
        import pandas

        path = declaration(self.paper.slug) / "reported.csv"
        return pandas.read_csv(path, dtype=str, keep_default_na=False).to_dict("records") if path.is_file() else []

    def select(self, wanted: Mapping[str, Any], *, speed: bool = False) -> pandas.DataFrame:
        """The rows that match a selection (experiment, metric, method, label, case, `where` of attributes).

        A `label` that the selection does not name is the case as a whole (label ""); `label: "*"` is any. A list is any of
        its items.
        """
        table = self.timings if speed else self.measurements
        conditions = {k: wanted[k] for k in ("experiment", "metric", "method", "case") if wanted.get(k) is not None}
        conditions |= dict(wanted.get("where", {}))
        label = wanted.get("label", "")
        if label != "*":
            conditions["label"] = label
        for column, value in conditions.items():
            if column not in table:
                return table.iloc[:0]
            allowed = [str(v) for v in value] if isinstance(value, list) else [str(value)]
            table = table[table[column].isin(allowed)]
        return table

    def unit(self, experiment: str, method: str) -> Unit:
        """The unit of a method with the experiment's first seed."""
        return self.paper.unit(experiment, method, self.paper.seeds(experiment)[0])

    def cohort(self, experiment: str) -> Cohort:
        """The test cases of an experiment."""
        plan = self.paper.cohort(self.paper.spec["experiments"][experiment]["cohort"])
        return Cohort.open(self.results / "cohorts" / plan.id).select(split="test")

    def histories(self, experiment: str, method: str) -> list[pandas.DataFrame]:
        """The training history of a learned method, one for each seed or fold that has been run."""
        import pandas

        units = [self.paper.unit(experiment, method, seed) for seed in self.paper.seeds(experiment)]
        paths = [self.results / unit.id / "history.csv" for unit in units]
        return [pandas.read_csv(path) for path in paths if path.is_file() and path.stat().st_size]

    def label_name(self, experiment: str, metric: str, label: str) -> str:
        """What a measurement's label is called: the region's name where the metric goes over the cohort's labels."""
        if (experiment, metric) not in self._regions:
            self._regions[experiment, metric] = self._region_names(experiment, metric)
        return self._regions[experiment, metric].get(label, label)

    def _region_names(self, experiment: str, metric: str) -> dict[str, str]:
        measures = map(parse_measure, self.paper.spec["experiments"][experiment]["measures"])
        measure = next((m for m in measures if m.name == metric), None)
        if measure is None or "fixed_labels" not in discover()[measure.metric].needs:
            return {}
        return {str(label): name for label, name in self.cohort(experiment).label_names().items()}

    def gallery(self, experiment: str, method: str, case: str) -> dict[str, np.ndarray]:
        """What a method kept of a case: displacement, inverse, matrix, warped, and its own arrays.

        Raises InputError where nothing was kept.
        """
        units = [self.paper.unit(experiment, method, seed) for seed in self.paper.seeds(experiment)]
        paths = [self.results / unit.id / "gallery" / f"{case}.npz" for unit in units]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise InputError(
                f"a gallery file of {method} for case {case}", "none", "raise `gallery` or see the unit's log"
            )
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
