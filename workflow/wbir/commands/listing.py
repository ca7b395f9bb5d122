"""`wbir list`: what there is."""

from __future__ import annotations

import argparse

from wbir.commands._shared import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command."""
    what = "List papers, methods, cohorts, data sets, metrics and figure kinds, with what each needs."
    parser = add_command(commands, "list", run_list, what, "wbir list methods")
    rooms = ["papers", "methods", "cohorts", "datasets", "metrics", "figures"]
    parser.add_argument("what", nargs="?", choices=rooms, help="only this (default: all)")


def run_list(options: argparse.Namespace) -> None:
    """`wbir list`."""
    from wbir.listing import print_listing

    print_listing(options.what)
