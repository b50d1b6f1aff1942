"""Rests for hosts that want no more requests for now."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from archiver.collect.retry import DEFAULT_PATIENCE, Brake, Retrier
from archiver.core.errors import FetchTimeout, RateLimited, Stopped
from servers.asking import Notes

if TYPE_CHECKING:
    from typing import Callable

    from archiver.collect.retry import Patience


class Clock(Brake):
    """Time that goes on only while somebody waits."""

    def __init__(self) -> None:
        super().__init__(threading.Event())
        self.now, self.waits = 1000.0, []

    def wait(self, seconds: float) -> None:
        """Let it be later."""
        self.check()
        self.waits.append(seconds)
        self.now += seconds


class Limited:
    """A host that wants a rest until some moment, of which it says no more than a test tells it to."""

    def __init__(
        self, clock: Clock, until: float, wait: float | None = None, window: float | None = None
    ) -> None:
        self.clock, self.until, self.asked = clock, until, 0
        self._wait, self._window = wait, window

    def __call__(self) -> str:
        self.asked += 1
        if self.clock.now < self.until:
            raise RateLimited("HTTP 429", place="https://host/", wait=self._wait, window=self._window)
        return "done"


def retrier(clock: Clock, notes: Notes, patience: Patience = DEFAULT_PATIENCE) -> Retrier:
    """Return a retrier by that clock."""
    return Retrier(patience, clock, notes, lambda: clock.now)


def test_a_host_that_names_no_time_gets_growing_rests() -> None:
    """From half a minute, doubled up to a quarter of an hour; then it goes on."""
    clock, notes = Clock(), Notes()
    host = Limited(clock, 1000 + 2700)
    assert retrier(clock, notes).run("host", host) == "done"
    assert clock.waits == [30, 60, 120, 240, 480, 900, 900]
    assert len(notes.told) == len(clock.waits)
    assert all(note.startswith("host wants no more requests for now; going on at ") for note in notes.told)


def test_a_host_that_names_a_time_gets_that() -> None:
    """Retry-After counts; the next pause is no shorter than one of ours, should it not have been enough."""
    clock = Clock()
    assert retrier(clock, Notes()).run("host", Limited(clock, 1000 + 7, wait=7)) == "done"
    assert clock.waits == [7]
    clock = Clock()
    assert retrier(clock, Notes()).run("host", Limited(clock, 1000 + 8, wait=7)) == "done"
    assert clock.waits == [7, 30]
    clock = Clock()
    assert retrier(clock, Notes()).run("host", Limited(clock, 1000 + 1, wait=0)) == "done"
    assert clock.waits == [DEFAULT_PATIENCE.first_wait]


def test_patience_ends_after_an_hour_or_what_the_host_s_limit_counts() -> None:
    """Then it is a failure at once for everybody, until the host answers; a time too far away is one without waiting."""
    for window, longest in ((None, 3600), (21600, 21600)):
        clock = Clock()
        trying, host = retrier(clock, Notes()), Limited(clock, 1e9, window=window)
        with pytest.raises(RateLimited):
            trying.run("host", host)
        assert longest - 900 < sum(clock.waits) <= longest
        waits, asked = list(clock.waits), host.asked
        with pytest.raises(RateLimited):
            trying.run("host", host)
        assert (clock.waits, host.asked) == (waits, asked + 1)
        host.until = 0
        assert trying.run("host", host) == "done"
        host.until = clock.now + 10
        assert trying.run("host", host) == "done"
        assert clock.waits == [*waits, 30]
    clock = Clock()
    with pytest.raises(RateLimited):
        retrier(clock, Notes()).run("host", Limited(clock, 1e9, wait=7200))
    assert clock.waits == []


def test_other_failures_have_attempts_of_their_own() -> None:
    """Rests use none of them up."""
    clock = Clock()
    host = Limited(clock, 1000 + 200)
    failures = iter([FetchTimeout("late")] * (DEFAULT_PATIENCE.attempts - 1))

    def action() -> str:
        host()
        for failure in failures:
            raise failure
        return "done"

    assert retrier(clock, Notes()).run("host", action) == "done"


def test_other_hosts_go_on() -> None:
    """A rest is one host's."""
    clock = Clock()
    trying = retrier(clock, Notes())
    with pytest.raises(RateLimited):
        trying.run("limited", Limited(clock, 1e9), hurried=True)
    assert trying.run("other", lambda: "done") == "done"
    assert clock.waits == []


def test_nobody_has_to_wait() -> None:
    """Who has another place to ask is told so, and does not ask a host that rests."""
    clock = Clock()
    trying, host = retrier(clock, Notes()), Limited(clock, 1e9)
    for _ in range(3):
        with pytest.raises(RateLimited):
            trying.run("host", host, hurried=True)
    assert (host.asked, clock.waits) == (1, [])
    clock.now += 31
    with pytest.raises(RateLimited):
        trying.run("host", host, hurried=True)
    assert host.asked == 2


def test_all_threads_share_a_pause() -> None:
    """Requests that were under way when a host began to refuse make no longer pauses, and it is told once."""
    clock, notes = Clock(), Notes()
    trying = retrier(clock, notes)
    together = threading.Barrier(6)

    def limited_at_once() -> Callable[[], str]:
        asked = iter(range(2))

        def action() -> str:
            if next(asked) == 0:
                together.wait(10)
                raise RateLimited("HTTP 429")
            return "done"

        return action

    with ThreadPoolExecutor(6) as pool:
        results = [pool.submit(trying.run, "host", limited_at_once()) for _ in range(6)]
        assert [result.result() for result in results] == ["done"] * 6
    assert len(notes.told) == 1


def test_stopping_ends_a_rest() -> None:
    """A run that is to end waits for nobody."""
    brake = Brake(threading.Event())
    trying = Retrier(DEFAULT_PATIENCE, brake, Notes())

    def limited() -> None:
        brake.pull()
        raise RateLimited("HTTP 429")

    with pytest.raises(Stopped):
        trying.run("host", limited)
