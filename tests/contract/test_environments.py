"""conda environments carry the versions of the lock file, and nothing floats."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from wbir.discovery import REPOSITORY as ROOT
from wbir.discovery import describe, modules

CONDA_NAMES = {"pytorch": "torch"}  # where conda's name differs from the registry's


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), "the lock pins every package exactly"
    return {name.lower().replace("_", "-"): version for name, version in pairs}


@pytest.mark.parametrize("path", sorted((ROOT / "envs").glob("*.yaml")), ids=lambda p: p.stem)
def test_environment_equals_the_lock(path: Path) -> None:
    versions = locked()
    entries = yaml.safe_load(path.read_text())["dependencies"]
    from_pip = [line for entry in entries if isinstance(entry, dict) for line in entry["pip"]]
    for entry in from_pip:
        name, version = re.fullmatch(r"([a-z0-9-]+)==([0-9.]+)", entry).groups()  # type: ignore[union-attr]
        assert versions[name] == version, name
    assert not from_pip or "pip" in entries
    for entry in entries:
        if isinstance(entry, dict) or entry == "pip":
            continue
        name, version = re.fullmatch(r"([a-z0-9-]+)=([0-9.]+)", entry).groups()  # type: ignore[union-attr]
        if name == "python":
            assert version == "3.11"
        else:
            assert versions[CONDA_NAMES.get(name, name)] == version, name


def test_torch_is_pinned_to_the_version_that_all_share() -> None:
    assert locked()["torch"] == "2.13.0"


def test_every_stack_has_an_environment() -> None:
    stacks = {describe(room, name)["stack"] for room in ("methods", "cohorts") for name in modules(room)}
    missing = sorted(stacks - {path.stem for path in (ROOT / "envs").glob("*.yaml")})
    assert not missing
