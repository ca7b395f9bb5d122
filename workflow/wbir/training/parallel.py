"""Several processes, one for each GPU, that train one network: each takes its share of a step's passes.

The gradients of the passes are added over the processes, so that a step with `accumulate: N` on N processes is the
step that one process makes alone, up to the order of additions.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from wbir.errors import InputError

TIMEOUT_MINUTES = 10


def rank_and_size() -> tuple[int, int]:
    """This process's number and how many there are: (0, 1) alone."""
    import torch.distributed as distributed

    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def add_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Add each gradient over the processes, in place; alone, nothing happens."""
    import torch.distributed as distributed

    if rank_and_size()[1] > 1:
        for parameter in parameters:
            if parameter.grad is None:  # every process has to bring the same list
                parameter.grad = torch.zeros_like(parameter)
            distributed.all_reduce(parameter.grad)


def my_share(passes: int) -> range:
    """The passes of a step that this process makes. Raises InputError where they cannot be shared evenly."""
    rank, size = rank_and_size()
    if passes % size:
        raise InputError(f"accumulate as a multiple of {size} processes", f"{passes}", "set `training: accumulate`")
    return range(rank, passes, size)


def run(size: int, function: Callable[..., Any], *arguments: Any, backend: str = "nccl") -> None:
    """Call `function(rank, *arguments)` in `size` processes that know of each other; ends when all have.

    function and arguments must be picklable. An exception in one of them ends all and is raised here.
    """
    import torch.multiprocessing as processes

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes.spawn(_worker, (size, port, backend, function, arguments), nprocs=size)


def _worker(
    rank: int, size: int, port: int, backend: str, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    from datetime import timedelta

    import torch.distributed as distributed

    address, limit = f"tcp://127.0.0.1:{port}", timedelta(minutes=TIMEOUT_MINUTES)
    if backend == "nccl":
        torch.cuda.set_device(rank)
    distributed.init_process_group(backend, init_method=address, rank=rank, world_size=size, timeout=limit)
    try:
        function(rank, *arguments)
    finally:
        distributed.destroy_process_group()
