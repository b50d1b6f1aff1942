"""Hashing beside the thread that moves the bytes: hashlib lets go of the interpreter while it works.

A bundle's bytes are hashed up to three times (blob, member, volume); with a processor to spare that costs the
time of one.
"""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hashlib import _Hash

_BATCH = 1 << 20  # bytes handed over at once: waking a thread costs as much as hashing some ten KiB
_MOST_PENDING = 2  # batches: what waits longer is no more in a processor's cache when its turn comes


class Hasher(Protocol):
    """Accumulates bytes to one value; hashlib's objects are such."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take the next bytes."""

    def hexdigest(self) -> str:
        """Return the value in lowercase hex."""


class BackgroundHash:
    """A hash object whose work is done by a thread of its own; what is short is hashed without one.

    Args:
        algorithm: one that hashlib knows.
    """

    def __init__(self, algorithm: str = "sha256") -> None:
        self._hasher = hashlib.new(algorithm)
        self._batch: list[bytes | memoryview] = []
        self._size = 0
        self._pending: deque[Future[None]] = deque()
        self._worker: ThreadPoolExecutor | None = None

    def update(self, data: bytes | memoryview, /) -> None:
        """Take the next bytes, which must not change any more; wait where too many are not hashed yet."""
        self._batch.append(data)
        self._size += len(data)
        if self._size >= _BATCH:
            self._hand_over()

    def hexdigest(self) -> str:
        """Return the value once all is hashed, and end the thread; nothing may be added after it."""
        while self._pending:
            self._pending.popleft().result()
        if self._worker is not None:
            self._worker.shutdown()
        _add(self._hasher, self._batch)
        self._batch = []
        return self._hasher.hexdigest()

    def _hand_over(self) -> None:
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, "hashing")  # one thread: batches stay in order
        if len(self._pending) == _MOST_PENDING:
            self._pending.popleft().result()
        self._pending.append(self._worker.submit(_add, self._hasher, self._batch))
        self._batch, self._size = [], 0


def _add(hasher: _Hash, batch: list[bytes | memoryview]) -> None:
    for data in batch:
        hasher.update(data)
