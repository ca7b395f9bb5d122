"""Keeping other packages from writing to the terminal: an error of ours must stay the only line."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Nothing that compiled code prints (ITK, libtiff, Elastix) and no warning of a package reaches the terminal."""
    with warnings.catch_warnings(), contextlib.ExitStack() as stack:
        warnings.simplefilter("ignore")
        for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
            stack.enter_context(_to_nowhere(stream, number))
        yield


@contextlib.contextmanager
def _to_nowhere(stream: object, number: int) -> Iterator[None]:
    """A file descriptor led to the null device; a closed one is left alone."""
    try:
        getattr(stream, "flush", int)()
        saved = os.dup(number)
    except (OSError, ValueError):
        yield
        return
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), number)
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):
            getattr(stream, "flush", int)()
        os.dup2(saved, number)
        os.close(saved)
