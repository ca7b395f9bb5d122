"""Data that a Python package carries: pip fetches the pinned wheel from the user's package index, and installs nothing."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from wbir.data.catalogue import Remote
from wbir.data.checksums import matches
from wbir.errors import InputError
from wbir.files import written_whole


def fetch_wheel(source: Remote, folder: Path | str, *, timeout_s: float = 1800) -> Path:
    """The wheel `source.file` inside `folder`, downloaded by `pip download` if it is not there; returns its path.

    pip compares the registry's SHA-256 (`--require-hashes`) and we compare it again. A wheel that a person put into
    `folder` by hand serves as well. No dependency is fetched and no code of the package is run.

    Raises InputError where the wheel cannot be had or has another checksum.
    """
    target = Path(folder) / source.file
    if target.is_file() and matches(target, source.checksum):
        return target
    requirement = pinned(source)
    with tempfile.TemporaryDirectory(prefix="wheel-") as name:
        temporary = Path(name)
        listing = temporary / "requirements.txt"
        listing.write_text(requirement + "\n", encoding="utf-8")
        _pip_download(source, listing, temporary, target, timeout_s)
        wheel = temporary / source.file
        if not wheel.is_file() or not matches(wheel, source.checksum):
            raise InputError(f"{source.file} with {source.checksum}", "another file from pip", _todo(source, target))
        with written_whole(target) as whole:
            whole.write_bytes(wheel.read_bytes())
    return target


def pinned(source: Remote) -> str:
    """The requirement `name==version --hash=sha256:…` of a wheel's catalogue row."""
    parts = source.file.split("-")
    if source.access != "package" or not source.file.endswith(".whl") or len(parts) < 5:
        raise InputError(
            "a wheel of a package in config/datasets.csv", f"{source.file} ({source.access})", "correct the row"
        )
    if not source.checksum.startswith("sha256:"):
        raise InputError(f"the registry's SHA-256 of {source.file}", source.checksum, "add it to config/datasets.csv")
    return f"{parts[0]}=={parts[1]} --hash={source.checksum}"


def _pip_download(source: Remote, listing: Path, folder: Path, target: Path, timeout_s: float) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--no-input",
    ]
    command += ["--disable-pip-version-check", "--quiet", "-r", str(listing), "-d", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"the wheel {source.file}", f"no end after {timeout_s:g} s", _todo(source, target)) from error
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        reason = next((line for line in reversed(lines) if "ERROR" in line), lines[-1] if lines else "no message")
        raise InputError(f"the wheel {source.file} by pip", reason.strip(), _todo(source, target))


def _todo(source: Remote, target: Path) -> str:
    name = pinned(source).split()[0]
    command = f"python -m pip download --no-deps {name}"
    return f"where there is a network, run `{command}`, and put {source.file} into {target.parent}"
