"""`wbir cohort-sheet`, `wbir collect`, `wbir exhibit`, `wbir claims`, `wbir report`: from results to what is read."""

from __future__ import annotations

import argparse
from pathlib import Path

from wbir.commands._shared import Command, Commands, add_command, add_scale, chosen_paper, results_folder


def add(commands: Commands) -> None:
    """Declare the commands."""
    entries: list[tuple[str, Command, str, str]] = [
        (
            "cohort-sheet",
            run_cohort_sheet,
            "Draw cases of a paper's cohorts with their numbers, those of a derived cohort below the ones that they came from.",
            "wbir cohort-sheet 24-pediatric RR-15",
        ),
        (
            "collect",
            run_collect,
            "Collect the measurements of a paper into one table, and judge methods by the controls.",
            "wbir collect 17-csngf",
        ),
        ("exhibit", run_exhibit, "Make tables and figures of a paper.", "wbir exhibit 17-csngf table-1"),
        ("claims", run_claims, "Give every claim of a paper its verdict.", "wbir claims 17-csngf"),
    ]
    for name, run, what, example in entries:
        parser = add_command(commands, name, run, what, example)
        add_scale(parser)
        parser.add_argument("paper", help="the paper's slug")
        parser.add_argument("--results", type=Path, help="the results folder (default: results/<scale>)")
        if name == "cohort-sheet":
            parser.add_argument("cohorts", nargs="*", help="names of cohorts (default: all that are real or derived)")
        if name == "exhibit":
            parser.add_argument("exhibits", nargs="*", help="ids of tables and figures (default: all)")
    what = "Write the scoreboard over all papers of the proceedings."
    parser = add_command(commands, "report", run_report, what, "wbir report --scale demo")
    parser.add_argument("--scale", default="demo", help="demo, bench or paper (default: demo)")
    parser.add_argument("--results", type=Path, help="the results folder (default: results/<scale>)")


def run_cohort_sheet(options: argparse.Namespace) -> None:
    """`wbir cohort-sheet`."""
    from wbir.cohort_sheet import write_sheets

    write_sheets(chosen_paper(options, options.paper), results_folder(options), options.cohorts)


def run_collect(options: argparse.Namespace) -> None:
    """`wbir collect`."""
    from wbir.collecting import collect

    collect(chosen_paper(options, options.paper), results_folder(options))


def run_exhibit(options: argparse.Namespace) -> None:
    """`wbir exhibit`."""
    from wbir.exhibits import make_exhibits
    from wbir.results import PaperResults

    paper = chosen_paper(options, options.paper)
    make_exhibits(PaperResults(paper, results_folder(options)), options.exhibits)


def run_claims(options: argparse.Namespace) -> None:
    """`wbir claims`."""
    from wbir.claims import write_claims
    from wbir.results import PaperResults

    write_claims(PaperResults(chosen_paper(options, options.paper), results_folder(options)))


def run_report(options: argparse.Namespace) -> None:
    """`wbir report`."""
    from wbir.scoreboard import write_scoreboard

    write_scoreboard(results_folder(options), options.scale)
