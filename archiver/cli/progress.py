"""Progress for people: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from archiver.core.progress import NullProgress
from archiver.offline.lineprogress import LineProgress

if TYPE_CHECKING:
    from archiver.core.progress import Progress, Task


def progress_for(stream: TextIO, *, quiet: bool) -> Progress:
    """Return bars where ``stream`` is a terminal, lines where it is not, and nothing where ``quiet``."""
    if quiet:
        return NullProgress()
    if not stream.isatty():
        return LineProgress(stream)
    from archiver.cli.bars import BarProgress  # noqa: PLC0415 - only a terminal needs tqdm, which is slow to import

    return BarProgress(stream)


def default_progress(*, quiet: bool) -> Progress:
    """Return the progress for standard error."""
    return progress_for(sys.stderr, quiet=quiet)


class BothProgress:
    """Progress that is told to two receivers."""

    def __init__(self, first: Progress, second: Progress) -> None:
        self._first, self._second = first, second

    def task(self, label: str, unit: str, total: int | None = None) -> Task:
        """Begin a task with both."""
        return _BothTasks(self._first.task(label, unit, total), self._second.task(label, unit, total))

    def note(self, message: str) -> None:
        """Tell both."""
        self._first.note(message)
        self._second.note(message)

    def warn(self, message: str) -> None:
        """Warn both."""
        self._first.warn(message)
        self._second.warn(message)


class _BothTasks:
    def __init__(self, first: Task, second: Task) -> None:
        self._first, self._second = first, second

    def advance(self, count: int = 1) -> None:
        self._first.advance(count)
        self._second.advance(count)

    def expect(self, total: int) -> None:
        self._first.expect(total)
        self._second.expect(total)

    def describe(self, text: str) -> None:
        self._first.describe(text)
        self._second.describe(text)

    def close(self) -> None:
        self._first.close()
        self._second.close()
