"""Keeps a flame."""

from __future__ import annotations


class Lantern:
    """A lantern."""

    def light(self) -> None:
        """Light it."""


def trim(length: float) -> float:
    """Cut the wick.

    Args:
        length: what is left, in millimetres.
    """
    return length
