"""`wbir try`: what the methods that want a GPU make of this one, for `wbir plan`."""

from __future__ import annotations

import argparse
from pathlib import Path

from wbir.commands._shared import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command."""
    what = (
        "Run every method that wants a GPU for a few steps on made-up cases of the scale's size, and keep the times, so that"
        " `wbir plan --earlier FOLDER` says what a run costs on this machine. The results mean nothing else."
    )
    parser = add_command(commands, "try", run_try, what, "wbir try 26-bounding-box --scale paper --out trial")
    parser.add_argument("papers", nargs="*", metavar="PAPER", help="papers (default: all)")
    parser.add_argument("--scale", default="paper", help="demo, bench or paper (default: paper)")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1 or cpu (default: cuda)")
    parser.add_argument("--steps", type=int, default=10, help="of a training, and three times as many (default: 10)")
    parser.add_argument("--minutes", type=float, default=2.0, help="after which a unit is given up (default: 2)")
    parser.add_argument("--jobs", type=int, default=1, help="units at once (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("trial"), help="the folder to write into (default: trial)")


def run_try(options: argparse.Namespace) -> None:
    """`wbir try`."""
    from wbir.papers import load_paper, slugs
    from wbir.trying import try_units

    wanted = [
        unit
        for paper in (load_paper(slug, options.scale) for slug in options.papers or slugs())
        for unit in paper.units()
        if unit.spec["gpu"] and unit.seed == paper.seeds(unit.experiment)[0]
    ]
    out = options.out / options.scale
    try_units(wanted, out, device=options.device, steps=options.steps, minutes=options.minutes, jobs=options.jobs)
