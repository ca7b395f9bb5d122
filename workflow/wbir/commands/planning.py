"""`wbir plan`: what a run will cost, before it is started."""

from __future__ import annotations

import argparse
from pathlib import Path

from wbir.commands._shared import Commands, add_command, add_data, named_values


def add(commands: Commands) -> None:
    """Declare the command."""
    what = (
        "Say what a run will cost: jobs, cases, hours, memory, disk, and the longest chain; at most, as the SPECs of methods and"
        " cohorts allow, and beside it as earlier runs lead to expect, where they say anything."
    )
    parser = add_command(commands, "plan", run_plan, what, "wbir plan 17-csngf --scale paper --dag")
    parser.add_argument("papers", nargs="*", metavar="PAPER", help="papers or studies (default: all papers)")
    parser.add_argument("--scale", default="paper", help="demo, bench, paper, or several with commas (default: paper)")
    add_data(parser)
    parser.add_argument(
        "--earlier",
        type=Path,
        action="append",
        metavar="FOLDER",
        help="a folder of results/<scale>/ of earlier runs (default: results)",
    )
    parser.add_argument("--dag", action="store_true", help="also let Snakemake plan it, and say how long that takes")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write a page, as docs/scale.md is one")


def run_plan(options: argparse.Namespace) -> None:
    """`wbir plan`."""
    from wbir.papers import slugs
    from wbir.planning.page import plan, print_plan, write_page

    choice = {name: named_values(getattr(options, name), f"--{name}") for name in ("source", "data")}
    folders, papers = options.earlier or [Path("results")], options.papers or slugs()
    plans = [
        plan(papers, scale, choice["source"], choice["data"], folders, dag=options.dag)
        for scale in options.scale.split(",")
    ]
    if options.markdown:
        write_page(plans, options.markdown)
    else:
        print_plan(plans)
