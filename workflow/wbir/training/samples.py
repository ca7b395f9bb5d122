"""Training samples: cases prepared once and kept in memory, drawn by a step's own generator, ahead of time."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from wbir.cases import Case, Cohort
from wbir.errors import InputError

Sample = dict[str, Any]  # tensors `(B, ...)`, and under "cases" the ids they came from
Prepare = Callable[[Case], dict[str, Tensor]]
AHEAD = 3  # samples that are prepared while the network trains
SIDES = ("fixed", "moving")


class Samples:
    """The cases of a cohort as samples.

    prepare: what a case gives: tensors `(C, *spatial)` or of any shape, on the CPU. exchange: any two images make a
    pair (subjects against each other), not only the two of a case: then the names that start with `fixed` or `moving`
    are those of the two images, and both must be there. memory_mb: prepared cases kept; others are read again.
    The images of a lone case are exchanged with each other. Raises InputError for no case.
    """

    def __init__(self, cohort: Cohort, prepare: Prepare, *, exchange: bool = False, memory_mb: int = 4000) -> None:
        if not len(cohort):
            raise InputError(f"training cases in {Path(cohort.folder).name}", "none", "check its train split")
        self.cohort, self.prepare, self.exchange = cohort, prepare, exchange
        self.limit, self.lock = memory_mb * 2**20, Lock()
        self.kept: OrderedDict[str, dict[str, Tensor]] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        """The samples of an epoch: the cases."""
        return len(self.cohort)

    def draw(self, generator: torch.Generator, count: int) -> Sample:
        """`count` samples stacked along a new first axis, drawn with the generator. Raises InputError for unlike shapes."""
        drawn = [self._one(generator) for _ in range(count)]
        first = drawn[0][1]
        stacked: Sample = {"cases": [name for name, _ in drawn]}
        for key in first:
            parts = [sample[key] for _, sample in drawn]
            if any(part.shape != parts[0].shape for part in parts):
                shapes = sorted({tuple(part.shape) for part in parts})
                raise InputError(f"{key} of one shape in a batch", f"{shapes}", "take a batch of 1")
            stacked[key] = torch.stack(parts)
        return stacked

    def _one(self, generator: torch.Generator) -> tuple[str, dict[str, Tensor]]:
        rows = self.cohort.rows
        if not self.exchange:
            name = rows[int(torch.randint(len(rows), (), generator=generator))]["case"]
            return name, self.case(name)
        first, second = torch.randperm(2 * len(rows), generator=generator)[:2].tolist()
        sample: dict[str, Tensor] = {}
        for role, place in zip(SIDES, (first, second), strict=True):
            source, side = self.case(rows[place // 2]["case"]), SIDES[place % 2]
            sample |= {role + k.removeprefix(side): v for k, v in source.items() if k.startswith(side)}
        return f"{rows[first // 2]['case']}/{rows[second // 2]['case']}", sample

    def case(self, name: str) -> dict[str, Tensor]:
        """The prepared tensors of a case; read at first use, and kept while there is room."""
        with self.lock:
            if name in self.kept:
                self.kept.move_to_end(name)
                return self.kept[name]
        prepared = self.prepare(self.cohort.case(name))
        size = sum(tensor.nbytes for tensor in prepared.values())
        with self.lock:
            self.kept[name] = prepared
            self.size += size
            while self.size > self.limit and len(self.kept) > 1:
                _, old = self.kept.popitem(last=False)
                self.size -= sum(tensor.nbytes for tensor in old.values())
        return prepared


def ahead(sample: Callable[[int], Sample], steps: Sequence[int], device: torch.device) -> Iterator[tuple[int, Sample]]:
    """The samples of steps in order, on the device; the next ones are made in a thread meanwhile.

    A sample depends on its step alone, so that the order of the threads cannot change it.
    """
    pin = device.type == "cuda"

    def make(step: int) -> Sample:
        made = sample(step)
        return {k: v.pin_memory() if pin and isinstance(v, Tensor) else v for k, v in made.items()}

    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting: deque[tuple[int, Future[Sample]]] = deque()
        todo = iter(steps)
        try:
            while True:
                while len(waiting) < AHEAD and (step := next(todo, None)) is not None:
                    waiting.append((step, pool.submit(make, step)))
                if not waiting:
                    return
                step, future = waiting.popleft()
                yield step, to_device(future.result(), device)
        finally:
            for _, future in waiting:
                future.cancel()


def to_device(sample: Mapping[str, Any], device: torch.device) -> Sample:
    """Tensors moved to the device; what is no tensor stays."""
    return {k: v.to(device, non_blocking=True) if isinstance(v, Tensor) else v for k, v in sample.items()}
