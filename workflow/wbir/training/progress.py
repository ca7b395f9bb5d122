"""What is told of a training run: `history.csv`, the log, and how long it took."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from wbir.cases import Reading
from wbir.files import write_rows

TELL_SECONDS = 10.0
log = logging.getLogger("wbir")


class History:
    """The mean loss terms over every so many steps, with the validation's numbers where there was one."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.rows: list[dict[str, str]] = []
        self.sums: dict[str, float] = {}
        self.count = 0

    def add(self, terms: Mapping[str, float]) -> None:
        """One step's loss terms."""
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1

    def close(self, step: int, rate: float, validation: Mapping[str, float]) -> None:
        """End a row: the means of what was added since the row before."""
        means = {name: value / self.count for name, value in self.sums.items()}
        numbers = {"rate": rate, "loss": sum(means.values()), **means}
        numbers |= {f"validation {name}": value for name, value in validation.items()}
        self.rows.append({"step": str(step)} | {name: f"{value:.6g}" for name, value in numbers.items()})
        self.sums, self.count = {}, 0

    def state(self) -> dict[str, Any]:
        return {"rows": [dict(row) for row in self.rows], "sums": dict(self.sums), "count": self.count}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.rows, self.sums, self.count = list(state["rows"]), dict(state["sums"]), state["count"]

    def write(self, target: Path) -> None:
        """As CSV: step, rate, loss, its terms, and `validation …` columns."""
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        validation = [name for name in names if name.startswith("validation ")]
        write_rows(target, self.rows, [*(name for name in names if name not in validation), *validation])


class Progress:
    """Says from time to time how far a run is and how long it will take; knows how long it waited for data."""

    def __init__(self, iterations: int, first: int) -> None:
        self.iterations, self.first, self.last = iterations, first, first
        self.started = self.told = time.monotonic()
        self.waited = 0.0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.waited += time.monotonic() - started

    def tell(self, step: int, loss: float) -> None:
        """Log step, loss, speed and time left, at most every TELL_SECONDS."""
        self.last, now = step, time.monotonic()
        if now - self.told < TELL_SECONDS:
            return
        self.told = now
        speed = (step - self.first) / (now - self.started)
        left = (self.iterations - step) / speed
        log.info(
            "step %d of %d, loss %.4g, %.3g steps/s, %.1f minutes left", step, self.iterations, loss, speed, left / 60
        )

    def readings(self, steps_of_epoch: float, device: torch.device) -> list[Reading]:
        """Times of the steps made by this process, its wait for data, and the GPU's memory."""
        seconds, steps = time.monotonic() - self.started, max(1, self.last + 1 - self.first)
        found = [
            ("train_seconds", seconds, "s"),
            ("train_seconds_per_epoch", seconds / steps * steps_of_epoch, "s"),
            ("train_seconds_waiting_for_data", self.waited, "s"),
        ]
        if device.type == "cuda":
            found.append(("train_peak_gpu_memory", torch.cuda.max_memory_allocated(device) / 2**20, "MB"))
        return [Reading(name, value, unit, speed=True) for name, value, unit in found]
