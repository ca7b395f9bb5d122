"""What ran, with what, on what: the content of `manifest.json`."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wbir.discovery import REPOSITORY

# Distribution names of the libraries whose versions can change a number, by the module that shows their use.
LIBRARIES = {
    "numpy": "numpy",
    "numba": "numba",
    "scipy": "scipy",
    "torch": "torch",
    "ants": "antspyx",
    "itk": "itk-elastix",
    "SimpleITK": "simpleitk",
    "nibabel": "nibabel",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "nilearn": "nilearn",
}


def json_digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def commit() -> str:
    """The checked-out commit, with `-dirty` where tracked files differ; `unknown` outside git."""
    try:
        command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def library_versions() -> dict[str, str]:
    """Versions of the libraries that this process has really imported."""
    used = {name: dist for name, dist in LIBRARIES.items() if name in sys.modules}
    versions = {}
    for name, distribution in used.items():
        try:
            versions[name] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "unknown"
    return versions


def device_name(device: str) -> str:
    """The device in words: the GPU's name, or the processor's architecture."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    return f"CPU ({platform.machine()})"


def peak_memory_mb() -> float:
    """The largest resident set of this process so far, in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def manifest(what: Mapping[str, Any], *, device: str, seconds: float) -> dict[str, Any]:
    """Provenance of a run: `what` was run, and commit, device, libraries, wall time and peak memory beside it."""
    return {
        **what,
        "config_digest": json_digest(what),
        "commit": commit(),
        "device": device_name(device),
        "python": platform.python_version(),
        "libraries": library_versions(),
        "wall_seconds": round(seconds, 3),
        "peak_memory_mb": round(peak_memory_mb(), 1),
    }


def joined(what: Mapping[str, Any], manifests: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Provenance of `what` was run in several jobs: the sum of their wall times, the largest of their peak memories.

    Where they differ in commit, device or a library's version, each is named.
    """
    libraries = {name for part in manifests for name in part["libraries"]}
    return {
        **what,
        "config_digest": json_digest(what),
        **{key: _each(part[key] for part in manifests) for key in ("commit", "device", "python")},
        "libraries": {n: _each(p["libraries"][n] for p in manifests if n in p["libraries"]) for n in libraries},
        "wall_seconds": round(sum(part["wall_seconds"] for part in manifests), 3),
        "peak_memory_mb": max(part["peak_memory_mb"] for part in manifests),
        "jobs": len(manifests),
    }


def _each(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(values)))
