"""Tests of what is opened once for many and closed when nobody needs it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import Iterator, TypeVar

import pytest

from archiver.offline.lending import Lending

V = TypeVar("V")


@contextmanager
def lent(lending: Lending[int, V], key: int) -> Iterator[V]:
    """Take the thing of a key for as long as the block lasts."""
    value = lending.take(key)
    try:
        yield value
    finally:
        lending.give_back(key)


class Openings:
    """Opens numbers, and notes what was opened and closed."""

    def __init__(self, spare: int) -> None:
        self.opened: list[int] = []
        self.closed: list[int] = []
        self.failing: set[int] = set()
        self.lending: Lending[int, int] = Lending(self._open, lambda key, _: self.closed.append(key), spare)

    def _open(self, key: int) -> int:
        if key in self.failing:
            raise ValueError(key)
        self.opened.append(key)
        return key


def test_it_is_opened_once_and_kept_while_anybody_has_it() -> None:
    """Two users, one opening; without spares it is closed when the second one gives it back."""
    made = Openings(spare=0)
    with lent(made.lending, 1), lent(made.lending, 1):
        assert made.opened == [1]
        assert made.closed == []
    assert made.closed == [1]


def test_what_was_unused_for_the_longest_time_is_closed_first() -> None:
    """As many unused things as there may be spares stay open."""
    made = Openings(spare=2)
    for key in (1, 2, 1, 3):
        with lent(made.lending, key):
            pass
    assert made.opened == [1, 2, 3]
    assert made.closed == [2]


def test_what_is_in_use_outlives_any_number_of_others() -> None:
    """Only unused things count as spares."""
    made = Openings(spare=1)
    with lent(made.lending, 0):
        for key in (1, 2, 3):
            with lent(made.lending, key):
                pass
        assert made.closed == [1, 2]


def test_a_failure_reaches_who_asked_and_the_next_one_tries_again() -> None:
    """Nothing is remembered of what could not be opened, and nothing of it closed."""
    made = Openings(spare=0)
    made.failing = {1}
    with pytest.raises(ValueError, match="1"):
        made.lending.take(1)
    made.failing = set()
    with lent(made.lending, 1) as value:
        assert value == 1
    assert made.closed == [1]


def test_many_threads_open_it_once() -> None:
    """Whoever asks while it is being opened waits for the same thing."""
    opened: list[int] = []
    together = threading.Barrier(8)
    seen: list[object] = []

    def opening(key: int) -> object:
        opened.append(key)
        return object()

    lending: Lending[int, object] = Lending(opening, lambda *_: None, 1)

    def use() -> None:
        together.wait(10)
        with lent(lending, 1) as value:
            seen.append(value)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert opened == [1]
    assert len(set(map(id, seen))) == 1


def test_closing_closes_all_and_giving_back_afterwards_is_no_error() -> None:
    """At the end requests may still be under way."""
    made = Openings(spare=1)
    made.lending.take(1)
    made.lending.close()
    made.lending.give_back(1)
    assert made.closed == [1]
