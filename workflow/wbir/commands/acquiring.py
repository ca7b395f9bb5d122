"""`wbir acquire`: a data set into the cache, or the page that says how it is to be had."""

from __future__ import annotations

import argparse
from pathlib import Path

from wbir.commands._shared import Commands, add_command


def add(commands: Commands) -> None:
    """Declare the command."""
    what = (
        "Bring a data set into the cache: download it where it is open and you accept its terms, else say what to ask for"
        " and where to put it; verify and unpack what is there."
    )
    parser = add_command(commands, "acquire", run_acquire, what, "wbir acquire nirep --accept-terms")
    parser.add_argument("dataset", help="its name in config/datasets.csv")
    parser.add_argument("--cache", type=Path, default=Path("data"), help="where data sets are kept (default: data)")
    parser.add_argument("--catalogue", type=Path, help="the table of data files (default: config/datasets.csv)")
    parser.add_argument("--accept-terms", action="store_true", help="you have read its terms and accept them")


def run_acquire(options: argparse.Namespace) -> None:
    """`wbir acquire`."""
    from wbir.data.acquire import acquire

    accepted = [options.dataset] if options.accept_terms else []
    acquire(options.dataset, options.cache, listing=options.catalogue, accepted=accepted)
