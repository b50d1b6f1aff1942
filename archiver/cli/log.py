"""A log file: a line an event, with its time in front, for runs that nobody watches."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from archiver.core.amounts import size_text
from archiver.core.clock import iso, utc_now
from archiver.core.errors import ArchiverError, StoreError
from archiver.core.printable import printable
from archiver.store.atomic import storage_errors

if TYPE_CHECKING:
    from pathlib import Path

    from archiver.core.progress import Task

INFO = "INFO"
WARNING = "WARNING"
ERROR = "ERROR"
_LONGEST = 4000  # characters of a line


class LogFile:
    """A file that lines are appended to, each in one write: several programs may use it at once.

    Once it cannot be written, for want of space say, the lines are lost and ``problem`` has the reason: what the log is
    about goes on.

    Args:
        path: the file; None for no log.

    Raises:
        StoreError: or a subclass, where it cannot be opened.
    """

    def __init__(self, path: Path | None) -> None:
        self.problem: StoreError | None = None
        self._path = path
        self._stream: IO[bytes] | None = None
        if path is not None:
            with storage_errors(path):
                self._stream = path.open("ab", buffering=0)

    def write(self, level: str, text: str) -> None:
        """Add a line for each line of a text, with the time in UTC and the level in front."""
        if self._stream is None or self._path is None or self.problem is not None:
            return
        prefix = f"{iso(utc_now())} {level:7} "
        lines = "".join(f"{prefix}{printable(line, _LONGEST)}\n" for line in text.splitlines())
        try:
            with storage_errors(self._path):
                self._stream.write(lines.encode("utf-8", "replace"))
        except StoreError as error:
            self.problem = error

    def error(self, error: ArchiverError) -> None:
        """Add an error with its code and hint, and the further ones that were found with it."""
        for each in (error, *error.more):
            self.write(ERROR, f"{each} [{each.code}]")
            if each.hint:
                self.write(ERROR, f"  hint: {each.hint}")

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


class LogProgress:
    """Progress as lines of a log: what was told, and how far each task came when it ended."""

    def __init__(self, log: LogFile, project: str) -> None:
        self._log, self._project = log, project

    def task(self, label: str, unit: str, total: int | None = None) -> Task:
        """Begin a task."""
        return _LoggedTask(self._log, f"{self._project}: {label}", unit, total)

    def note(self, message: str) -> None:
        """Add a line."""
        self._log.write(INFO, message)

    def warn(self, message: str) -> None:
        """Add a warning."""
        self._log.write(WARNING, message)


class _LoggedTask:
    def __init__(self, log: LogFile, label: str, unit: str, total: int | None) -> None:
        self._log, self._label, self._unit, self._total = log, label, unit, total
        self._done, self._closed = 0, False

    def advance(self, count: int = 1) -> None:
        self._done += count

    def expect(self, total: int) -> None:
        self._total = total

    def describe(self, text: str) -> None:
        """Ignore it: lines of a log do not pass by."""

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        of = f" of {self._amount(self._total)}" if self._total and self._total != self._done else ""
        unit = "" if self._unit == "B" else f" {self._unit}"
        self._log.write(INFO, f"{self._label}: {self._amount(self._done)}{of}{unit}")

    def _amount(self, count: int) -> str:
        return size_text(count) if self._unit == "B" else f"{count:,}"
