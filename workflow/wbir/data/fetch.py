"""Downloads: whole or not at all, resumed after passing faults, never trusted before they are checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import sleep

from wbir.data.catalogue import Remote
from wbir.data.checksums import digest, matches
from wbir.data.transfer import Fault, Partial, transfer
from wbir.errors import InputError


@dataclass(frozen=True)
class Patience:
    """How long to try: further tries after one that got nowhere; the first wait, which doubles; the longest; timeouts."""

    retries: int = 3
    wait_s: float = 1.0
    longest_wait_s: float = 120.0
    timeout_s: float = 30.0


PATIENCE = Patience()


def fetch(source: Remote, folder: Path | str, patience: Patience = PATIENCE) -> Path:
    """The file `source` inside `folder`, downloaded if it is not there or damaged; returns its path.

    What arrives goes to a hidden partial file, which outlives a cut, a refusal or a kill: the next try, or the next call,
    asks for the rest. It gets its name once its size and checksum are right; where they are not, it is removed and
    the file is fetched a second and last time. Other processes must keep out of the folder (`files.alone_in`).

    Raises InputError: no URL, no network, a refusal (4xx), a web page in place of the file, a wrong size or checksum, a
    full disk.
    """
    target = Path(folder) / source.file
    if target.is_file() and matches(target, source.checksum):
        return target
    if not source.fetchable:
        got = f"no file, and no public URL is known (access: {source.access})"
        raise InputError(f"{source.file} of {source.dataset} at {target}", got, by_hand(source))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Partial(target)
    for _ in range(2):
        _bring(source, partial, patience)
        wrong = difference(source, partial.path)
        if not wrong:
            partial.finish()
            return target
        partial.remove()
    raise InputError(f"{source.file} from {source.url}", f"{wrong} (2 tries)", by_hand(source))


def by_hand(source: Remote) -> str:
    """What a person can do where a download cannot be had."""
    own = f"data={{{source.dataset}: FOLDER}}"
    return f"get it from {source.home} (see docs/data-access.md), or name your own copy: {own}"


def difference(source: Remote, path: Path) -> str:
    """What the catalogue says otherwise about a file than it is: its size or checksum; empty where nothing."""
    size = path.stat().st_size
    if source.bytes is not None and size != source.bytes:
        return f"{size} bytes where {source.bytes} are expected"
    if not matches(path, source.checksum):
        algorithm = source.checksum.partition(":")[0]
        return f"{algorithm}:{digest(path, algorithm)}, not {source.checksum} ({source.checksum_kind})"
    return ""


def _bring(source: Remote, partial: Partial, patience: Patience) -> None:
    """Transfer until all has arrived. A try that got further than any before starts the count of tries again."""
    tries, furthest = 0, partial.size
    while True:
        try:
            transfer(source.url, partial, timeout_s=patience.timeout_s, most=source.bytes)
            return
        except Fault as fault:
            tries = 1 if partial.size > furthest else tries + 1
            furthest = max(furthest, partial.size)
            if not fault.passing or tries > patience.retries:
                raise _given_up(source, partial, fault, tries) from fault
            sleep(min(max(patience.wait_s * 2 ** (tries - 1), fault.wait_s), patience.longest_wait_s))


def _given_up(source: Remote, partial: Partial, fault: Fault, tries: int) -> InputError:
    todo = by_hand(source)
    if partial.size:
        todo = f"run it again later, {partial.size} bytes of it are kept; or {todo}"
    else:
        partial.remove()
    return InputError(
        f"{source.file} from {source.url}", f"{fault} ({tries} tries)" if fault.passing else f"{fault}", todo
    )
