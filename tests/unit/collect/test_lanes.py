"""Threads and transfers by host."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from archiver.collect.lanes import Lanes, Slots
from archiver.collect.retry import Brake
from archiver.core.errors import Stopped


def test_slots_are_counted_by_host_and_waiting_ends_with_the_run() -> None:
    """A second transfer with a host that bears one waits; with another host it does not; a stop ends it."""
    stop, waits = threading.Event(), threading.Event()
    slots = Slots(lambda _: 1, Brake(stop))
    with slots.taken("a"), slots.taken("b"), ThreadPoolExecutor(1) as pool:

        def take() -> None:
            waits.set()
            with slots.taken("a"):
                raise AssertionError

        waiting = pool.submit(take)
        waits.wait(60)
        stop.set()
        with pytest.raises(Stopped):
            waiting.result(60)
    with slots.taken("a"):
        pass


def test_lanes_drop_what_has_not_begun_when_they_close() -> None:
    """What is under way ends, what waits behind it never begins."""
    lanes, began, go = Lanes(lambda _: 1, "test"), threading.Event(), threading.Event()

    def first() -> str:
        began.set()
        go.wait(60)
        return "done"

    running, waiting = lanes.submit("a", first), lanes.submit("a", lambda: "never")
    began.wait(60)
    closing = threading.Thread(target=lanes.close)
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(60)
    go.set()
    closing.join()
    assert running.result() == "done"


def test_a_host_that_stands_still_holds_up_no_other() -> None:
    """One thread each: the second host's work is done while the first one's is under way."""
    lanes, go = Lanes(lambda _: 1, "test"), threading.Event()
    standing = lanes.submit("a", lambda: go.wait(60))
    assert lanes.submit("b", lambda: "done").result(60) == "done"
    go.set()
    assert standing.result(60)
    lanes.close()


def test_thousands_of_hosts_share_some_threads() -> None:
    """A list of links may name as many hosts as it likes: the work of all is done, by a bounded number of threads."""
    lanes, names = Lanes(lambda host: 1 + int(host[1:]) % 2, "test"), set[str]()
    done = [
        lanes.submit(f"h{number}", lambda: names.add(threading.current_thread().name))
        for number in range(3000)
    ]
    for each in done:
        each.result(60)
    lanes.close()
    assert len(names) <= 16 * 1 + 16 * 2 + 1 + 2


def test_hosts_that_share_threads_are_asked_by_no_more_than_each_bears() -> None:
    """Behind many hosts, those of the same width share a lane: one that bears a single request gets one at a time."""
    lanes = Lanes(lambda host: 1 if host.startswith("narrow") else 3, "test")
    for number in range(40):
        lanes.submit(f"wide{number}", lambda: None).result(60)
    together, threads = threading.Barrier(3, timeout=60), set[int]()
    wide = [lanes.submit(f"wide{number}", together.wait) for number in range(37, 40)]
    narrow = [lanes.submit("narrow", lambda: threads.add(threading.get_ident())) for _ in range(50)]
    for each in (*wide, *narrow):
        each.result(60)
    lanes.close()
    assert len(threads) == 1
