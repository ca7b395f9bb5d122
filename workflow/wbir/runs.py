"""Runs of the workflow in one folder: a living one holds a lock, so that what a dead one left can be told from it.

The lock is a POSIX record lock. It belongs to a process, not to an open file: no child inherits it, so a job that outlives
a killed Snakemake holds nothing; it ends with its process however that ends; and it outlives `exec`.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from wbir.errors import InputError

STATE = Path(".snakemake")
log = logging.getLogger("wbir")


def live(state: Path = STATE) -> None:
    """Say that this process runs the workflow, until it ends; other runs may do so too, Snakemake tells whose files clash.

    state: Snakemake's folder. Raises InputError beside a process that has the folder to itself.
    """
    _hold(state, fcntl.LOCK_SH)


def become_only_run(command: Sequence[str], state: Path = STATE) -> NoReturn:
    """Turn this process into `command`, a Snakemake, as the one run of this folder; a dead run's lock files are removed first.

    Raises InputError that names the run where one lives.
    """
    alone = _hold(state, fcntl.LOCK_EX)
    if alone and any((state / "locks").glob("*")):
        log.info("a run was killed here: its lock is removed, and what it left unfinished is made")
        unlocked = subprocess.run([command[0], "--unlock", "--quiet", "all"], check=False)
        if unlocked.returncode:
            sys.exit(unlocked.returncode)
    os.execvp(command[0], list(command))


def _hold(state: Path, kind: int) -> bool:
    """Lock the folder until this process ends, and sign. False on a file system that has no locks."""
    state.mkdir(parents=True, exist_ok=True)
    # Stays open: closing any handle of this file would let go of the lock.
    handle = os.open(state / "running", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    os.set_inheritable(handle, True)  # through exec; Snakemake starts its jobs without it
    try:
        fcntl.lockf(handle, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            raise InputError("no other run in this folder", _living(handle), "wait for its end, or stop it") from None
        log.warning("no locks on this file system (%s): see to it yourself that one run at a time is here", error)
        return False
    if kind == fcntl.LOCK_EX:
        os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()} {socket.gethostname()} {datetime.now():%Y-%m-%d %H:%M:%S}\n".encode())
    return True


def _living(handle: int) -> str:
    """Who signed and is not known to have ended."""
    signed = [line.split(" ", 2) for line in os.pread(handle, 100_000, 0).decode().splitlines()]
    first = {(pid, host): since for pid, host, since in reversed(signed)}
    living = {who: since for who, since in first.items() if who[1] != socket.gethostname() or _exists(int(who[0]))}
    said = [f"process {pid} on {host} since {since}" for (pid, host), since in living.items()]
    return " and ".join(said) or "one that has just started"


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
