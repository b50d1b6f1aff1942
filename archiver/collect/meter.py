"""Counting bytes from several threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archiver.core.progress import Task


class Meter:
    """Counts what comes over the network and shows it as one task. May be used by several threads.

    Args:
        task: a task in bytes.
    """

    def __init__(self, task: Task) -> None:
        self._task, self._lock = task, threading.Lock()
        self._expected = 0
        self.bytes = 0

    def expect(self, count: int) -> None:
        """Say that ``count`` more bytes are to come; or, where it is negative, so many fewer than was said."""
        with self._lock:
            self._expected += count
            self._task.expect(self._expected)

    def received(self, count: int) -> None:
        """Count bytes that came."""
        with self._lock:
            self.bytes += count
            self._task.advance(count)
