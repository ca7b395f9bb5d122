"""Figures on disk."""

from __future__ import annotations

from wbir.exhibits import number_clips


def test_clip_paths_are_named_by_their_order() -> None:
    def drawing(*names: str) -> str:
        uses = "".join(f'<g clip-path="url(#{name})"/>' for name in names)
        return uses + "".join(f'<clipPath id="{name}"/>' for name in names)

    assert number_clips(drawing("pab", "pabc")) == number_clips(drawing("p12", "p3")) == drawing("clip0", "clip1")
