"""Drawing lots: which of many are looked at, at random and yet the same whenever a run is gone on with."""

from __future__ import annotations

import hashlib


def lot(run: str, name: str) -> bytes:
    """Return what decides whether something is drawn in a run: those with the least lots are.

    Nobody who does not know the run's id beforehand can tell what it will be.

    Args:
        run: the run's id.
        name: what the thing is known by: a URL, a digest.
    """
    return hashlib.sha256(f"{run} {name}".encode()).digest()
