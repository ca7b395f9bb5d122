"""The one error that a user is meant to read."""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot be used: one line that says what was expected, what came, and what to do.

    >>> str(InputError("a 3D image", "a 2D image of shape (4, 5)", "give a NIfTI volume"))
    'expected a 3D image, got a 2D image of shape (4, 5): give a NIfTI volume'
    """

    def __init__(self, expected: str, got: str, todo: str) -> None:
        self.expected, self.got, self.todo = expected, got, todo
        super().__init__(f"expected {expected}, got {got}: {todo}")
