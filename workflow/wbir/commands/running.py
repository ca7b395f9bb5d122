"""`wbir cohort`, `wbir fit`, `wbir predict`: from data to measurements."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from wbir.commands._shared import Commands, add_command, add_scale, chosen_device, chosen_paper, cohort_folder

if TYPE_CHECKING:
    from wbir.records import Shard
    from wbir.supervising import Failure


def add(commands: Commands) -> None:
    """Declare the commands."""
    _add_cohort(commands)
    _add_units(commands)


def _add_cohort(commands: Commands) -> None:
    what = "Build the cohort of a paper's experiment into a folder."
    example = "wbir cohort --paper 17-csngf --cohort brains --out results/demo/cohorts/17-csngf.brains"
    parser = add_command(commands, "cohort", run_cohort, what, example)
    add_scale(parser)
    parser.add_argument("--paper", required=True, help="the paper's slug")
    parser.add_argument("--cohort", required=True, help="the cohort as the paper names it")
    parser.add_argument("--cache", type=Path, default=Path("data"), help="where downloads are kept (default: data)")
    parser.add_argument(
        "--base", type=Path, nargs="+", default=[], help="the folders of the cohorts that a derived one is made from"
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")


def _add_units(commands: Commands) -> None:
    for name, run, what in (
        ("fit", run_fit, "Train a learned method on a cohort's train split."),
        ("predict", run_predict, "Run a method on every test case of an experiment and measure it."),
    ):
        unit = "--paper 22-variational-principle --experiment letters --method VP-multiresolution"
        example = f"wbir {name} {unit} --out results/demo/22-variational-principle/letters/VP-multiresolution/0"
        parser = add_command(commands, name, run, what, example)
        add_scale(parser)
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
            parts = parser.add_mutually_exclusive_group()
            parts.add_argument(
                "--shard", metavar="K/N", help="do the K-th of N parts of the cases, as a folder of records"
            )
            parts.add_argument(
                "--shards", type=Path, nargs="+", metavar="FOLDER", help="join these parts; nothing is computed"
            )
        _add_supervision(parser, record_fit if name == "fit" else record_predict)


def _add_supervision(parser: argparse.ArgumentParser, record: Callable[..., None]) -> None:
    """How a job of the workflow runs: in a process of its own, whose failure is a result."""
    parser.add_argument(
        "--limit", type=float, metavar="MIN", help="minutes that the job has (0: any): a crash or a hang is recorded"
    )
    parser.add_argument("--attempt", type=int, default=1, help="which attempt of the job this is (default: 1)")
    parser.add_argument("--attempts", type=int, default=1, help="how many it may have (default: 1)")
    parser.set_defaults(record=record, go_on=False)


def run_cohort(options: argparse.Namespace) -> None:
    """`wbir cohort`."""
    from wbir.building import build_cohort

    plan = chosen_paper(options).cohort(options.cohort)
    build_cohort(plan, options.out, cache=options.cache, bases=options.base)


def run_fit(options: argparse.Namespace) -> None:
    """`wbir fit`."""
    from wbir.fitting import fit_unit

    unit = chosen_paper(options).unit(options.experiment, options.method, options.seed)
    fit_unit(unit, cohort_folder(options, unit.cohort.id), options.out, device=chosen_device(options, unit.spec))


def run_predict(options: argparse.Namespace) -> None:
    """`wbir predict`."""
    from wbir.fitting import failure_of
    from wbir.gathering import gather_unit
    from wbir.predicting import record_failure, run_unit

    unit = chosen_paper(options).unit(options.experiment, options.method, options.seed)
    folder, shard = cohort_folder(options, unit.cohort.id), _shard(options)
    if options.shards:
        gather_unit(unit, folder, options.shards, options.out)
    elif options.model and (reason := failure_of(options.model)):
        record_failure(unit, folder, options.out, f"fit: {reason}", device="none", shard=shard)
    else:
        device = chosen_device(options, unit.spec)
        run_unit(unit, folder, options.out, device=device, model=options.model, shard=shard)


def _shard(options: argparse.Namespace) -> Shard | None:
    from wbir.records import Shard

    return Shard.parse(options.shard) if options.shard else None


def record_fit(options: argparse.Namespace, failure: Failure) -> None:
    """What a `wbir fit` leaves that did not end."""
    from wbir.fitting import record_failure

    unit = chosen_paper(options).unit(options.experiment, options.method, options.seed)
    record_failure(
        unit,
        cohort_folder(options, unit.cohort.id),
        options.out,
        failure.removeprefix("wbir fit: "),
        device=options.device,
    )


def record_predict(options: argparse.Namespace, failure: Failure) -> None:
    """What a `wbir predict` leaves that did not end; after a crash it goes on with the next case."""
    from wbir.predicting import record_crash, record_failure

    unit = chosen_paper(options).unit(options.experiment, options.method, options.seed)
    folder = cohort_folder(options, unit.cohort.id)
    reason = failure.removeprefix("wbir predict: ")
    options.go_on = failure.crashed and record_crash(unit, folder, options.out, reason)
    if not options.go_on:
        record_failure(unit, folder, options.out, reason, device=options.device, shard=_shard(options))
