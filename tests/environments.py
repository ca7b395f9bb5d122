"""The conda environments of `envs/` and the lock file, as tests read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml
from packaging.utils import canonicalize_name

from wbir.discovery import REPOSITORY

# Distributions that conda-forge calls otherwise, by their canonical names.
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


@dataclass(frozen=True)
class Environment:
    """A file of `envs/`: its channels, what conda installs, and what pip installs afterwards, as written."""

    channels: list[str]
    conda: list[str]
    pip: list[str]


def environments() -> dict[str, Path]:
    """The files by the stack that they serve."""
    return {path.stem: path for path in sorted((REPOSITORY / "envs").glob("*.yaml"))}


def read_environment(path: Path) -> Environment:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries = content["dependencies"]
    from_pip = [spec for entry in entries if isinstance(entry, dict) for spec in entry["pip"]]
    return Environment(content["channels"], [entry for entry in entries if isinstance(entry, str)], from_pip)


def conda_name(distribution: str) -> str:
    """What conda-forge calls a distribution of the package index."""
    name = canonicalize_name(distribution)
    return CONDA_NAMES.get(name, name)


def locked() -> dict[str, str]:
    """Versions of the lock file by canonical name. Fails where a line is no exact pin."""
    lines = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "the lock pins every package exactly"
    return {canonicalize_name(name): version for name, version in pairs}
