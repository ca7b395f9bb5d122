"""The command line as a test runs it, and the known pair."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from known_pair import Files, centred_frame, write_pair

from wbir.__main__ import main


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """An oblique fixed image and a moving image in LAS."""
    return write_pair(
        tmp_path_factory.mktemp("pair"), centred_frame("fixed", "oblique", 3), centred_frame("moving", "LAS", 3)
    )


@pytest.fixture
def wbir(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must succeed; what it printed."""

    def run(*arguments: object) -> str:
        code = main([str(a) for a in arguments])
        printed = capfd.readouterr()
        assert code == 0, printed.err
        return printed.out

    return run
