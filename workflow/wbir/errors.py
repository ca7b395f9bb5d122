"""The one error that a user is meant to read."""

from __future__ import annotations

from collections.abc import Collection, Mapping


class InputError(ValueError):
    """Input that cannot be used: one line that says what was expected, what came, and what to do.

    >>> str(InputError("a 3D image", "a 2D image of shape (4, 5)", "give a NIfTI volume"))
    'expected a 3D image, got a 2D image of shape (4, 5): give a NIfTI volume'
    """

    def __init__(self, expected: str, got: str, todo: str) -> None:
        self.expected, self.got, self.todo = expected, got, todo
        super().__init__(f"expected {expected}, got {got}: {todo}")


def require_known(words: Mapping[str, tuple[str, Collection[str]]], where: str) -> None:
    """Raise InputError for the first of `name: (value, the values it may have)` that is unknown; `where` says for what."""
    for name, (value, known) in words.items():
        if value not in known:
            raise InputError(f"{name} among {sorted(known)} {where}", repr(value), "take one of them")
