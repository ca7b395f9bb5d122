"""A site that serves what a test puts there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mirror.server import Site, serving


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("site")) as served:
        yield served
