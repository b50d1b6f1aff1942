"""The fetch threads: a lane for each host, so that no host ever gets more connections than allowed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from archiver.collect.web.fetch import Exchange, Fetcher


@dataclass(frozen=True)
class Job:
    """One URL to ask for, with conditional request headers; ``host`` is its origin."""

    url: str
    host: str
    conditions: tuple[tuple[str, str], ...] = ()
    robots: bool = False


@dataclass(frozen=True)
class Arrival:
    """What came of a job: an exchange, an error, or neither where the crawl is being stopped."""

    job: Job
    exchange: Exchange | None = None
    error: Exception | None = None


class Lane:
    """The connections to one host.

    Args:
        open_fetcher: makes a thread's own fetcher.
        connections: how many threads, at most; they start when there is work for them.
        delay: seconds between the starts of two requests; may be raised later on.
        deliver: called with every result, from the lane's threads.
        stop: ends waiting.
    """

    def __init__(
        self,
        open_fetcher: Callable[[], Fetcher],
        connections: int,
        delay: float,
        deliver: Callable[[Arrival], None],
        stop: threading.Event,
    ) -> None:
        self.delay = delay
        self.busy = 0  # jobs whose arrival the coordinator has not seen yet; the coordinator's own
        self._open_fetcher, self._connections = open_fetcher, connections
        self._deliver, self._stop = deliver, stop
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock, self._next_start = threading.Lock(), 0.0

    @property
    def room(self) -> int:
        """How many more jobs keep every connection busy, one ahead each."""
        return 2 * self._connections - self.busy

    def submit(self, job: Job) -> None:
        """Take a job. Called by the coordinator only."""
        self.busy += 1
        self._jobs.put(job)
        if self.busy > len(self._threads) and len(self._threads) < self._connections:
            # daemons: a server that never answers must not keep an interrupted run from ending
            thread = threading.Thread(target=self._work, name=f"fetch {job.host}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Let the threads end once they are done; does not wait for them."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        fetcher = self._open_fetcher()
        try:
            while (job := self._jobs.get()) is not None:
                self._deliver(self._done(fetcher, job))
        finally:
            fetcher.close()

    def _done(self, fetcher: Fetcher, job: Job) -> Arrival:
        if self._stop.is_set() or not self._paced():
            return Arrival(job)
        try:
            return Arrival(job, exchange=fetcher.fetch(job.url, job.conditions))
        except Exception as error:  # noqa: BLE001 - the coordinator raises it; a thread that dies in silence would hang the crawl
            return Arrival(job, error=error)

    def _paced(self) -> bool:
        if not self.delay:
            return True
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next_start)
            self._next_start = start + self.delay
        return not self._stop.wait(start - now)
