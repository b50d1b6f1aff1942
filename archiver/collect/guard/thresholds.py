"""How much of a source may be lost before it is not healthy."""

from __future__ import annotations

from dataclasses import dataclass

SHARE = float
"""A part of a whole, from 0 to 1."""


@dataclass(frozen=True)
class Thresholds:
    """Where the guard draws its lines. A share that is None is not looked at.

    Attributes:
        lost: the share of what was asked for that, lost and replaced by nothing new, makes a source degraded.
        decayed: the share of the most that there ever was that, lost over time, makes a source degraded.
        collapsed: the share of the pages that answer that, with most of their text lost, makes a doc site degraded.
        gone: the share of what was asked for that, lost and replaced by nothing new, makes a source gone.
        least: how many pages, images or files must be lost for any of that.
    """

    lost: SHARE | None = 0.20
    decayed: SHARE | None = 0.30
    collapsed: SHARE | None = 0.50
    gone: SHARE | None = 0.90
    least: int = 3
