"""Hashing what flows by, beside the thread that moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archiver.core.digest import Digest
from archiver.core.hashing import BackgroundHash

if TYPE_CHECKING:
    from archiver.core.tarstream import Sink


class HashingSink:
    """Passes bytes on and hashes them (sha256)."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._hash = BackgroundHash()

    def write(self, data: bytes) -> None:
        """Take the next bytes, which must not change any more."""
        self._hash.update(data)
        self._sink.write(data)

    def finish(self) -> Digest:
        """Return the digest of all that has passed; nothing may be written after it."""
        return Digest("sha256", self._hash.hexdigest())
