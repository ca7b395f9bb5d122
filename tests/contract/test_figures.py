"""Every figure kind, found by its file: its literal explains every option that `draw` takes."""

from __future__ import annotations

import importlib
import inspect

import pytest

from wbir.discovery import describe, modules


@pytest.mark.parametrize("name", sorted(modules("figures")))
def test_kind_explains_its_options(name: str) -> None:
    kind = describe("figures", name)
    draw = importlib.import_module(f"wbir.figures.{name}").draw
    options = [p for p in inspect.signature(draw).parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY]
    explained = {word for key in kind["options"] for word in key.split(", ")}
    assert kind["shows"] and {p.name for p in options} <= explained
    assert draw.__doc__
