"""Ending exchanges that take too long, from one thread for all of them."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator

if TYPE_CHECKING:
    from archiver.collect.connections import Connections

_LOOKS = 20  # how often it looks within the time allowed
_SELDOMEST = 1.0  # seconds between two looks


@dataclass
class Watch:
    """One exchange: when it must be done, and ``over`` once it was ended for taking longer."""

    connections: Connections
    deadline: float
    over: bool = False


class Watchdog:
    """Shuts the connections of exchanges that take too long. Used by several threads.

    A thread that waits for a silent server runs no code of its own, so somebody else must look at the clock.

    Args:
        longest: seconds that an exchange may take.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._watches: dict[int, Watch] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join()

    @contextmanager
    def watching(self, connections: Connections) -> Iterator[Watch]:
        """Watch one exchange; ``connections`` are aborted where it takes too long."""
        watch = Watch(connections, time.monotonic() + self._longest)
        self._watches[id(watch)] = watch
        try:
            yield watch
        finally:
            del self._watches[id(watch)]

    def _look_on(self) -> None:
        while not self._closed.wait(min(_SELDOMEST, self._longest / _LOOKS)):
            now = time.monotonic()
            for watch in tuple(self._watches.values()):
                if now > watch.deadline and not watch.over:
                    watch.over = True
                    watch.connections.abort()
