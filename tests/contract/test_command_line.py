"""The command line: each command explains itself with an example, and bad input is one line and exit code 2."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from wbir.__main__ import build_parser, main

COMMANDS = sorted(next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)).choices)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        build_parser().parse_args([command, "--help"])
    assert end.value.code == 0
    assert f"example:  wbir {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["claims", "99-nowhere"], "expected a paper among"),
        (["claims", "17-csngf", "--scale", "huge"], "expected a scale among"),
        (["collect", "17-csngf", "--source", "nirep"], "NAME=VALUE"),
        (
            ["predict", "--paper", "17-csngf", "--experiment", "x", "--method", "y", "--out", "z"],
            "an experiment and a method",
        ),
        (["cohort", "--paper", "17-csngf", "--cohort", "x", "--out", "z"], "one of the cohorts"),
        (["exhibit", "22-variational-principle", "table-9"], "exhibits of 22-variational-principle among"),
        (["claims", "17-csngf", "--results", "nowhere"], "collected results"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and words in lines[0] and "got" in lines[0]


def test_an_output_that_cannot_be_written_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    arguments = ["--paper", "22-variational-principle", "--cohort", "letters", "--out", str(tmp_path / "file" / "out")]
    assert main(["cohort", *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "can be read and written" in lines[0]


@pytest.mark.parametrize("what", ["papers", "methods", "cohorts", "datasets", "metrics", "figures"])
def test_list_shows_every_kind(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", what]) == 0
    assert what in capsys.readouterr().out
