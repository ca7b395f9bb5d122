"""What all tests share: a copy of the repository in which papers, methods and results may be made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the tracked and new files of the repository, without results."""
    listing = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines()
    target = tmp_path / "clone"
    for name in files:
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.fixture
def snakemake(clone: Path):  # type: ignore[no-untyped-def]
    """Run Snakemake in the copy; a non-zero exit fails the test with the output."""

    def run(*arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "snakemake", *arguments]
        variables = {
            **os.environ,
            "PYTHONPATH": "",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **environment,
        }
        done = subprocess.run(command, cwd=clone, capture_output=True, text=True, env=variables, check=False)
        if check and done.returncode:
            pytest.fail(
                f"{' '.join(arguments)} exited with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
            )
        return done

    return run


@pytest.fixture
def real_data() -> Path:
    """The folder of real data that WBIR_REAL_DATA names; skips where it is not set."""
    folder = os.environ.get("WBIR_REAL_DATA")
    if not folder:
        pytest.skip("WBIR_REAL_DATA is not set: no real data to test on")
    return Path(folder)
