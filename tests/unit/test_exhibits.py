"""Figures on disk."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from wbir.errors import InputError
from wbir.exhibits import draw_figure, number_clips
from wbir.figures import curves, images


def test_clip_paths_are_named_by_their_order() -> None:
    def drawing(*names: str) -> str:
        uses = "".join(f'<g clip-path="url(#{name})"/>' for name in names)
        return uses + "".join(f'<clipPath id="{name}"/>' for name in names)

    assert number_clips(drawing("pab", "pabc")) == number_clips(drawing("p12", "p3")) == drawing("clip0", "clip1")


def test_a_panel_that_cannot_be_drawn_says_why_and_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(subfigure: Any, results: Any) -> None:
        subfigure.text(0.1, 0.1, "half")
        raise InputError("a gallery file", "none", "see the log")

    monkeypatch.setattr(images, "draw", fails)
    monkeypatch.setattr(curves, "draw", lambda subfigure, results: subfigure.text(0.5, 0.5, "whole"))
    panels = [{"kind": "images", "title": "first"}, {"kind": "curves"}]
    results: Any = SimpleNamespace(paper=SimpleNamespace(slug="99-made-up"))
    figure = draw_figure(results, {"panels": panels})
    texts = [[text.get_text() for text in part.texts] for part in figure.subfigs]
    assert texts[1] == ["whole"]
    assert len(texts[0]) == 1 and texts[0][0].replace("\n", " ").startswith(
        "not drawn: expected a gallery file, got none"
    )
