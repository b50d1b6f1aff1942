"""The fetch threads: a lane for each host, so that no host ever gets more connections than allowed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from archiver.collect.web.fetch import Exchange, Fetcher


@dataclass(frozen=True)
class Job:
    """One URL to ask for.

    Attributes:
        url: what to ask for.
        host: the origin on whose lane that happens.
        conditions: conditional request headers.
        robots: whether it is for the origin's robots.txt.
        probe: where it is for what the origin sends for nothing: the URL that was asked for at first.
        failed: how many tries of it have failed already.
        throttled: how many times the host said that it was too much.
        began: when it was handed out for this try, on the schedule's clock.
    """

    url: str
    host: str
    conditions: tuple[tuple[str, str], ...] = ()
    robots: bool = False
    probe: str = ""
    failed: int = 0
    throttled: int = 0
    began: float = 0.0

    @property
    def aside(self) -> bool:
        """Whether it is in no frontier."""
        return self.robots or bool(self.probe)

    @property
    def is_first_try(self) -> bool:
        """Whether it was not asked for before."""
        return not self.failed and not self.throttled


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
        deliver: called with every result, from the lane's threads.
        stop: set from outside to begin nothing more.
    """

    def __init__(
        self,
        open_fetcher: Callable[[], Fetcher],
        connections: int,
        deliver: Callable[[Arrival], None],
        stop: threading.Event,
    ) -> None:
        self.busy = 0  # jobs whose arrival the coordinator has not seen yet; the coordinator's own
        self._open_fetcher, self._connections = open_fetcher, connections
        self._deliver, self._stop = deliver, stop
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, job: Job) -> None:
        """Take a job. Called by the coordinator only."""
        self.busy += 1
        self._jobs.put(job)
        if self.busy > len(self._threads) and len(self._threads) < self._connections:
            # daemons: a server that never answers must not keep an interrupted run from ending
            thread = threading.Thread(target=self._work, name=f"fetch {job.host}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def recall(self) -> list[Job]:
        """Take back the jobs that no thread has begun. Called by the coordinator only."""
        recalled: list[Job] = []
        try:
            while (job := self._jobs.get_nowait()) is not None:
                recalled.append(job)
        except Empty:
            pass
        self.busy -= len(recalled)
        return recalled

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
        if self._stop.is_set():
            return Arrival(job)
        try:
            return Arrival(job, exchange=fetcher.fetch(job.url, job.conditions))
        except Exception as error:  # noqa: BLE001 - the coordinator raises it; a thread that dies in silence would hang the crawl
            return Arrival(job, error=error)
