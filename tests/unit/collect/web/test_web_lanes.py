from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

from archiver.collect.web.lanes import Arrival, Job, Lane
from archiver.core.errors import FetchTimeout

if TYPE_CHECKING:
    from archiver.collect.web.fetch import Exchange

PATIENCE = 60  # seconds until something that should have come counts as lost


class _Fetcher:
    """Fetches nothing, once it is let to."""

    def __init__(self, begun: queue.SimpleQueue[str], go_on: threading.Semaphore) -> None:
        self._begun, self._go_on = begun, go_on

    def fetch(self, url: str, _: object = ()) -> Exchange | None:
        self._begun.put(url)
        assert self._go_on.acquire(timeout=PATIENCE)
        raise FetchTimeout("no answer", place=url)

    def close(self) -> None:
        """Nothing to close."""


def _lane(connections: int, stop: threading.Event) -> tuple[Lane, queue.SimpleQueue[Arrival], _Fetcher]:
    arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
    fetcher = _Fetcher(queue.SimpleQueue(), threading.Semaphore(0))
    return Lane(lambda: fetcher, connections, arrivals.put, stop), arrivals, fetcher  # type: ignore[arg-type, return-value]  # stands in


def test_what_no_thread_has_begun_can_be_taken_back() -> None:
    """Recalling returns the jobs ahead, in order; what is under way arrives as ever."""
    lane, arrivals, fetcher = _lane(2, threading.Event())
    for number in range(5):
        lane.submit(Job(str(number), "http://a"))
    begun = {fetcher._begun.get(timeout=PATIENCE) for _ in range(2)}
    recalled = [job.url for job in lane.recall()]
    assert (begun | set(recalled), len(recalled), recalled) == (set("01234"), 3, sorted(recalled))
    assert lane.busy == 2
    fetcher._go_on.release(2)
    assert {arrivals.get(timeout=PATIENCE).job.url for _ in range(2)} == begun
    lane.close()


def test_nothing_is_begun_after_the_stop() -> None:
    """A job that comes up then arrives without an answer and without an error."""
    stop = threading.Event()
    stop.set()
    lane, arrivals, _ = _lane(1, stop)
    lane.submit(Job("1", "http://a"))
    assert arrivals.get(timeout=PATIENCE) == Arrival(Job("1", "http://a"))
    lane.close()
