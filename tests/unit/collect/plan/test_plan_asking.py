from __future__ import annotations

import threading

import pytest

from archiver.collect.plan.asking import Question, answers
from archiver.core.errors import StorageDenied


class _Task:
    def __init__(self) -> None:
        self.done: list[str] = []
        self.closed = False

    def advance(self, count: int = 1) -> None:
        """Take no note of it."""

    def expect(self, total: int) -> None:
        """Take no note of it."""

    def describe(self, text: str) -> None:
        """Note what is done."""
        self.done.append(text)

    def close(self) -> None:
        """Note that it is over."""
        self.closed = True


def test_answers_keep_the_order_of_the_questions():
    """Whoever answers first, the answers stand as the questions did; each is shown, and the end is told."""
    later = threading.Event()

    def first() -> str:
        assert later.wait(60)
        return "first"

    def second() -> str:
        later.set()
        return "second"

    task, aborted = _Task(), []
    questions = [Question("a", "one", first), Question("b", "two", second)]
    found = answers(questions, connections=lambda _: 1, abort=lambda: aborted.append(True), task=task)
    assert found == ("first", "second")
    assert sorted(task.done) == ["one", "two"]
    assert task.closed
    assert aborted


def test_a_host_is_asked_no_more_at_a_time_than_allowed():
    """Two connections mean two questions at a time, and another host does not wait for them."""
    lock, now, most = threading.Lock(), [0], [0]
    both = threading.Barrier(2)

    def ask() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        both.wait(60)
        with lock:
            now[0] -= 1

    questions = [Question("a", str(n), ask) for n in range(6)]
    answers(questions, connections=lambda _: 2, abort=lambda: None, task=_Task())
    assert most[0] == 2


def test_what_ends_everything_ends_it():
    """An error that is no answer is raised, and what is under way elsewhere is aborted instead of waited for."""
    aborted = threading.Event()

    def stuck() -> None:
        assert aborted.wait(60)

    def broken() -> None:
        raise StorageDenied("no")

    questions = [Question("a", "stuck", stuck), Question("b", "broken", broken)]
    with pytest.raises(StorageDenied):
        answers(questions, connections=lambda _: 1, abort=aborted.set, task=_Task())
