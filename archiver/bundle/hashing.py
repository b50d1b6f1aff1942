"""Hashing what flows by, beside the thread that moves it.

A bundle's bytes are hashed up to three times (blob, member, whole file); hashlib lets go of the interpreter
while it works, so that this costs the time of one.
"""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from archiver.core.digest import Digest

if TYPE_CHECKING:
    from archiver.core.tarstream import Sink

_WORTH_HANDING_OVER = 64 << 10  # bytes; hashing less takes no longer than waking a thread
_MOST_PENDING = 16  # chunks


class HashingSink:
    """Passes bytes on and hashes them (sha256)."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._hasher = hashlib.sha256()
        self._pending: deque[Future[None]] = deque()
        self._worker: ThreadPoolExecutor | None = None

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._pending or len(data) >= _WORTH_HANDING_OVER:
            self._hand_over(data)
        else:
            self._hasher.update(data)
        self._sink.write(data)

    def finish(self) -> Digest:
        """Return the digest of all that has passed; nothing may be written after it."""
        while self._pending:
            self._pending.popleft().result()
        if self._worker is not None:
            self._worker.shutdown()
        return Digest("sha256", self._hasher.hexdigest())

    def _hand_over(self, data: bytes) -> None:
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, "hashing")  # one thread: chunks stay in order
        while self._pending and (len(self._pending) == _MOST_PENDING or self._pending[0].done()):
            self._pending.popleft().result()
        self._pending.append(self._worker.submit(self._hasher.update, data))
