"""Asking several hosts at a time, each in as many threads as it may be asked in."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Generic, Sequence, TypeVar

from archiver.collect.lanes import Lanes

if TYPE_CHECKING:
    from archiver.core.progress import Task

_T = TypeVar("_T")
_SLICE = 0.5  # seconds; how soon Ctrl-C is noticed where nothing answers


@dataclass(frozen=True)
class Question(Generic[_T]):
    """Something to ask a host: what it is about, and the function that asks and returns the answer."""

    host: str
    subject: str
    ask: Callable[[], _T]


def answers(
    questions: Sequence[Question[_T]],
    *,
    connections: Callable[[str], int],
    abort: Callable[[], None],
    task: Task,
) -> tuple[_T, ...]:
    """Return the answers, in the order of the questions.

    Args:
        questions: what to ask.
        connections: how many questions a host gets at the same time.
        abort: ends what is under way in other threads; called at the end, however that comes.
        task: is shown each answer; it is closed at the end.

    Raises:
        Exception: what an ``ask`` raises; the others are given up then.
    """
    with ExitStack() as held:
        held.callback(task.close)
        lanes = Lanes(connections, "plan")
        held.callback(lanes.close)
        held.callback(abort)  # first of all
        asked: dict[Future[_T], Question[_T]] = {
            lanes.submit(question.host, question.ask): question for question in questions
        }
        pending = set(asked)
        while pending:
            done, pending = wait(pending, timeout=_SLICE, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
                task.describe(asked[future].subject)
                task.advance()
        return tuple(future.result() for future in asked)
