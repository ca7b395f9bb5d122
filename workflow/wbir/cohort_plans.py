"""Which cohort a paper means by a name, at one scale and with the user's choice of data: stand-ins, or the real thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wbir.discovery import closure, describe, merge_parameters, modules
from wbir.errors import InputError

REAL_SOURCES = ("public", "local")
UNASKED_SOURCES = ("simulated", "package")  # need no data site: they run without being asked for
OF_ITS_BASE = "of its base"  # `cases` of a derived cohort that has those of the one that it is made from
DERIVED = "derived"  # the source of a cohort that is made from others (`of`)
EVERY = "all"  # in `sources`: every cohort that has such a source


@dataclass(frozen=True)
class CohortPlan:
    """A cohort as a paper asks for it: a builder with its parameters. `id` names its folder.

    data: the user's folders by data set; a data set that is not there is looked for in the cache.
    bases: the cohorts that a derived one is made from. names: what the paper calls it, its own name last.
    """

    id: str
    builder: str
    source: str
    own_data: bool
    seed: int
    data: Mapping[str, str]
    parameters: Mapping[str, Any]
    names: tuple[str, ...]
    bases: tuple[CohortPlan, ...] = ()

    @property
    def spec(self) -> dict[str, Any]:
        return describe("cohorts", self.builder)

    @property
    def dims(self) -> int:
        """Of its images: 2 or 3; a derived cohort that does not say has its base's."""
        own = self.spec["dims"]
        return int(own) if own else self.bases[0].dims

    def chain(self) -> list[CohortPlan]:
        """This plan and all that it is made from."""
        return [self, *(part for base in self.bases for part in base.chain())]

    def leaves(self) -> list[CohortPlan]:
        """Those that it is made from in the end, which are made from no other; itself where it is not derived."""
        return [part for part in self.chain() if not part.bases]

    @property
    def wants_sheet(self) -> bool:
        """Whether a person must look at it before anything is registered: it is real, or made from another."""
        return bool(self.bases) or self.source in (*REAL_SOURCES, "package")

    @property
    def datasets(self) -> tuple[str, ...]:
        """The data sets whose files it reads itself, as `data` and config/datasets.csv call them."""
        return datasets_of(self.builder) if self.source not in ("simulated", DERIVED) else ()

    @property
    def fetched(self) -> tuple[str, ...]:
        """Its data sets that come from the cache."""
        return tuple(dataset for dataset in self.datasets if dataset not in self.data)

    @property
    def available(self) -> bool:
        """Whether its data may be had: simulated, carried by a package, asked for, or pointed to."""
        if self.bases:
            return all(base.available for base in self.bases)
        return self.source != "local" or not self.fetched

    def code(self) -> list[Path]:
        return closure([modules("cohorts")[self.builder]])

    def expected_cases(self) -> dict[str, int] | None:
        """How many cases it will have by split, where its COHORT says so (`cases`: formulas of the parameters); else None."""
        formulas = self.spec.get("cases")
        if formulas == OF_ITS_BASE:
            return self.bases[0].expected_cases()
        if formulas is None:
            return None
        names = {"__builtins__": {}, "len": len, "sum": sum, "max": max, "round": round, **self.parameters}
        return {split: eval(formula, dict(names)) for split, formula in formulas.items()}


def datasets_of(builder: str) -> tuple[str, ...]:
    """The data sets that a cohort builder reads: those that its COHORT names, else the one of its own name."""
    return tuple(describe("cohorts", builder).get("datasets", [builder]))


def readers_of(dataset: str) -> tuple[str, ...]:
    """The cohort builders that read a data set."""
    return tuple(name for name in modules("cohorts") if dataset in datasets_of(name))


@dataclass(frozen=True)
class Choice:
    """A paper's declared cohorts with the user's `sources` (cohort or `all`: source) and `data` (data set: folder)."""

    slug: str
    scale: str
    declared: Mapping[str, Mapping[str, Any]]
    sources: Mapping[str, str]
    data: Mapping[str, str]

    def plan(self, name: str, asked: str | None = None) -> CohortPlan:
        """The plan of a declared cohort, or of the builder of that name.

        A cohort whose entry has `real` gives way to that one where a real source is asked for, or data of it are named; what
        is asked of all cohorts leaves those alone whose real data cannot be had that way.
        asked: the source asked for a cohort that needs this one. Raises InputError for a source that it does not have.
        """
        entry = self.declared.get(name, {"use": name})
        identity = f"{self.slug}.{name}" if name in self.declared else name
        named = self.sources.get(identity) or self.sources.get(name)
        wanted = named or asked or self.sources.get(EVERY)
        if "real" in entry and wanted in (*REAL_SOURCES, None):
            real = self.plan(entry["real"], wanted or "public")
            if (wanted and (named or asked or real.available)) or any(part.data for part in real.chain()):
                return replace(real, names=(name, *real.names))
        spec = describe("cohorts", entry["use"])
        bases = self._bases(name, entry, spec, wanted)
        own = {d: str(self.data[d]) for d in datasets_of(entry["use"]) if self.data.get(d)}
        source = self._source(name, entry, named, wanted, every=len(own) == len(datasets_of(entry["use"])))
        layers = entry.get("with", {}), entry.get(self.scale, {})
        return CohortPlan(
            id=identity,
            builder=entry["use"],
            source=source,
            own_data=bool(entry.get("own_data", bool(bases) and all(base.own_data for base in bases))),
            seed=int(entry.get("seed", 0)),
            data=own if source == "local" or (source == "public" and named != "public") else {},
            parameters=merge_parameters(f"cohort {name}", spec["parameters"], *layers),
            names=(name,),
            bases=bases,
        )

    def _bases(
        self, name: str, entry: Mapping[str, Any], spec: Mapping[str, Any], wanted: str | None
    ) -> tuple[CohortPlan, ...]:
        of = entry.get("of", [])
        if bool(of) != (spec["sources"] == [DERIVED]):
            todo = "remove `of`" if of else "give `of`"
            raise InputError(f"`of` for a cohort that is made from another: {name}", f"{dict(entry)}", todo)
        bases = tuple(self.plan(base, wanted) for base in ([of] if isinstance(of, str) else of))
        if len(bases) > 1 and not spec.get("several"):
            raise InputError(f"one cohort that {name} is made from", f"{len(bases)}", "correct `of`, or use joined")
        return bases

    @staticmethod
    def _source(name: str, entry: Mapping[str, Any], named: str | None, wanted: str | None, *, every: bool) -> str:
        """The source asked for by name, else one that was asked for in general and fits, else what needs no asking.

        every: the user named a folder for each of its data sets.
        """
        known = describe("cohorts", entry["use"])["sources"]
        if known == [DERIVED]:
            return DERIVED
        for asked in (named, entry.get("source")):
            if asked and asked not in known:
                raise InputError(f"a source of cohort {name} among {known}", repr(asked), "correct `sources`")
        own = every and "local" in known
        if named or (wanted in REAL_SOURCES and wanted in known):
            return "local" if own and not named else str(wanted)
        if "source" in entry:
            return str(entry["source"])
        if own and known[0] in REAL_SOURCES:
            return "local"
        return next((source for source in known if source in UNASKED_SOURCES), "local")
