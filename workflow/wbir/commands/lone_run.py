"""`wbir alone`: a run of the workflow that begins where a killed one stopped, and never beside a living one."""

from __future__ import annotations

import argparse

from wbir.commands._shared import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command."""
    what = "Run Snakemake as the only run of this folder: remove the lock of a dead run, stop beside a living one."
    parser = add_command(commands, "alone", run_alone, what, "wbir alone snakemake --cores all 17-csngf")
    parser.add_argument(
        "snakemake", nargs=argparse.REMAINDER, metavar="snakemake ...", help="the command, as it would be typed alone"
    )


def run_alone(options: argparse.Namespace) -> None:
    """`wbir alone`."""
    from wbir.errors import InputError
    from wbir.runs import become_only_run

    if not options.snakemake:
        raise InputError("a command after `wbir alone`", "none", "write `wbir alone snakemake --cores all`")
    become_only_run(options.snakemake)
