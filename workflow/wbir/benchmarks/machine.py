"""The machine that a benchmark ran on, and how busy it was."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

DISTRIBUTIONS = (
    "torch",
    "numba",
    "numpy",
    "scipy",
    "SimpleITK",
    "monai",
    "voxelmorph",
    "neurite",
    "convexAdam",
    "hf-deepali",
    "surface-distance",
)


def describe_machine() -> dict[str, Any]:
    """Processor, cores, threads, versions (those that are installed) and the load average of the last minutes."""
    import torch

    versions = {}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_average": list(os.getloadavg()),
        "python": platform.python_version(),
        "versions": versions,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
