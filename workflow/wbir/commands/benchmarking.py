"""`wbir bench`: the speed of the kernels beside those of other libraries."""

from __future__ import annotations

import argparse
from pathlib import Path

from wbir.commands._shared import Commands, add_command
from wbir.errors import InputError

SMALLEST = 32  # voxels: a smaller grid does not hold the 35 labels
SIZES = ("64", "128", "160x192x224")


def add(commands: Commands) -> None:
    """Declare the command."""
    what = "Time the kernels and those of other libraries in turn: kernels.csv, machine.json, and a page of tables."
    parser = add_command(commands, "bench", run_bench, what, "wbir bench --sizes 64 --only warp --docs docs/speed.md")
    parser.add_argument("--out", type=Path, default=Path("results/bench"), help="the folder (default: results/bench)")
    parser.add_argument(
        "--sizes", nargs="+", default=SIZES, metavar="N", help=f"N or XxYxZ (default: {' '.join(SIZES)})"
    )
    parser.add_argument("--repeats", type=int, default=9, help="rounds at most (default: 9)")
    parser.add_argument("--only", default="", help="only kernels whose name has this in it")
    parser.add_argument("--no-peers", action="store_true", help="without the other libraries")
    parser.add_argument("--docs", type=Path, help="write the page of tables there as well")


def run_bench(options: argparse.Namespace) -> None:
    """`wbir bench`."""
    import os

    from wbir.benchmarks.base import discover
    from wbir.benchmarks.machine import describe_machine
    from wbir.benchmarks.page import write_page
    from wbir.benchmarks.running import run_benchmarks
    from wbir.files import write_json

    sizes = [_size(text) for text in options.sizes]
    known = discover()
    chosen = [benchmark for benchmark in known if options.only in benchmark.kernel]
    if not chosen:
        names = "; ".join(benchmark.kernel for benchmark in known)
        raise InputError(f"--only with a part of: {names}", repr(options.only), "take one of them")
    if options.repeats < 1:
        raise InputError("--repeats of 1 or more", str(options.repeats), "give a whole number")
    machine = describe_machine()
    run_benchmarks(chosen, sizes, options.out, repeats=options.repeats, peers=not options.no_peers)
    write_json(options.out / "machine.json", {**machine, "load_average_after": list(os.getloadavg())})
    if options.docs:
        write_page(options.out, options.docs)


def _size(text: str) -> tuple[int, int, int]:
    parts = text.split("x")
    if len(parts) not in (1, 3) or not all(
        part.isdigit() and int(part) >= SMALLEST and int(part) % 2 == 0 for part in parts
    ):
        raise InputError(
            "--sizes as N or XxYxZ, even, 32 voxels or more", repr(text), "give for example 64 or 160x192x224"
        )
    first, *rest = (int(part) for part in parts)
    return (first, rest[0], rest[1]) if rest else (first, first, first)
