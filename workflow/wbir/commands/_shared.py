"""What the commands share: how one is declared, and how its options are read."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbir.errors import InputError

if TYPE_CHECKING:
    from wbir.papers import Paper

Command = Callable[[argparse.Namespace], None]
Commands = Any  # argparse keeps the type of its sub-parsers private


def add_command(commands: Commands, name: str, run: Command, what: str, example: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=what,
        description=what,
        epilog=f"example:  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_scale(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scale", default="demo", help="demo, bench or paper (default: demo)")
    add_data(parser)


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--source", action="append", default=[], metavar="COHORT=SOURCE", help="where a cohort comes from"
    )
    parser.add_argument("--data", action="append", default=[], metavar="DATASET=FOLDER", help="your copy of a data set")


def chosen_paper(options: argparse.Namespace, slug: str | None = None) -> Paper:
    from wbir.papers import load_paper

    pairs = {name: named_values(getattr(options, name), f"--{name}") for name in ("source", "data")}
    return load_paper(slug or options.paper, options.scale, pairs["source"], pairs["data"])


def named_values(entries: Sequence[str], option: str) -> dict[str, str]:
    for entry in entries:
        if "=" not in entry:
            raise InputError(f"{option} NAME=VALUE", repr(entry), "write both sides")
    return dict(entry.split("=", 1) for entry in entries)


def results_folder(options: argparse.Namespace) -> Path:
    return options.results or Path("results") / options.scale


def cohort_folder(options: argparse.Namespace, cohort: str) -> Path:
    return options.cohort or Path("results") / options.scale / "cohorts" / cohort


def chosen_device(options: argparse.Namespace, spec: Mapping[str, Any]) -> str:
    """`auto` is a GPU where the method asks for one and there is one, but the CPU at the demo scale; torch comes late."""
    if options.device != "auto":
        return options.device
    if not spec.get("gpu") or options.scale == "demo":
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
