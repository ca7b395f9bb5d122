"""A job's work in a process of its own: a crash, a hang or a kill by the system is told in words, not the end of the job."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from types import FrameType

SHARE = 0.95  # of the job's time: the scheduler must not be first
POLL_S = 0.2
TAIL = 4000  # bytes of the child's stderr in which the reason is looked for
NO_RESULT = 74  # exit status (EX_IOERR) of work that a disk brought down: nothing is known of the method
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


class Failure(str):
    """Why the work failed, in one line.

    passing: more time or memory may help, so that another attempt is worth it. crashed: it died in the midst of something,
    which may be one case of many. result: whether it says something of the method; a full disk does not.
    """

    passing: bool
    crashed: bool
    result: bool

    def __new__(cls, reason: str, *, passing: bool = False, crashed: bool = False, result: bool = True) -> Failure:
        found = super().__new__(cls, " ".join(reason.split())[:300])
        found.passing, found.crashed, found.result = passing, crashed, result
        return found


def supervised(work: Callable[[], int], *, minutes: float) -> Failure | None:
    """Run `work` in a forked child, which must end within `SHARE` of `minutes` (0: no limit); None where it returned 0.

    What the child writes to stderr is passed on. It ends with this process, whatever ends this one, and all that it started
    ends with it. To be called before anything is imported that does not bear a fork (torch, threads).
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(work, writing)
    os.close(writing)
    deadline = time.monotonic() + 60 * SHARE * minutes if minutes else float("inf")
    tail, status = b"", None
    with _ending_with_us(child):
        while status is None and time.monotonic() < deadline:
            status, tail = _ended(child), _passed_on(reading, tail)
        if status is None:
            _kill(child)
            os.waitpid(child, 0)
        _kill(child)  # what it started
    _passed_on(reading, tail, wait_s=0.0)
    os.close(reading)
    return _failure(status, tail, SHARE * minutes)


def _work(work: Callable[[], int], stderr: int) -> None:
    """The child's part; it never returns."""
    code = 1
    try:
        os.setpgid(0, 0)
        _die_with_parent()
        os.dup2(stderr, 2)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere a killed job leaves an orphan, which does no harm."""
    import ctypes

    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)


def _ended(child: int) -> int | None:
    pid, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if pid else None


def _passed_on(reading: int, tail: bytes, wait_s: float = POLL_S) -> bytes:
    """Pass on what the child has written, waiting a moment for it; returns the end of all that came."""
    while select.select([reading], [], [], wait_s)[0]:
        block = os.read(reading, 1 << 16)
        if not block:
            time.sleep(min(wait_s, 0.02))  # closed: the child is about to end
            break
        os.write(2, block)
        tail, wait_s = (tail + block)[-TAIL:], 0.0
    return tail


@contextlib.contextmanager
def _ending_with_us(child: int) -> Iterator[None]:
    """Hand on the signals that end a job: the child has a process group of its own."""

    def end(number: int, frame: FrameType | None) -> None:
        _kill(child)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _kill(child: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)


def _failure(status: int | None, tail: bytes, minutes: float) -> Failure | None:
    if status == 0:
        return None
    if status is None:
        return Failure(f"no end within {minutes:.3g} min", passing=True)
    if status < 0:
        name = signal.Signals(-status).name
        if name == "SIGKILL":
            return Failure("killed by SIGKILL (out of memory?)", passing=True)
        return Failure(f"killed by {name}", crashed=True)
    lines = [line for line in tail.decode(errors="replace").splitlines() if line.strip()]
    said = lines[-1].strip() if lines else f"exit status {status} without a word"
    return Failure(said, result=status != NO_RESULT)
