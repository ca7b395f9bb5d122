"""The command line: every rule of the workflow is one of these commands, typed the same way by a person."""

from __future__ import annotations

import argparse
import functools
import importlib
import logging
import sys
from collections.abc import Sequence

from wbir.discovery import modules
from wbir.errors import InputError
from wbir.files import disk_error
from wbir.supervising import NO_RESULT

AGAIN = 75  # the exit status of a job that another attempt, with more time and memory, may bring to an end


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands; each says what it does and gives an example."""
    parser = argparse.ArgumentParser(prog="wbir", description="The papers of WBIR 2022, regenerated.")
    parser.add_argument("--quiet", action="store_true", help="only warnings and errors")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for group in sorted(modules("commands")):
        importlib.import_module(f"wbir.commands.{group}").add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 on success, 2 on input that cannot be used, 74 on a disk that cannot be (one line on standard error)."""
    options = build_parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.WARNING if options.quiet else logging.INFO, format="%(message)s", stream=sys.stderr
    )
    if getattr(options, "limit", None) is None:
        return _run(options)
    return _run_supervised(options)


def _run_supervised(options: argparse.Namespace) -> int:
    """Run a command in a process of its own; what becomes of it is recorded by the command, as the result of a job."""
    from wbir.supervising import supervised

    while (failure := supervised(lambda: _run(options), minutes=options.limit)) is not None:
        if not failure.result:
            return NO_RESULT
        if failure.passing and options.attempt < options.attempts:
            logging.warning(
                "wbir %s: %s: attempt %d of %d", options.command, failure, options.attempt, options.attempts
            )
            return AGAIN
        recording = argparse.Namespace(**{**vars(options), "run": functools.partial(options.record, failure=failure)})
        code = _run(recording)
        if code or not recording.go_on:
            return code
    return 0


def _run(options: argparse.Namespace) -> int:
    try:
        options.run(options)
    except InputError as error:
        print(f"wbir {options.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except OSError as error:
        todo = "check the path, its permissions and the free space"
        print(
            f"wbir {options.command}: expected files that can be read and written, got {error}: {todo}", file=sys.stderr
        )
        return NO_RESULT if disk_error(error) else 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
