"""How much of what a bundle has was copied."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tally:
    """How many things were copied, and how many were there already."""

    copied: int = 0
    present: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Return the sum of both counts."""
        return Tally(self.copied + other.copied, self.present + other.present)
