"""`wbir site`: the results as pages to read."""

from __future__ import annotations

import argparse
from pathlib import Path

from wbir.commands._shared import Commands, add_command, add_scale, named_values, results_folder
from wbir.errors import InputError


def add(commands: Commands) -> None:
    """Declare the command."""
    what = "Write the results as a site that opens from disk: a front page, a page per paper, a viewer of cases."
    parser = add_command(commands, "site", run_site, what, "wbir site --scale demo")
    add_scale(parser)
    parser.add_argument("--results", type=Path, help="the results folder (default: results/<scale>)")
    parser.add_argument("--out", type=Path, help="the folder of the site (default: reports/<scale>)")


def run_site(options: argparse.Namespace) -> None:
    """`wbir site`."""
    from wbir.papers import SCALES
    from wbir.site.build import Choices, build_site

    if options.scale not in SCALES:
        raise InputError(f"a scale among {SCALES}", repr(options.scale), "correct --scale")

    pairs = {name: named_values(getattr(options, name), f"--{name}") for name in ("source", "data")}
    choices = Choices(options.scale, pairs["source"], pairs["data"])
    build_site(results_folder(options), options.out or Path("reports") / options.scale, choices)
