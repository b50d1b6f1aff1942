"""How a bundle is handed over, as far as its READMEs speak of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Handover:
    """What was asked for beside the contents.

    Whether the tar is cut into volumes is not among it: joined they are the very tar, README and all.

    Attributes:
        signed: whether a signature comes with it.
        base: the id of the snapshot that a delta builds on; empty for a full bundle.
    """

    signed: bool = False
    base: str = ""


PLAIN = Handover()
"""A full bundle that nobody signed."""
