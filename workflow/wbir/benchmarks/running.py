"""Run benchmarks: all takers of a kernel in turn, A B A B …, so that a machine's changing speed meets all alike."""

from __future__ import annotations

import ctypes
import gc
import logging
import math
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from wbir.benchmarks.base import Benchmark, Prepare, Size, Timed
from wbir.files import write_rows

SLOW_SECONDS = 0.6  # a taker slower than this is timed in two rounds only
BUDGET_SECONDS = 5.0  # for the rounds of one kernel at one size, when two of them are done
TOLERANCE = 1e-5  # of the largest number; or, on large grids, what a place in float32 is rounded by
AGREES, DEFINED, DIFFERS = "equal", "other definition", "UNEXPLAINED"


@dataclass
class Row:
    """A taker at one kernel and size. Times in ms; `ratio`: its time over our fastest form's, median over rounds.

    peak_mb: the most memory in use during a call, beyond what was in use before it. difference: the largest, over the
    largest number of ours. status: ok, or why there is no time. agreement: see `TOLERANCE` and the benchmark's `differs`.
    """

    kernel: str
    size: str
    taker: str
    ours: bool
    status: str = "ok"
    median_ms: float = math.nan
    fastest_ms: float = math.nan
    rounds: int = 0
    ratio: float = math.nan
    peak_mb: float = math.nan
    difference: float = math.nan
    agreement: str = ""


@dataclass
class _Taker:
    row: Row
    timed: Timed | None = None
    result: np.ndarray | None = None
    seconds: list[float] = field(default_factory=list)

    def run(self) -> None:
        assert self.timed is not None
        start = time.perf_counter()
        self.timed.run()
        self.seconds.append(time.perf_counter() - start)


def run_benchmarks(
    benchmarks: Sequence[Benchmark],
    sizes: Sequence[Size],
    folder: Path,
    *,
    repeats: int,
    peers: bool = True,
    report: Callable[[str], None] = print,
) -> list[Row]:
    """All benchmarks at all sizes into `folder/kernels.csv` (rewritten after each: a stopped run leaves what it has).

    repeats: rounds at most. peers: with the other libraries. report: takes a line of progress.
    """
    rows: list[Row] = []
    logging.disable(logging.WARNING)  # other libraries' notices, in the middle of our lines
    for number, benchmark in enumerate(benchmarks):
        for size in sizes:
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = _measure(benchmark, size, repeats, peers)
            rows += found
            write_rows(folder / "kernels.csv", [asdict(row) for row in rows], [f.name for f in fields(Row)])
            times = ", ".join(f"{r.taker} {r.median_ms:.3g}" if r.status == "ok" else f"{r.taker} –" for r in found)
            place = f"[{number + 1}/{len(benchmarks)}] {benchmark.kernel} at {found[0].size}"
            report(f"{place}: {times} ms ({time.perf_counter() - start:.0f} s)")
    logging.disable(logging.NOTSET)
    return rows


def _measure(benchmark: Benchmark, size: Size, repeats: int, peers: bool) -> list[Row]:
    given = benchmark.setup(size)
    everyone = [(name, prepare, True) for name, prepare in benchmark.ours.items()]
    everyone += [(name, prepare, False) for name, prepare in benchmark.peers.items()] if peers else []
    named = "x".join(map(str, size))
    takers = [_start(Row(benchmark.kernel, named, name, ours), prepare, given) for name, prepare, ours in everyone]
    ready = [taker for taker in takers if taker.timed is not None]
    _compare(benchmark, ready)
    _time(ready, repeats)
    for taker in ready:
        taker.result = None
    for taker in ready:
        taker.row.peak_mb = _peak_mb(taker.timed.run)  # type: ignore[union-attr]
    return [taker.row for taker in takers]


def _start(row: Row, prepare: Prepare, given: Any) -> _Taker:
    """Prepare a taker and call it once; what goes wrong with it is its status, not the end of the run."""
    try:
        made = prepare(given)
        timed = made if isinstance(made, Timed) else Timed(made)
        start = time.perf_counter()
        result = timed.run()
        seconds = time.perf_counter() - start
        result = timed.read(result)
        result = np.array(result.detach() if hasattr(result, "detach") else result, dtype=np.float32)
    except ImportError as error:
        row.status = f"not installed: {error.name or error}"
        return _Taker(row)
    except Exception as error:
        row.status = f"failed: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        return _Taker(row)
    # the first call may compile or fill caches: it counts only where another would take too long
    return _Taker(row, timed, result, [seconds] if seconds > 10 * SLOW_SECONDS else [])


def _compare(benchmark: Benchmark, takers: Sequence[_Taker]) -> None:
    if not takers or takers[0].result is None:
        return
    reference = _inner(takers[0].result, benchmark.margin)
    largest = float(np.abs(reference).max())
    tolerance = max(TOLERANCE, float(2 * np.spacing(np.float32(max(reference.shape)))))
    for taker in takers:
        assert taker.result is not None
        result, row = _inner(taker.result, benchmark.margin), taker.row
        if result.shape != reference.shape:
            row.agreement = f"{DIFFERS}: shape {result.shape}"
            continue
        differences = np.abs(result - reference).ravel()
        kept = differences.size - 1 - int(benchmark.jumps * differences.size)
        row.difference = float(np.partition(differences, kept)[kept]) / largest
        row.agreement = AGREES
        if not row.difference <= tolerance:
            known = benchmark.differs.get(row.taker)
            row.agreement = f"{DEFINED}: {known}" if known else f"{DIFFERS} difference"


def _inner(array: np.ndarray, margin: int) -> np.ndarray:
    """Without `margin` voxels at each border of the last three axes."""
    if margin == 0 or array.ndim < 3:
        return array
    for axis in (-3, -2, -1):
        array = array.take(range(margin, array.shape[axis] - margin), axis)
    return array


def _time(takers: Sequence[_Taker], repeats: int) -> None:
    start = time.perf_counter()
    for number in range(repeats):
        if number >= 2 and time.perf_counter() - start > BUDGET_SECONDS:
            break
        for taker in takers:
            slowest = max(taker.seconds, default=0.0)
            if slowest < SLOW_SECONDS or (number < 2 and slowest < 10 * SLOW_SECONDS):
                taker.run()
    for taker in takers:
        taker.row.median_ms = 1000 * statistics.median(taker.seconds)
        taker.row.fastest_ms = 1000 * min(taker.seconds)
        taker.row.rounds = len(taker.seconds)
    ours = [taker for taker in takers if taker.row.ours]
    if ours:
        best = min(ours, key=lambda taker: taker.row.median_ms)
        for taker in takers:
            pairs = zip(taker.seconds, best.seconds, strict=False)
            taker.row.ratio = statistics.median(theirs / own for theirs, own in pairs)


def _peak_mb(run: Callable[[], Any]) -> float:
    """The most memory that a call adds to the process, MB; NaN where the system does not tell (other than Linux)."""
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # hand freed memory back, so that it counts again
        Path("/proc/self/clear_refs").write_text("5")  # start the peak anew
        before = _status_mb("VmRSS")
        run()
        return max(0.0, _status_mb("VmHWM") - before)
    except (OSError, AttributeError):
        return math.nan


def _status_mb(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"no {name} in /proc/self/status")
