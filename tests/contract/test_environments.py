"""conda environments: what the code of their rules imports, no more and no less, at the versions of the lock file."""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from environments import conda_name, environments, locked, read_environment
from reach import Place, packages_of, whole
from wbir.__main__ import build_parser
from wbir.discovery import REPOSITORY as ROOT
from wbir.discovery import describe, modules

STACKS = list(environments())
# What a command imports by a name that only the run knows: rooms of the library; `predict` and `fit` import one method each.
ROOMS = {"predict": ["measures", "nets"], "fit": ["nets"], "cohort": [], "exhibit": ["figures", "nets"]}


def rules() -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")))


def presenting() -> list[str]:
    """The commands of the rules that run in `present`; of `predict`, only the joining of shards."""
    calls = re.findall(r'environment\("present"\)\s+shell:\s+"python -m wbir ([a-z-]+)(.*)', rules())
    return ["predict --shards" if "--shards" in options else name for name, options in calls]


def command(name: str) -> list[Place]:
    """All that a command may run: its own functions, and the declaration of the command line."""
    if name == "predict --shards":
        return [("wbir.gathering", "gather_unit")]
    parser = next(a for a in build_parser()._actions if a.dest == "command").choices[name]  # type: ignore[index]
    functions = [parser.get_default(key) for key in ("run", "record")]
    own = [(function.__module__, function.__name__) for function in functions if function]
    groups = [(f"wbir.commands.{group}", "") for group in modules("commands")]
    rooms = [place for room in ROOMS.get(name, []) for file in modules(room) for place in whole(f"wbir.{room}.{file}")]
    return [*whole("wbir.__main__"), *groups, *own, *rooms]


def code_of(stack: str) -> list[Place]:
    """Where the code of all rules of a stack begins."""
    if stack == "present":
        return [place for name in presenting() for place in command(name)]
    found = []
    for room in ("methods", "cohorts"):
        for name in modules(room):
            spec = describe(room, name)
            if spec["stack"] == stack:
                jobs = ["cohort"] if room == "cohorts" else ["predict", *(["fit"] if spec["kind"] == "learned" else [])]
                found += [*whole(f"wbir.{room}.{name}"), *(place for job in jobs for place in command(job))]
    return found


@pytest.mark.parametrize("stack", STACKS)
def test_an_environment_has_what_its_rules_import_and_no_more(stack: str) -> None:
    environment = read_environment(environments()[stack])
    pip = {canonicalize_name(spec.split("==")[0]) for spec in environment.pip}
    listed = {spec.split("=")[0] for spec in environment.conda} | pip
    providers = packages_distributions()
    needed = {
        package: {conda_name(d) for d in providers.get(package, [package])} for package in packages_of(code_of(stack))
    }
    missing = sorted(package for package, names in needed.items() if not names & listed)
    assert not missing, f"envs/{stack}.yaml lacks what provides {missing}"
    # What pip installs may be pinned together with what it requires: pip would take any version of that.
    together = {Requirement(line).name for name in pip for line in requires(name) or []} & pip
    surplus = sorted(listed - set().union(*needed.values()) - together - {"python", *(["pip"] if pip else [])})
    assert not surplus, f"envs/{stack}.yaml has {surplus}, which no rule of its own imports"


@pytest.mark.parametrize("stack", STACKS)
def test_an_environment_is_pinned_to_the_lock(stack: str) -> None:
    from rattler import MatchSpec

    environment = read_environment(environments()[stack])
    assert environment.channels == ["conda-forge"]
    pins = {conda_name(name): version for name, version in locked().items()}
    for spec in environment.conda:
        parsed = MatchSpec(spec, strict=True)
        name = parsed.name.normalized  # type: ignore[union-attr]
        wanted = {"python": "3.11.*", "pip": None}.get(name, f"{pins.get(name)}.*")
        assert (str(parsed.version) if parsed.version else None) == wanted, f"{spec} in envs/{stack}.yaml"
    for spec in environment.pip:
        wanted_pip = Requirement(spec)
        assert str(wanted_pip.specifier) == f"=={locked()[canonicalize_name(wanted_pip.name)]}", spec
    assert not environment.pip or "pip" in environment.conda, "conda wants pip named where pip installs"


def test_every_rule_that_runs_a_command_was_looked_at() -> None:
    commands = set(re.findall(r'"python -m wbir ([a-z-]+)', rules()))
    assert commands == {"cohort", "fit", "predict", *(name.split()[0] for name in presenting())}
    assert rules().count("conda:") == rules().count("shell:"), "every rule has an environment"


def test_torch_is_pinned_to_the_version_that_all_share() -> None:
    assert locked()["torch"] == "2.13.0"


def test_every_stack_has_an_environment_and_every_environment_a_stack() -> None:
    stacks = {describe(room, name)["stack"] for room in ("methods", "cohorts") for name in modules(room)}
    assert stacks | {"present"} == set(STACKS)
