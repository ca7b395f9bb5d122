"""Papers as declarations: `config/papers/<NN-slug>/paper.yaml` read, checked and turned into units of work.

No paper-specific branch stands here; a paper is data.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wbir.cohort_plans import Choice, CohortPlan
from wbir.discovery import (
    PACKAGE,
    REPOSITORY,
    WORKFLOW,
    closure,
    defined_functions,
    describe,
    merge_parameters,
    modules,
    networks_in,
)
from wbir.errors import InputError

PAPERS = REPOSITORY / "config" / "papers"
STUDIES = REPOSITORY / "config" / "studies"  # declared as papers are, but not of the proceedings
SCALES = ("demo", "bench", "paper")
SHORTEST = 30  # minutes that a shard has at least: its cases may be the slow ones, and its node a busy one


@dataclass(frozen=True)
class Measure:
    """A metric of an experiment: its function, the direction it looks at, the name it is filed under."""

    metric: str
    of: str
    name: str


@dataclass(frozen=True)
class Unit:
    """One method with one seed on one experiment's cohort: what `fit` and `predict` work on."""

    paper: str
    experiment: str
    method: str
    seed: int
    use: str
    parameters: Mapping[str, Any]
    measures: tuple[Measure, ...]
    gallery: int
    cohort: CohortPlan
    fold: str = ""  # of a cross-validation: the cases that this unit's model does not learn from
    shards: int = 1  # over how many jobs its prediction is shared out

    @property
    def id(self) -> str:
        """`paper/experiment/method/seed`: the unit's folder below `results/<scale>/`."""
        return f"{self.paper}/{self.experiment}/{self.method}/{self.seed}"

    @property
    def spec(self) -> dict[str, Any]:
        return describe("methods", self.use)

    @property
    def minutes(self) -> int:
        """The runtime of a job that predicts: the SPEC's is that of all cases in one job, a shard has its part of it."""
        whole = int(self.spec["runtime"])
        return whole if self.shards == 1 else max(SHORTEST, math.ceil(whole / self.shards))

    def code(self) -> list[Path]:
        """The files whose change must rerun this unit: its method, its networks, its metrics, and all that they import."""
        wanted = {measure.metric for measure in self.measures}
        measures = [path for path in (PACKAGE / "measures").glob("*.py") if wanted & defined_functions(path)]
        return closure([modules("methods")[self.use], *networks_in(self.parameters), *measures])


@dataclass(frozen=True)
class Paper:
    """A paper's declaration at one scale with the user's choice of data."""

    slug: str
    scale: str
    spec: Mapping[str, Any]
    sources: Mapping[str, str]
    data: Mapping[str, str]

    def cohort(self, name: str) -> CohortPlan:
        """The plan of a cohort named in the paper's `cohorts`, or of the builder of that name."""
        choice = Choice(self.slug, self.scale, self.spec.get("cohorts", {}), self.sources, self.data)
        return choice.plan(name)

    def plans(self) -> list[CohortPlan]:
        """The cohorts of all experiments, runnable or not."""
        return [self.cohort(entry["cohort"]) for entry in self.spec["experiments"].values()]

    def sheets(self) -> list[CohortPlan]:
        """The cohorts of its units, and those that these are made from, of which a sheet is drawn; sorted by id."""
        parts = {part.id: part for unit in self.units() for part in unit.cohort.chain()}
        return [parts[name] for name in sorted(parts) if parts[name].wants_sheet]

    def _layers(self, entry: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        return entry.get("with", {}), entry.get(self.scale, {})

    def method(self, name: str) -> dict[str, Any]:
        """The entry of a method; a name that the paper does not define is the method file of that name."""
        return self.spec["methods"].get(name, {"use": name})

    def title(self, method: str) -> str:
        entry = self.method(method)
        return entry.get("title") or (
            method if method in self.spec["methods"] else describe("methods", entry["use"])["title"]
        )

    def experiments(self) -> list[str]:
        """The experiments of this scale whose data may be had."""
        return [name for name in self.spec["experiments"] if self.why_not(name) is None]

    def why_not(self, experiment: str) -> str | None:
        """Why an experiment does not run here, in words, or None."""
        entry = self.spec["experiments"][experiment]
        if self.scale not in entry.get("scales", SCALES):
            return f"not part of the {self.scale} scale"
        plan = self.cohort(entry["cohort"])
        if not plan.available:
            wanted = [dataset for leaf in plan.leaves() for dataset in leaf.fetched]
            return "; ".join(f"needs the data set {d}: --config 'data={{{d}: FOLDER}}'" for d in dict.fromkeys(wanted))
        return None

    def units(self) -> list[Unit]:
        """All units of the runnable experiments."""
        return [
            self.unit(experiment, method, seed)
            for experiment in self.experiments()
            for method in self.spec["experiments"][experiment]["methods"]
            for seed in self.seeds(experiment)
        ]

    def seeds(self, experiment: str) -> list[int]:
        """The seeds of an experiment: those that it names, or one for each fold of its cross-validation."""
        entry = self.spec["experiments"][experiment]
        return list(range(self._folds(entry))) or entry.get("seeds", [0])

    def _folds(self, entry: Mapping[str, Any]) -> int:
        return self._at_scale(entry.get("folds", 0), default=0)

    def _at_scale(self, value: int | Mapping[str, int], *, default: int) -> int:
        """A number that is one for all scales, or a mapping from some of them."""
        return value.get(self.scale, default) if isinstance(value, Mapping) else value

    def _shards(self, entry: Mapping[str, Any], spec: Mapping[str, Any]) -> int:
        """The jobs for a method's prediction: the experiment's `shards`, where it is long enough to be shared out.

        A network predicts in seconds, its SPEC's runtime is that of its training; others may be done as soon as a shard is.
        """
        short = spec["kind"] == "learned" or spec["runtime"] <= SHORTEST
        return 1 if short else self._at_scale(entry.get("shards", 1), default=1)

    def unit(self, experiment: str, method: str, seed: int) -> Unit:
        """One unit. Raises InputError for a name that the paper does not have."""
        entry = self.spec["experiments"].get(experiment)
        if entry is None or method not in entry["methods"]:
            known = {k: v["methods"] for k, v in self.spec["experiments"].items()}
            raise InputError(
                f"an experiment and a method of {self.slug} among {known}", f"{experiment}/{method}", "correct it"
            )
        use = self.method(method)
        spec = describe("methods", use["use"])
        parameters = merge_parameters(f"method {method}", spec["parameters"], *self._layers(use))
        return Unit(
            paper=self.slug,
            experiment=experiment,
            method=method,
            seed=seed,
            use=use["use"],
            parameters=parameters,
            measures=tuple(parse_measure(m) for m in entry["measures"]),
            gallery=int(entry.get("gallery", 1)),
            cohort=self.cohort(entry["cohort"]),
            fold=str(seed) if self._folds(entry) else "",
            shards=self._shards(entry, spec),
        )

    def code_of_figures(self) -> list[Path]:
        """The figure kinds that the paper draws with, and all that they import."""
        kinds = {panel["kind"] for figure in self.spec.get("figures", {}).values() for panel in figure["panels"]}
        known = modules("figures")
        unknown = sorted(kinds - set(known))
        if unknown:
            raise InputError(
                f"figure kinds of {self.slug} among {sorted(known)}", f"{unknown}", "add figures/<kind>.py"
            )
        drawn = [panel for figure in self.spec.get("figures", {}).values() for panel in figure["panels"]]
        methods = {panel["method"] for panel in drawn if isinstance(panel.get("method"), str)}
        named = [describe("methods", self.method(name)["use"])["parameters"] for name in sorted(methods)]
        return closure([*(known[kind] for kind in sorted(kinds)), *networks_in([drawn, named])])


def parse_measure(entry: str | Mapping[str, Any]) -> Measure:
    """`dice`, or `{metric: dice, of: inverse, as: inverse_dice}`, or `of: start`, which a refinement began from."""
    full = {"metric": entry} if isinstance(entry, str) else entry
    of = full.get("of", "forward")
    default = full["metric"] if of == "forward" else f"{of}_{full['metric']}"
    return Measure(full["metric"], of, full.get("as", default))


def slugs() -> list[str]:
    """The papers that are declared, in order."""
    return sorted(path.parent.name for path in PAPERS.glob("*/paper.yaml"))


def studies() -> list[str]:
    """The studies of our own that are declared, in order."""
    return sorted(path.parent.name for path in STUDIES.glob("*/paper.yaml"))


def declaration(slug: str) -> Path:
    """The folder of a paper's or a study's declaration."""
    return (STUDIES if slug in studies() else PAPERS) / slug


def load_paper(
    slug: str, scale: str, sources: Mapping[str, str] | None = None, data: Mapping[str, str] | None = None
) -> Paper:
    """Read and check a paper or a study. Raises InputError for an unknown paper or scale and for a declaration that breaks the schema."""
    if scale not in SCALES:
        raise InputError(f"a scale among {SCALES}", repr(scale), "correct `scale`")
    known = [*slugs(), *studies()]
    if slug not in known:
        raise InputError(
            f"a paper among {', '.join(known) or 'none'}", repr(slug), "correct the name or add its folder"
        )
    return Paper(slug, scale, _read(declaration(slug) / "paper.yaml"), sources or {}, data or {})


@functools.lru_cache(maxsize=None)
def _read(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            f"YAML in {path.parent.name}/paper.yaml", " ".join(str(error).split()), "correct it"
        ) from error
    check_schema(spec, "paper", f"{path.parent.name}/paper.yaml")
    return spec


def check_schema(value: Any, schema: str, what: str) -> None:
    """Raise InputError, in one line, where a value breaks `schemas/<schema>.schema.yaml`; `what` names its file."""
    import yaml
    from jsonschema import Draft202012Validator

    rules = yaml.safe_load((WORKFLOW / "schemas" / f"{schema}.schema.yaml").read_text(encoding="utf-8"))
    faults = sorted(Draft202012Validator(rules).iter_errors(value), key=lambda e: list(map(str, e.path)))
    for fault in faults[:1]:
        place = "/".join(map(str, fault.absolute_path)) or "the top"
        place += f" ({fault.schema['description']})" if "description" in fault.schema else ""
        message = " ".join(fault.message.split())
        raise InputError(f"{what} to follow its schema at {place}", message[:300], "correct it")
