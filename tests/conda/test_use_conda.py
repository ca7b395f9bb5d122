"""`--use-conda` with a real conda: Snakemake makes every environment of `envs/`, and each rule runs inside its own.

conda comes from the package index; the packages of its channel stand in for those of conda-forge (channel.py), and what an
environment takes from the package index is really installed. What this cannot prove stands in docs/environments.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from channel import interpreter, stand_ins, write_channel

from environments import environments, read_environment
from wbir.discovery import describe
from wbir.files import read_rows

pytestmark = [pytest.mark.conda, pytest.mark.slow]
HERE = Path(__file__).parent
# A method of each stack, and packages that one environment alone has: the others must not see them.
METHODS = {
    "identity": "torch",
    "demons": "simpleitk",
    "ants_registration": "ants",
    "elastix": "elastix",
    "greedy": "greedy",
}
ENGINES = {"ants": "ants", "itk": "elastix", "picsl_greedy": "greedy", "numba": "torch"}
CONDARC = {"solver": "classic", "channel_priority": "strict", "default_channels": []}
Run = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Start:
    """One start of Python in an environment: what it takes for its own, what conda calls active, the command line."""

    prefix: str
    active: str
    command: list[str]


@pytest.fixture(scope="module")
def conda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conda in an environment of its own: its program. Skips where the package index is out of reach."""
    base = tmp_path_factory.mktemp("conda") / "base"
    venv.create(base, with_pip=True)
    command = [base / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "-r", HERE / "requirements.txt"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "(from versions: none)" in done.stderr:
        pytest.skip("pip reaches no package index: no conda to test --use-conda with")
    assert done.returncode == 0, done.stderr
    program = base / "bin" / "conda"
    program.write_text(f"#!{base}/bin/python\n" + (HERE / "launcher.py").read_text())
    program.chmod(0o755)
    (base / "bin" / "activate").write_text(f'eval "$({program} shell.posix activate "$@")"\n')
    return program


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    """The file to which every Python of an environment writes."""
    return tmp_path / "witness.jsonl"


@pytest.fixture
def settings(conda: Path, tmp_path: Path, witness: Path) -> dict[str, str]:
    """Variables of a user who has conda, and whose conda-forge is the channel of stand-ins on this disk."""
    home, programs = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    programs.mkdir()
    (programs / "conda").symlink_to(conda)
    (home / ".condarc").write_text(yaml.safe_dump({**CONDARC, "channel_alias": f"file://{tmp_path}/channels"}))
    specs = {spec.split("=")[0] for path in environments().values() for spec in read_environment(path).conda}
    packages = [interpreter(witness), *stand_ins(sorted(specs - {"python"}), tmp_path / "links")]
    write_channel(tmp_path / "channels" / "conda-forge", packages)
    cache = subprocess.run([sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=False)
    return {
        "HOME": str(home),
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PIP_CACHE_DIR": cache.stdout.strip(),
        "CONDA_OVERRIDE_CUDA": "",  # does not look for a GPU
    }


def declare_paper(clone: Path) -> None:
    """A made-up paper with a method of every stack, as small as can be; SSIM needs a package that other metrics do not."""
    paper = {
        "title": "Every stack",
        "reference": "none",
        "summary": "One method of each stack on one pair.",
        "cohorts": {"shapes": {"use": "letters", "with": {"size": 32}}},
        "methods": {name: {"use": name, "with": describe("methods", name)["tiny"]} for name in METHODS},
        "experiments": {"one": {"cohort": "shapes", "methods": list(METHODS), "measures": ["dice", "ssim"]}},
        "tables": {
            "table-1": {
                "title": "Overlap",
                "place": "Table 1",
                "rows": {"by": "method"},
                "columns": {"by": "metric", "items": {"dice": "Dice"}},
                "cells": {"experiment": "one"},
            }
        },
        "claims": [],
    }
    folder = clone / "config" / "papers" / "99-every-stack"
    folder.mkdir()
    (folder / "paper.yaml").write_text(yaml.safe_dump(paper, sort_keys=False))
    (folder / "reported.csv").write_text("table,row,column,value,spread\n")


def made(clone: Path) -> dict[str, Path]:
    """The environments that Snakemake made, by stack: beside each it keeps a copy of the file that it was made from."""
    files = {path.read_text(): stack for stack, path in environments().items()}
    return {files[copy.read_text()]: copy.with_suffix("") for copy in (clone / ".snakemake/conda").glob("*.yaml")}


def starts(witness: Path) -> list[Start]:
    return [Start(*json.loads(line)) for line in witness.read_text().splitlines()]


def test_every_environment_is_made_and_rules_run_inside(
    clone: Path, snakemake: Run, settings: dict[str, str], witness: Path
) -> None:
    declare_paper(clone)
    snakemake("--use-conda", "--conda-create-envs-only", "--cores", "1", "99-every-stack", **settings)
    folders = made(clone)
    assert sorted(folders) == sorted(environments())
    for stack, folder in folders.items():
        look = f"from importlib.util import find_spec; print(*[m for m in {list(ENGINES)} if find_spec(m)])"
        found = subprocess.run([folder / "bin/python", "-c", look], capture_output=True, text=True, check=True)
        assert found.stdout.split() == [m for m, owner in ENGINES.items() if owner == stack], f"engines in {stack}"

    witness.unlink()
    snakemake("--use-conda", "--cores", "2", "99-every-stack", **settings)
    jobs = {
        (s.command[s.command.index("wbir") + 1], s.prefix, s.active) for s in starts(witness) if "wbir" in s.command
    }
    inside = {stack: (str(folder), str(folder)) for stack, folder in folders.items()}
    wanted = {("cohort", *inside["torch"]), *(("predict", *inside[stack]) for stack in METHODS.values())}
    wanted |= {(name, *inside["present"]) for name in ("collect", "claims", "exhibit")}
    assert jobs == wanted
    rows = read_rows(clone / "results/demo/99-every-stack/measurements.csv")
    assert {row["method"] for row in rows} == set(METHODS)
    assert {row["status"] for row in rows} == {"ok"}


def test_an_environment_that_cannot_be_solved_stops_the_run(
    clone: Path, snakemake: Run, settings: dict[str, str]
) -> None:
    path = clone / "envs" / "torch.yaml"
    path.write_text(path.read_text().replace("numpy=", "numpy=9"))
    done = snakemake("--use-conda", "--cores", "1", "22-variational-principle", check=False, **settings)
    assert done.returncode != 0
    assert "Could not create conda environment" in done.stdout + done.stderr
    assert not list(clone.glob("results/**/manifest.json")), "no job has run"
