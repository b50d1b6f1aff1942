"""Work by registry, each with threads and transfers of its own: one that is slow or dead holds up nobody else."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Iterator, TypeVar

if TYPE_CHECKING:
    from archiver.collect.retry import Brake

_T = TypeVar("_T")
_SLICE = 0.5  # seconds; how soon a pulled brake ends a wait


class Lanes:
    """Threads by registry. May be used by several threads.

    Args:
        width: how many threads a registry gets.
        name: what the threads are called.
    """

    def __init__(self, width: Callable[[str], int], name: str) -> None:
        self._width, self._name = width, name
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()

    def submit(self, registry: str, action: Callable[[], _T]) -> Future[_T]:
        """Let a registry's threads do something, after what they were given before."""
        with self._lock:
            pool = self._pools.get(registry)
            if pool is None:
                pool = ThreadPoolExecutor(
                    self._width(registry), thread_name_prefix=f"{self._name} {registry}"
                )
                self._pools[registry] = pool
        return pool.submit(action)

    def close(self) -> None:
        """Wait for what is under way and drop what has not begun; pull the brake first to end it early."""
        pools = list(self._pools.values())
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)
        for pool in pools:
            pool.shutdown(wait=True)


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
