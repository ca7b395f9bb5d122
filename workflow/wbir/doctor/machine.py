"""Processors, memory, disks, the GPU, and the way out to the network."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from wbir.doctor.findings import Finding, Place, gigabytes, output_of

MEMORY = 2e9  # bytes free for a demo: its largest jobs have 1 GB
ROOM = 1e9  # bytes free for a demo: 0.4 GB of results, and Snakemake's own
ASK_TORCH = (
    "import json, torch; print(json.dumps([torch.__version__, torch.version.cuda, torch.cuda.is_available(),"
    " torch.cuda.device_count()]))"
)
CUDA_BUILD = (
    "install a build for CUDA of the locked version into .venv (pip uninstall torch, then pip install torch==VERSION from the"
    " index that pytorch.org's `Get started` names for your driver); until then GPU jobs run on the CPU"
)


def check_processors(place: Place) -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0]
    says = f"{cores} to use, load {load:.1f}"
    if cores < 2:
        return Finding("processors", "note", says, "the demo takes twice as long as on two")
    if load > 2 * cores:
        return Finding("processors", "note", says, "others are busy here: times that are measured now mean little")
    return Finding("processors", "ok", says)


def check_memory(place: Place) -> Finding:
    free = free_memory()
    if free is None:
        return Finding("memory", "note", "not known here", "the demo needs 2 GB, the paper scale up to 12 GB a job")
    if free < MEMORY / 2:
        return Finding("memory", "problem", f"{gigabytes(free)} free", "the demo's largest jobs take 1 GB: free some")
    if free < MEMORY:
        return Finding("memory", "note", f"{gigabytes(free)} free", "run the demo with make CORES=1 demo")
    return Finding("memory", "ok", f"{gigabytes(free)} free")


def check_disk(place: Place) -> Iterator[Finding]:
    """Room where results and data sets go, or will go."""
    for what, folder in (("results", place.results), ("cache", place.cache)):
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        free = shutil.disk_usage(there).free
        says = f"{gigabytes(free)} free in {there}"
        if not os.access(there, os.W_OK):
            level = "problem" if what == "results" else "note"
            yield Finding(
                f"disk: {what}", level, f"{there} cannot be written to", "give yourself the right, or clone elsewhere"
            )
        elif free < ROOM:
            todo = "make room: the demo needs 1 GB" if what == "results" else "make room, or --config cache=FOLDER"
            yield Finding(f"disk: {what}", "problem" if what == "results" else "note", says, todo)
        else:
            yield Finding(f"disk: {what}", "ok", says)


def check_gpu(place: Place) -> Iterator[Finding]:
    """The GPUs that the driver sees; where there are some, whether torch may use them (asked in a process of its own)."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    if shutil.which("nvidia-smi") is None:
        yield Finding("gpu", "ok", "none here: the demo needs none, at the bench and paper scales networks do")
        return
    cards = (output_of(query, seconds=20) or "").splitlines()
    if not cards:
        yield Finding(
            "gpu",
            "note",
            "nvidia-smi finds none",
            "see `nvidia-smi`: the driver may not be loaded, or no GPU be granted to you",
        )
        return
    yield Finding("gpu", "ok", "; ".join(cards))
    said = output_of([sys.executable, "-c", ASK_TORCH], seconds=60)
    if said is None:
        yield Finding(
            "torch on the gpu", "problem", "torch cannot be imported", "run `make setup` (after removing .venv/ready)"
        )
        return
    version, built_for, usable, count = json.loads(said.splitlines()[-1])
    if usable:
        yield Finding("torch on the gpu", "ok", f"torch {version} uses {count}")
    elif built_for is None:
        todo = CUDA_BUILD.replace("VERSION", version.split("+")[0])
        yield Finding("torch on the gpu", "note", f"torch {version} is built for the CPU alone", todo)
    else:
        todo = "the driver is too old for it, or CUDA_VISIBLE_DEVICES hides the GPU: GPU jobs run on the CPU"
        yield Finding("torch on the gpu", "note", f"torch {version} (CUDA {built_for}) sees no GPU", todo)


def check_proxies(place: Place) -> Finding:
    """Which proxy variables are set; never what they hold, which may be a password."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
    found = [name for name in (*names, *map(str.lower, names)) if os.environ.get(name)]
    return Finding("proxies", "ok", f"set: {', '.join(found)}" if found else "none set: downloads go out directly")


def free_memory(table: Path = Path("/proc/meminfo")) -> float | None:
    """Bytes that a process may have without swapping, or None where the system does not say."""
    try:
        rows = dict(line.split(":", 1) for line in table.read_text(encoding="utf-8").splitlines())
        return float(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
