"""Work by host, each with threads and transfers of its own: one that is slow or dead holds up nobody else."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Iterator, TypeVar

if TYPE_CHECKING:
    from archiver.collect.retry import Brake

_T = TypeVar("_T")
_SLICE = 0.5  # seconds; how soon a pulled brake ends a wait
_MOST_OF_THEIR_OWN = 32  # hosts; what is asked for may name thousands, and threads are not endless


class Lanes:
    """Threads by host, for the first 32 hosts; further ones share a lane with those of the same width.

    So there is an end to the threads however many hosts there are, and none is asked by more than its width at a
    time. May be used by several threads.

    Args:
        width: how many threads a host gets.
        name: what the threads are called.
    """

    def __init__(self, width: Callable[[str], int], name: str) -> None:
        self._width, self._name = width, name
        self._own: dict[str, ThreadPoolExecutor] = {}
        self._shared: dict[int, ThreadPoolExecutor] = {}  # by width
        self._lock = threading.Lock()

    def submit(self, host: str, action: Callable[[], _T]) -> Future[_T]:
        """Let a host's threads do something, after what they were given before."""
        with self._lock:
            return self._lane(host).submit(action)

    def close(self) -> None:
        """Wait for what is under way and drop what has not begun; pull the brake first to end it early."""
        with self._lock:
            lanes = [*self._own.values(), *self._shared.values()]
        for lane in lanes:
            lane.shutdown(wait=False, cancel_futures=True)
        for lane in lanes:
            lane.shutdown(wait=True)

    def _lane(self, host: str) -> ThreadPoolExecutor:
        if (own := self._own.get(host)) is not None:
            return own
        width = self._width(host)
        if len(self._own) < _MOST_OF_THEIR_OWN:
            return self._own.setdefault(host, self._opened(width, host))
        if width not in self._shared:
            self._shared[width] = self._opened(width, "others")
        return self._shared[width]

    def _opened(self, width: int, whose: str) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(width, thread_name_prefix=f"{self._name} {whose}")


class Slots:
    """Transfers by host, of which each bears so many at a time: a mirror serves the lanes of several registries.

    Args:
        most: how many a host bears.
        brake: ends the waiting early.
    """

    def __init__(self, most: Callable[[str], int], brake: Brake) -> None:
        self._most, self._brake = most, brake
        self._free: dict[str, threading.Semaphore] = {}
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, host: str) -> Iterator[None]:
        """Take one of a host's, waiting for it. Raises Stopped when the work is to end."""
        with self._lock:
            free = self._free.get(host)
            if free is None:
                free = self._free[host] = threading.Semaphore(self._most(host))
        while not free.acquire(timeout=_SLICE):
            self._brake.check()
        try:
            yield
        finally:
            free.release()
