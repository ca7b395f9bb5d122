"""What planning a run costs Snakemake itself: a dry run of all jobs, counted and timed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wbir.discovery import REPOSITORY
from wbir.errors import InputError


@dataclass(frozen=True)
class Dag:
    """Jobs by rule, and the wall time in seconds that a dry run takes to find them."""

    jobs: Mapping[str, int]
    seconds: float


def dry_run(papers: Sequence[str], config: Mapping[str, object]) -> Dag:
    """Plan every job of some papers, done or not, in a process of its own; nothing is run or locked.

    Raises InputError, with Snakemake's last line, where it cannot plan.
    """
    values = [f"{key}={json.dumps(value)}" for key, value in config.items()]
    command = [sys.executable, "-m", "snakemake", *papers, "-n", "--forceall", "--nolock", "--quiet", "rules"]
    started = time.perf_counter()
    done = subprocess.run([*command, "--config", *values], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    rows = re.findall(r"^(\S+) +(\d+)$", done.stdout.partition("Job stats:")[2].partition("\n\n")[0], re.MULTILINE)
    if done.returncode or not rows:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["nothing"]
        raise InputError("a workflow that Snakemake can plan", said[0], "try `snakemake -n` by hand")
    return Dag({rule: int(count) for rule, count in rows if rule not in ("total", *papers)}, seconds)
