"""`wbir doctor`: whether this machine can run the workflow, and what to do where it cannot."""

from __future__ import annotations

import argparse
from pathlib import Path

from wbir.commands._shared import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command."""
    what = (
        "Look over this machine and checkout: software, memory, disks, GPU, conda, Slurm, locks, unfinished work, data sets; a"
        " line for each with what to do. Exit code 1 only for what stops `make demo`."
    )
    parser = add_command(commands, "doctor", run_doctor, what, "wbir doctor --json")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where results go (default: results)")
    parser.add_argument("--cache", type=Path, help="where data sets are kept (default: as config/config.yaml says)")


def run_doctor(options: argparse.Namespace) -> None:
    """`wbir doctor`."""
    import json
    from dataclasses import asdict

    import yaml

    from wbir.discovery import REPOSITORY
    from wbir.doctor.findings import Place, examine

    config = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text(encoding="utf-8"))
    found = examine(Place(REPOSITORY, options.results, options.cache or Path(config["cache"])))
    if options.json:
        print(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        width = max(len(finding.what) for finding in found)
        for finding in found:
            print(f"{finding.level:8}{finding.what:{width}}  {finding.says}")
            if finding.todo:
                print(f"{'':8}{'':{width}}  → {finding.todo}")
    if any(finding.level == "problem" for finding in found):
        raise SystemExit(1)
