"""`wbir study`: a page for docs/results from the results of a study."""

from __future__ import annotations

import argparse
from pathlib import Path

from wbir.commands._shared import Commands, add_command, add_scale, chosen_paper, results_folder


def add(commands: Commands) -> None:
    """Declare the command."""
    what = "Write the page of a study that has been run, with its tables and figures."
    parser = add_command(commands, "study", run_study, what, "wbir study comparison --docs docs/results")
    add_scale(parser)
    parser.add_argument("paper", metavar="STUDY", help="a folder of config/studies")
    parser.add_argument("--results", type=Path, help="the results folder (default: results/<scale>)")
    parser.add_argument("--docs", type=Path, default=Path("docs/results"), help="where the page goes")


def run_study(options: argparse.Namespace) -> None:
    """`wbir study`."""
    from wbir.results import PaperResults
    from wbir.study_page import write_study_page

    print(write_study_page(PaperResults(chosen_paper(options, options.paper), results_folder(options)), options.docs))
