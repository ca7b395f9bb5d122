"""The command line: every rule of the workflow is one of these commands, typed the same way by a person."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from wbir.errors import InputError

Command = Callable[[argparse.Namespace], None]


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands; each says what it does and gives an example."""
    parser = argparse.ArgumentParser(prog="wbir", description="The papers of WBIR 2022, regenerated.")
    parser.add_argument("--quiet", action="store_true", help="only warnings and errors")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_list(commands)
    _add_cohort(commands)
    _add_units(commands)
    _add_papers(commands)
    return parser


def _command(
    commands: argparse._SubParsersAction, name: str, run: Command, what: str, example: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=what,
        description=what,
        epilog=f"example:  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def _add_scale(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scale", default="demo", help="demo, bench or paper (default: demo)")
    parser.add_argument(
        "--source", action="append", default=[], metavar="COHORT=SOURCE", help="where a cohort comes from"
    )
    parser.add_argument("--data", action="append", default=[], metavar="DATASET=FOLDER", help="your copy of a data set")


def _add_list(commands: argparse._SubParsersAction) -> None:
    what = "List papers, methods, cohorts, metrics and figure kinds, with what each needs."
    parser = _command(commands, "list", run_list, what, "wbir list methods")
    rooms = ["papers", "methods", "cohorts", "metrics", "figures"]
    parser.add_argument("what", nargs="?", choices=rooms, help="only this (default: all)")


def _add_cohort(commands: argparse._SubParsersAction) -> None:
    what = "Build the cohort of a paper's experiment into a folder."
    example = "wbir cohort --paper 17-csngf --cohort brains --out results/demo/cohorts/17-csngf.brains"
    parser = _command(commands, "cohort", run_cohort, what, example)
    _add_scale(parser)
    parser.add_argument("--paper", required=True, help="the paper's slug")
    parser.add_argument("--cohort", required=True, help="the cohort as the paper names it")
    parser.add_argument("--cache", type=Path, default=Path("data"), help="where downloads are kept (default: data)")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")


def _add_units(commands: argparse._SubParsersAction) -> None:
    for name, run, what in (
        ("fit", run_fit, "Train a learned method on a cohort's train split."),
        ("predict", run_predict, "Run a method on every test case of an experiment and measure it."),
    ):
        unit = "--paper 22-variational-principle --experiment letters --method VP-multiresolution"
        example = f"wbir {name} {unit} --out results/demo/22-variational-principle/letters/VP-multiresolution/0"
        parser = _command(commands, name, run, what, example)
        _add_scale(parser)
        parser.add_argument("--paper", required=True, help="the paper's slug")
        parser.add_argument("--experiment", required=True, help="the experiment as the paper names it")
        parser.add_argument("--method", required=True, help="the method as the paper names it")
        parser.add_argument("--seed", type=int, default=0, help="the seed (default: 0)")
        parser.add_argument(
            "--cohort", type=Path, help="the cohort's folder (default: results/<scale>/cohorts/<cohort>)"
        )
        parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 or auto (default: auto)")
        parser.add_argument("--out", type=Path, required=True, help="the folder to write into")
        if name == "predict":
            parser.add_argument("--model", type=Path, help="the trained model of a learned method")


def _add_papers(commands: argparse._SubParsersAction) -> None:
    entries: list[tuple[str, Command, str, str]] = [
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
        parser = _command(commands, name, run, what, example)
        _add_scale(parser)
        parser.add_argument("paper", help="the paper's slug")
        parser.add_argument("--results", type=Path, help="the results folder (default: results/<scale>)")
        if name == "exhibit":
            parser.add_argument("exhibits", nargs="*", help="ids of tables and figures (default: all)")
    what = "Write the scoreboard over all papers of the proceedings."
    parser = _command(commands, "report", run_report, what, "wbir report --scale demo")
    parser.add_argument("--scale", default="demo", help="demo, bench or paper (default: demo)")
    parser.add_argument("--results", type=Path, help="the results folder (default: results/<scale>)")


def run_list(options: argparse.Namespace) -> None:
    """`wbir list`."""
    from wbir.listing import print_listing

    print_listing(options.what)


def run_cohort(options: argparse.Namespace) -> None:
    """`wbir cohort`."""
    from wbir.building import build_cohort

    plan = _paper(options).cohort(options.cohort)
    build_cohort(plan, options.out, cache=options.cache)


def run_fit(options: argparse.Namespace) -> None:
    """`wbir fit`."""
    from wbir.fitting import fit_unit

    unit = _paper(options).unit(options.experiment, options.method, options.seed)
    fit_unit(unit, _cohort_folder(options, unit.cohort.id), options.out, device=_device(options, unit.spec))


def run_predict(options: argparse.Namespace) -> None:
    """`wbir predict`."""
    from wbir.predicting import run_unit

    unit = _paper(options).unit(options.experiment, options.method, options.seed)
    device = _device(options, unit.spec)
    run_unit(unit, _cohort_folder(options, unit.cohort.id), options.out, device=device, model=options.model)


def run_collect(options: argparse.Namespace) -> None:
    """`wbir collect`."""
    from wbir.collecting import collect

    collect(_paper(options, options.paper), _results(options))


def run_exhibit(options: argparse.Namespace) -> None:
    """`wbir exhibit`."""
    from wbir.exhibits import make_exhibits
    from wbir.results import PaperResults

    paper = _paper(options, options.paper)
    make_exhibits(PaperResults(paper, _results(options)), options.exhibits)


def run_claims(options: argparse.Namespace) -> None:
    """`wbir claims`."""
    from wbir.claims import write_claims
    from wbir.results import PaperResults

    write_claims(PaperResults(_paper(options, options.paper), _results(options)))


def run_report(options: argparse.Namespace) -> None:
    """`wbir report`."""
    from wbir.scoreboard import write_scoreboard

    write_scoreboard(_results(options), options.scale)


def _paper(options: argparse.Namespace, slug: str | None = None):  # type: ignore[no-untyped-def]
    from wbir.papers import load_paper

    pairs = {name: _pairs(getattr(options, name), f"--{name}") for name in ("source", "data")}
    return load_paper(slug or options.paper, options.scale, pairs["source"], pairs["data"])


def _pairs(entries: Sequence[str], option: str) -> dict[str, str]:
    for entry in entries:
        if "=" not in entry:
            raise InputError(f"{option} NAME=VALUE", repr(entry), "write both sides")
    return dict(entry.split("=", 1) for entry in entries)


def _results(options: argparse.Namespace) -> Path:
    return options.results or Path("results") / options.scale


def _cohort_folder(options: argparse.Namespace, cohort: str) -> Path:
    return options.cohort or Path("results") / options.scale / "cohorts" / cohort


def _device(options: argparse.Namespace, spec: dict) -> str:
    """`auto` is a GPU where the method asks for one and there is one, but the CPU at the demo scale; torch comes late."""
    if options.device != "auto":
        return options.device
    if not spec.get("gpu") or options.scale == "demo":
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 on success, 2 on input that cannot be used (one line on standard error)."""
    options = build_parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.WARNING if options.quiet else logging.INFO, format="%(message)s", stream=sys.stderr
    )
    try:
        options.run(options)
    except InputError as error:
        print(f"wbir {options.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except OSError as error:
        todo = "check the path, its permissions and the free space"
        print(
            f"wbir {options.command}: expected files that can be read and written, got {error}: {todo}", file=sys.stderr
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
