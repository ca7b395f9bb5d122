"""What a run with isolated environments or on a cluster needs: conda, Slurm. The demo needs neither."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from wbir.doctor.findings import Finding, Place, output_of

LEAST_CONDA = (24, 7, 1)  # of Snakemake
SLURM_CONFS = (Path("/etc/slurm/slurm.conf"), Path("/etc/slurm-llnl/slurm.conf"))


def check_conda(place: Place) -> Finding:
    if shutil.which("conda") is None:
        return Finding("conda", "ok", "none: only --use-conda needs it")
    said = output_of(["conda", "--version"], seconds=20)
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", said or "")
    if not found:
        return Finding("conda", "note", "does not tell its version", "see `conda --version`; only --use-conda needs it")
    if tuple(map(int, found.groups())) < LEAST_CONDA:
        least = ".".join(map(str, LEAST_CONDA))
        todo = f"--use-conda needs {least} or newer: conda update -n base conda"
        return Finding("conda", "note", f"{found[0]} is too old", todo)
    return Finding("conda", "ok", f"{found[0]}, new enough for --use-conda")


def check_slurm(place: Place) -> Finding:
    """Slurm's programs, its configuration, and whether its controller answers within five seconds."""
    named = os.environ.get("SLURM_CONF")
    conf = next((path for path in ([Path(named)] if named else SLURM_CONFS) if path.is_file()), None)
    if shutil.which("sinfo") is None:
        if conf is None:
            return Finding("slurm", "ok", "none: only a run on a cluster needs it")
        return Finding(
            "slurm", "note", f"{conf}, but no sinfo on PATH", "load Slurm's module, or submit from a login node"
        )
    partitions = output_of(["sinfo", "--noheader", "--format=%P"], seconds=5)
    if partitions:
        return Finding("slurm", "ok", f"answers, partitions {', '.join(partitions.split())}")
    if conf is None:
        return Finding("slurm", "ok", "programs without a configuration: not used here")
    todo = "start slurmctld, or take the file away (unset SLURM_CONF): every start of Snakemake waits 10 s for it"
    return Finding("slurm", "note", f"{conf}, but no slurmctld answers", todo)
